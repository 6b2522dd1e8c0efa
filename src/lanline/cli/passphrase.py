"""`lanline passphrase`: what the keys of this home lie under."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lanline.cli.chathome import HomeOption
from lanline.cli.nodecall import home_folder, show_line, show_note
from lanline.cli.running import DEFAULT_HOME
from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE, is_under_passphrase
from lanline.errors import InvalidInput

NEW_VARIABLE = "LANLINE_NEW_PASSPHRASE"
_NOBODY = f"There is nobody to ask for the passphrase: set {PASSPHRASE_VARIABLE}."
_NOBODY_FOR_NEW = f"There is nobody to ask for the new passphrase: set {NEW_VARIABLE}."


def passphrase(
    remove: Annotated[bool, typer.Option("--remove", help="Store the keys without a passphrase again.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Put the keys of this device under a passphrase, under another one, or under none.

    It is asked for once at each start. Whoever takes the disk and does not know it
    can neither sign in as you nor open what others say to you. What was said
    already lies on the disk as you read it.

    \b
    Set it, or change it:  lanline passphrase
    Remove it:             lanline passphrase --remove

    \b
    Scripts: LANLINE_PASSPHRASE is the one until now, LANLINE_NEW_PASSPHRASE the new one.
    Exit status: 0, 1 wrong passphrase, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    folder = home_folder(home)
    _check_keys(folder)
    is_under = is_under_passphrase(folder)
    if remove and not is_under:
        show_line("The keys lie under no passphrase.")
        return
    old = _asked(PASSPHRASE_VARIABLE, "The passphrase until now: ", _NOBODY) if is_under else None
    new = None if remove else _new_one()
    _change(folder, old, new)
    show_line("The keys lie open now, for you alone." if new is None else "The keys lie under the passphrase.")
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given and given != new:
        again = "put under it again" if new is None else "not opened by it"
        show_note(
            f"{PASSPHRASE_VARIABLE} has another one: at the next start the keys are {again}. Unset it, or set it."
        )


def _check_keys(folder: Path) -> None:
    from lanline.client.sealing.passphrase import IDENTITY_FILE

    if not (folder / IDENTITY_FILE).exists():
        raise InvalidInput(f"There are no keys in {folder} yet. Join a server first, or choose another --home.")


def _change(folder: Path, old: str | None, new: str | None) -> None:
    """The process that has the keys open lets go of them first: it would keep nothing more under the one it knows."""
    from lanline.client.node.start import node_paused
    from lanline.client.sealing.lockedfile import change_passphrase, check_passphrase

    check_passphrase(folder, old, os.urandom)
    with node_paused(folder, new or ""):
        change_passphrase(folder, old, new, os.urandom)


def _new_one() -> str:
    from lanline.client.passwords import password_from_terminal
    from lanline.model.passwords import weakness

    new = _asked(NEW_VARIABLE, "The new passphrase: ", _NOBODY_FOR_NEW)
    if weak := weakness(new, ""):
        raise InvalidInput(weak.replace("password", "passphrase"))
    if NEW_VARIABLE not in os.environ and password_from_terminal("The same again: ", _NOBODY_FOR_NEW) != new:
        raise InvalidInput("The two passphrases differ. Nothing was changed.")
    return new


def _asked(variable: str, question: str, nobody: str) -> str:
    from lanline.client.passwords import checked_password, password_from_terminal

    given = os.environ.get(variable)
    return checked_password(given) if given else password_from_terminal(question, nobody)

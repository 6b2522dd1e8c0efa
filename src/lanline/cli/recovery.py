"""`lanline recovery make` and `lanline recovery use`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.admin.asking import ask_group, say, way_to_server
from lanline.cli.chathome import HomeOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, checked_timeout, expanded, home_folder, show_note, unlock
from lanline.cli.running import DEFAULT_HOME, run
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.chat.client import ChatClient
    from lanline.client.sealing.recoveryfile import RecoveryFile

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
File = Annotated[Path | None, typer.Argument(metavar="FILE", help="A file in place of words.", show_default=False)]
_NOBODY = "There is nobody to ask for the passphrase: set LANLINE_PASSPHRASE."
_NO_WORDS = "Nobody is here to type the words: write them on standard input."


@app.callback()
def recovery() -> None:
    """Make the key that gets your account back, or use it.

    It is for when every device of yours is lost.
    """


@app.command()
def make(
    file: File = None,
    again: Annotated[bool, typer.Option("--again", help="In place of the one that you have.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Make the recovery key of your account.

    Words to write down, or a file under a passphrase.
    Whoever has it can act as you, and it outranks every device: do not keep it
    where your devices are. It is shown once, and kept nowhere.

    \b
    Words on paper:      lanline recovery make
    A file on a stick:   lanline recovery make /media/stick/lanline.recovery
    In place of another: lanline recovery make --again

    \b
    Exit status: 0, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    before = _typed_words("The words of the key that you have: ") if again else None
    from lanline.client.joining import note_recovery_shown

    path = None if file is None else expanded(file, "FILE")
    if path is not None and path.exists():
        raise InvalidInput(f"{path} is there already. Choose another name.")
    passphrase = "" if path is None else _new_passphrase()
    content = ask_group(home, lambda client: _make(client, home, before))
    _show(content, path, passphrase)
    note_recovery_shown(home_folder(home))


def _show(content: RecoveryFile, path: Path | None, passphrase: str) -> None:
    if path is not None:
        from lanline.client.sealing.recoveryfile import write_recovery_file

        try:
            write_recovery_file(path, content, passphrase, os.urandom)
        except InvalidInput as problem:
            show_note(f"{problem} The key was made: write down its words instead.")
        else:
            say(f"Your recovery key is in {path}, under its passphrase.")
            return
    from lanline.client.joining import in_lines
    from lanline.crypto.words import secret_words

    say("Write these words down, and keep them where no device of yours is. They are shown this once:")
    for line in in_lines(secret_words(content.chance)):
        say(line)


async def _make(client: ChatClient, home: Path, before: bytes | None) -> RecoveryFile:
    from lanline.client.sealing.recoveryfile import RecoveryFile
    from lanline.model.addresses import address_text

    member = client.node.seals.member
    assert member is not None
    chance = await member.recovery.make(before)
    way, chain = way_to_server(None, home), member.copy.chain
    name, place = chain.accounts[member.copy.account_id].name.decode(), address_text((way.host, way.port))
    return RecoveryFile(chance, place, way.fingerprint, name, chain.group_id, chain.height, chain.head)


@app.command()
def use(
    file: File = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="With words, in a new home: where the server is.", show_default=False),
    ] = None,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Get back into your account on this device.

    And read there all that you may.

    \b
    A file, in any home:       lanline recovery use /media/stick/lanline.recovery
    Words, in a new home:      lanline recovery use --server 10.0.0.5
    Words, after lanline join: lanline recovery use

    \b
    Exit status: 0, 1 refused or not reached, 64 wrong usage.
    """  # noqa: D301 -- as above
    from lanline.cli.join import accepted_key, patience_of
    from lanline.client.joining import Group, RecoveryKey, join_server
    from lanline.client.node.start import node_paused
    from lanline.client.pin import read_pin

    limit_s, folder = checked_timeout(timeout), home_folder(home)
    unlock(home)
    pin = read_pin(folder)
    accepted: bytes | None = None
    if file is not None:
        found = _read(expanded(file, "FILE"))
        place, name, accepted = server or found.server, found.name, found.fingerprint
        key = RecoveryKey(found.chance, found.seen)
    else:
        place, name = server or ("" if pin is None else pin.place), "" if pin is None else pin.nick
        if not place:
            raise InvalidInput("Words do not say where your server is: add --server HOST")
        key = RecoveryKey(_typed_words("The words of your recovery key: "))
        if pin is None:
            accepted = accepted_key(folder, place, name, None, limit_s)
    with node_paused(folder):
        joining = join_server(folder, place, name, key, accepted_key=accepted, patience=patience_of(limit_s))
        joined = run(joining, on_uvloop=False)
    if joined.group is not Group.IN:
        raise InvalidInput(joined.problem or "This device is not in the group yet. Try again in a moment.")
    say(f"This device is one of {joined.name}'s again.")
    say("Take out what is lost: lanline devices")


def _read(path: Path) -> RecoveryFile:
    from lanline.client.sealing.recoveryfile import check_readable, read_recovery_file

    check_readable(path)  # before a passphrase is typed for nothing
    return read_recovery_file(path, _passphrase(f"Passphrase of {path.name}: "))


def _typed_words(question: str) -> bytes:
    from lanline.crypto.words import secret_of_words

    if sys.stdin is None:
        raise InvalidInput(_NO_WORDS)
    try:
        typed = input(question) if sys.stdin.isatty() else sys.stdin.read(4096)
    except EOFError as cause:
        raise InvalidInput(_NO_WORDS) from cause
    words = typed.replace("-", " ").split()
    if len(words) != 17:
        raise InvalidInput(f"A recovery key has 17 words; these are {len(words)}.")
    return secret_of_words(words)


def _passphrase(question: str) -> str:
    from lanline.client.passwords import password_from_terminal
    from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE

    return os.environ.get(PASSPHRASE_VARIABLE) or password_from_terminal(question, _NOBODY)


def _new_passphrase() -> str:
    from lanline.client.passwords import password_from_terminal
    from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    typed = password_from_terminal("A passphrase for the file: ", _NOBODY)
    if not typed or password_from_terminal("The same again: ", _NOBODY) != typed:
        raise InvalidInput("The two passphrases differ, or are empty. Nothing was made.")
    return typed

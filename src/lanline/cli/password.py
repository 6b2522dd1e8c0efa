"""Owns `lanline password`, and where a password comes from: a command, the environment, the terminal."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from lanline.cli.chathome import HomeOption, TimeoutOption
from lanline.cli.nodecall import DEFAULT_TIMEOUT_S, at_server, show_line
from lanline.cli.running import DEFAULT_HOME
from lanline.client.passwords import checked_password, password_from_command, password_from_terminal
from lanline.errors import InvalidInput, LanlineError, RefusalCode, RequestRefused
from lanline.model.passwords import MIN_PASSWORD_CHARS, weakness

PASSWORD_VARIABLE = "LANLINE_PASSWORD"  # noqa: S105 -- the name of a variable, not a password
_NOBODY_AT_ALL = "There is nobody to ask for the password: run this at a terminal."
NOBODY = f"There is nobody to ask for the password: set {PASSWORD_VARIABLE}, or give --password-command."


def password(timeout: TimeoutOption = DEFAULT_TIMEOUT_S, home: HomeOption = DEFAULT_HOME) -> None:
    """Set the password of your account, or another one.

    With it you add a further device to your account: lanline join. The devices that
    you have need none.

    \b
    Set it:   lanline password

    \b
    Exit status: 0 set, 1 refused or the server is not reached, 64 wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    if not change_password(home, timeout):
        raise InvalidInput("Nothing was typed: the password is what it was.")
    show_line("The password is set.")


def change_password(home: Path, timeout_s: float) -> bool:
    """Asks for the new one, and for the old one where the server wants it. False: the person typed nothing."""
    from lanline.client.node.protocol import ChangePassword

    new = password_from_terminal(f"New password, at least {MIN_PASSWORD_CHARS} characters: ", _NOBODY_AT_ALL)
    if not new:
        return False
    if weak := weakness(new, ""):
        raise InvalidInput(weak)
    confirm_password(new)
    try:
        at_server(home, timeout_s, lambda call: call.ask(ChangePassword("", new)))
    except RequestRefused as problem:
        if problem.code is not RefusalCode.BAD_CREDENTIALS:
            raise
        old = password_from_terminal("The password until now: ", _NOBODY_AT_ALL)
        at_server(home, timeout_s, lambda call: call.ask(ChangePassword(old, new)))
    return True


def offer_password(home: Path) -> None:
    """At the first end of somebody whose account has none."""
    show_line("\nA password lets you in from another device too. Without one: press Enter.")
    try:
        if change_password(home, DEFAULT_TIMEOUT_S):
            show_line("The password is set.")
    except LanlineError as problem:
        show_line(f"{problem} Later: lanline password")


def read_password(name: str, command: str | None) -> str:
    """The command wins over the environment, and that over the terminal. Asked once: to join says if it is wrong."""
    if command is not None:
        return password_from_command(_words(command))
    if PASSWORD_VARIABLE in os.environ:
        return checked_password(os.environ[PASSWORD_VARIABLE])
    return password_from_terminal(f"The password of {name}, if you have that account: ", NOBODY)


def confirm_password(password: str) -> None:
    """For a new account: what is mistyped twice alike is rare."""
    if password_from_terminal("The same again: ", NOBODY) != password:
        raise InvalidInput("The two passwords differ. Nothing was done; try again.")


def is_asked_for(command: str | None) -> bool:
    return command is None and PASSWORD_VARIABLE not in os.environ


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as cause:
        raise InvalidInput("The password command has a quote that does not end.") from cause

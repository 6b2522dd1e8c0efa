"""Owns where the password of an account comes from: a command, the environment, or the terminal."""

from __future__ import annotations

import os
import shlex

from lanline.client.passwords import checked_password, password_from_command, password_from_terminal
from lanline.errors import InvalidInput
from lanline.model.passwords import LEAST_PASSWORD_CHARS

PASSWORD_VARIABLE = "LANLINE_PASSWORD"  # noqa: S105 -- the name of a variable, not a password
_NOBODY = f"There is nobody to ask for the password: set {PASSWORD_VARIABLE}, or give --password-command."


def read_password(name: str, command: str | None) -> str:
    """The command wins over the environment, and that over the terminal. Asked once: to join says if it is wrong."""
    if command is not None:
        return password_from_command(_words(command))
    if PASSWORD_VARIABLE in os.environ:
        return checked_password(os.environ[PASSWORD_VARIABLE])
    return password_from_terminal(
        f"Password for {name} (yours, or at least {LEAST_PASSWORD_CHARS} characters for a new account): ", _NOBODY
    )


def confirm_password(password: str) -> None:
    """For a new account: what is mistyped twice alike is rare."""
    if password_from_terminal("The same again: ", _NOBODY) != password:
        raise InvalidInput("The two passwords differ. Nothing was done; try again.")


def check_askable() -> None:
    """Raises InvalidInput where there is no terminal: before anything is called."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError as cause:
        raise InvalidInput(_NOBODY) from cause


def is_asked_for(command: str | None) -> bool:
    return command is None and PASSWORD_VARIABLE not in os.environ


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as cause:
        raise InvalidInput("The password command has a quote that does not end.") from cause

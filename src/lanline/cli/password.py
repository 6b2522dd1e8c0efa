"""The password of an account, for who joins: from the environment, a command, or the terminal."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import warnings

from lanline.errors import InvalidInput

PASSWORD_VARIABLE = "LANLINE_PASSWORD"  # noqa: S105 -- the name of a variable, not a password
_COMMAND_LIMIT_S = 120


def read_password(name: str, command: str | None) -> str:
    """The command wins over the environment, and that over the terminal. Asked once: to join says if it is wrong."""
    if command is not None:
        return _from_command(command)
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    return _from_terminal(f"Password for {name} (yours, or at least 8 characters for a new account): ")


def confirm_password(password: str) -> None:
    """For a new account: what is mistyped twice alike is rare."""
    if _from_terminal("The same again: ") != password:
        raise InvalidInput("The two passwords differ. Nothing was done; try again.")


def is_asked_for(command: str | None) -> bool:
    return command is None and PASSWORD_VARIABLE not in os.environ


def _from_command(command: str) -> str:
    """Its first line. The command's own words stay out of every sentence: there may be a secret in them."""
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 -- the person named this command
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_LIMIT_S, check=False
        )
    except (OSError, ValueError, IndexError) as cause:
        raise InvalidInput("The password command cannot be started.") from cause
    except subprocess.TimeoutExpired as cause:
        raise InvalidInput(f"The password command did not end within {_COMMAND_LIMIT_S} seconds.") from cause
    if done.returncode != 0:
        raise InvalidInput(f"The password command failed with status {done.returncode}.")
    try:
        first_line = done.stdout.decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError as cause:
        raise InvalidInput("The password command printed something that is not UTF-8 text.") from cause
    if not first_line:
        raise InvalidInput("The password command printed nothing.")
    return first_line


def _from_terminal(question: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # better no password than one that is seen
            os.close(os.open("/dev/tty", os.O_RDWR))
            return getpass.getpass(question)
    except (OSError, EOFError, getpass.GetPassWarning) as cause:
        raise InvalidInput(
            f"There is nobody to ask for the password: set {PASSWORD_VARIABLE}, or give --password-command."
        ) from cause

"""Passwords from outside: the first line of a command, or typed unseen. Whose they are is the caller's to know."""

from __future__ import annotations

import getpass
import os
import warnings
from collections.abc import Sequence

from lanline.errors import InvalidInput

_COMMAND_LIMIT_S = 120


def password_from_command(words: Sequence[str]) -> str:
    """Its first line. The command's own words stay out of every sentence: there may be a secret in them."""
    import subprocess  # noqa: PLC0415  whoever needs no command does without

    try:
        done = subprocess.run(  # noqa: S603 -- the person named this command
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_LIMIT_S, check=False
        )
    except (OSError, ValueError, IndexError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "it is not a command"
        raise InvalidInput(f"The password command could not be started: {reason}.") from cause
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


def password_from_terminal(question: str, otherwise: str) -> str:
    """`otherwise` is the sentence for where there is nobody to ask."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # better no password than one that is seen
            os.close(os.open("/dev/tty", os.O_RDWR))
            return checked_password(getpass.getpass(question))
    except (OSError, EOFError, getpass.GetPassWarning) as cause:
        raise InvalidInput(otherwise) from cause


def checked_password(password: str) -> str:
    """Python lets bytes that are no text through from a terminal and from the environment."""
    try:
        password.encode()
    except UnicodeEncodeError as cause:
        raise InvalidInput("The password is not UTF-8 text.") from cause
    return password

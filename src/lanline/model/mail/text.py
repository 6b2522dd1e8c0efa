"""What a person typed, checked before it comes near a header field, a command of the wire or a terminal."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterator

from lanline.errors import InvalidInput

MAX_FIELD_CHARS = 16_000
"""Postfix cuts a header field off at 102,400 bytes without a word, and this many characters may take 86,000."""

_PRINTABLE_ASCII = re.compile(r"[ -~]*")


def checked_line(text: str, what: str) -> str:
    """`text`, if it is one line that can stand in a header field; `what` names it to the person."""
    if len(text) > MAX_FIELD_CHARS:
        raise InvalidInput(f"{what} is {len(text)} characters long; {MAX_FIELD_CHARS} are the limit.")
    if _PRINTABLE_ASCII.fullmatch(text):
        return text
    if text.splitlines() not in ([], [text]):
        raise InvalidInput(f"{what} must be a single line: {shown(text)} has a line break in it.")
    for character in text:
        if character != "\t" and unicodedata.category(character) == "Cc":
            raise InvalidInput(f"{what} has a control character in it (U+{ord(character):04X}): {shown(text)}.")
    return checked_unicode(text, what)


def checked_unicode(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise InvalidInput(f"{what} is not valid UTF-8 text.") from cause
    return text


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """What the system says no to, as a sentence that begins with `what`."""
    try:
        yield
    except (OSError, ValueError) as cause:  # the latter where a path has a NUL in it
        raise InvalidInput(f"{what}: {getattr(cause, 'strerror', None) or cause}.") from cause


def shown(text: str, limit: int = 80) -> str:
    """For a sentence: quoted, short, with every character that could move a cursor written as an escape."""
    return f'"{terminal_safe(text if len(text) <= limit else text[:limit] + "…")}"'


def terminal_safe(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)

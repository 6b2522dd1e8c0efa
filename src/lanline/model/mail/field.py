"""Header fields on the wire: folding (RFC 5322, 2.2.3), words outside ASCII (RFC 2047), parameters (RFC 2231).

The folding is not that of the `email` package: what a reader unfolds must be what was typed, to the last blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.header import Header
from urllib.parse import quote

from lanline.errors import InvalidInput
from lanline.model.mail.address import Mailbox

_LINE_CHARS = 76
"""RFC 2047, section 2: the limit of a line that holds an encoded word. Used for all."""
_LONGEST_WORD_CHARS = 900
"""A word cannot be folded, and a line ends at 998 (RFC 5322, 2.1.1)."""
_MAX_FIELD_BYTES = 100_000
_LONE_SPACE = re.compile(r"(?<=[^ \t]) (?=[^ \t])")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.()+-][A-Za-z0-9_.()+ -]{0,59}")
_PARAMETER_CHARS = 60


def text_field(name: str, value: str) -> bytes:
    """A field whose value is free text."""
    words = _LONE_SPACE.split(value)
    is_plain = value.isascii() and "=?" not in value and value == value.strip()
    if is_plain and all(len(word) <= _LONGEST_WORD_CHARS for word in words):
        return _folded(name, words)
    return _folded(name, encoded_words(value, len(name) + 2))


def token_field(name: str, value: str) -> bytes:
    """A field whose value is ASCII with a grammar of its own: folded, never encoded."""
    return _folded(name, _LONE_SPACE.split(value))


def mailbox_field(name: str, mailboxes: Iterable[Mailbox]) -> bytes:
    words: list[str] = []
    for mailbox in mailboxes:
        if words:
            words[-1] += ","
        words += [*_phrase(mailbox.display_name), f"<{mailbox.address}>" if mailbox.display_name else mailbox.address]
    return _folded(name, words)


def parameter(name: str, value: str) -> str:
    """`; name=value`, each piece on a line of its own; outside ASCII, or long, as RFC 2231 has it."""
    if _PLAIN_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    pieces = _percent_pieces(value)
    pieces[0] = f"utf-8''{pieces[0]}"
    numbers = [""] if len(pieces) == 1 else [f"*{number}" for number in range(len(pieces))]
    return "".join(f";\r\n {name}{number}*={piece}" for number, piece in zip(numbers, pieces, strict=True))


def encoded_words(text: str, used_chars: int) -> list[str]:
    """RFC 2047 words; the first leaves room for `used_chars` on its line. No character is cut in two."""
    return Header(text, "utf-8", _LINE_CHARS, "x" * (used_chars - 2)).encode().split()


def _phrase(name: str) -> list[str]:
    """RFC 5322, 3.2.5: atoms as they are, other ASCII in quotes, everything else in encoded words."""
    if not name:
        return []
    if not name.isascii() or "=?" in name or "\t" in name or len(name) > _LINE_CHARS - 16:
        return encoded_words(name, 1)
    if _ATOMS.fullmatch(name):
        return [name]
    return ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']


def _percent_pieces(value: str) -> list[str]:
    pieces = [""]
    for character in value:
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _PARAMETER_CHARS:
            pieces.append("")
        pieces[-1] += encoded
    return pieces


def _folded(name: str, words: list[str]) -> bytes:
    lines = [" ".join([f"{name}:", *words[:1]])]  # a fold right after the colon would become part of the value
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _LINE_CHARS:
            lines.append("")
        lines[-1] += f" {word}"
    field = "\r\n".join(lines).encode() + b"\r\n"
    if len(field) > _MAX_FIELD_BYTES:
        raise InvalidInput(
            f"The header field {name} would be {len(field)} bytes long, and servers cut it off at {_MAX_FIELD_BYTES};"
            " shorten it (many recipients go into Bcc)."
        )
    return field

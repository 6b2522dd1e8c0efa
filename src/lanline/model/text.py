"""What people write, made safe to show: nothing that came over a wire reaches a terminal as a command to it."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_LENGTH = 32
MAX_TEXT_BYTES = 1024 * 1024

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSAFE_CATEGORIES = {"Cc", "Cs", "Co", "Cn"}
_BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n\t]")
# Letters and marks by their category, but never seen: fillers, joiners, selectors.
INVISIBLE = {
    *range(0x115F, 0x1161),
    *range(0x17B4, 0x17B6),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
    0x034F,
    0x3164,
    0x16FE4,
    0xFFA0,
}
_LINE_BREAKS = "\u0085\u2028\u2029\v\f"


def safe_text(text: str) -> str:
    """Escape sequences, control characters and direction overrides become visible; line breaks and tabs stay."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_PLAIN.sub(lambda found: _safe_character(found.group()), unified)


def _safe_character(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    if character in _LINE_BREAKS:
        return "\n"
    if character in _BIDI_CONTROLS or unicodedata.category(character) in _UNSAFE_CATEGORIES:
        return _REPLACEMENT
    return character


def safe_line(text: str) -> str:
    return " ".join(safe_text(text).split("\n"))


def is_seen(character: str) -> bool:
    """Not so: what joins, selects, or stands there without width (Unicode tags among them)."""
    return unicodedata.category(character) != "Cf" and ord(character) not in INVISIBLE


def display_name(name: str) -> str:
    """A name from elsewhere, fit for a line: one line, short, never empty."""
    seen = "".join(filter(is_seen, safe_line(name).replace(_REPLACEMENT, "")))
    cleaned = " ".join(seen.split())[:MAX_NAME_LENGTH].rstrip()
    return cleaned or "somebody"

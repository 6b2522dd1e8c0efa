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


def display_name(name: str) -> str:
    """A name from elsewhere, fit for a line: one line, short, never empty."""
    cleaned = " ".join(safe_line(name).replace(_REPLACEMENT, "").split())[:MAX_NAME_LENGTH].rstrip()
    return cleaned or "somebody"

"""Owns the choosing of one of some rows at a terminal: by its letter or the arrows, and Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Sequence

_UP, _DOWN = {"\x1b[A", "\x1bOA"}, {"\x1b[B", "\x1bOB"}
_ENTER, _END, _ERASE = {"\r", "\n"}, {"\x04", ""}, {"\x7f", "\b"}
Row = tuple[str, str]
"""A letter and a text."""


def choose_row(rows: Sequence[Row]) -> int | None:
    """None: the person wants none of them."""
    terminal = sys.stdin.fileno()
    found = termios.tcgetattr(terminal)
    chosen: int | None = 0
    typed = ""
    _draw(rows, chosen, "")
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed ahead counts
        while (key := _key(terminal)) not in _END:
            if key in _ENTER and chosen is not None:
                return chosen
            told = ""
            if key in _ENTER:
                chosen, typed, told = 0, "", f"Type one of {', '.join(letter for letter, _ in rows)}."
            elif key in _UP | _DOWN:
                chosen, typed = ((chosen or 0) + (1 if key in _DOWN else -1)) % len(rows), ""
            else:
                typed = _typed(typed, key)
                chosen = _meant(rows, typed)
            sys.stdout.write(f"\r\x1b[{len(rows)}A")
            _draw(rows, chosen, told or typed)
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, found)
        sys.stdout.write("\n")
    return None


def _typed(before: str, key: str) -> str:
    return before[:-1] if key in _ERASE else before + key.lower() if key.isprintable() else before


def _meant(rows: Sequence[Row], typed: str) -> int | None:
    """By its letter, or by how its text begins; None: by nothing."""
    letters = [number for number, (letter, _) in enumerate(rows) if letter == typed]
    texts = [number for number, (_, text) in enumerate(rows) if text.lower().startswith(typed)]
    return next(iter(letters + texts), None)


def _key(terminal: int) -> str:
    select.select([terminal], [], [])  # what ran here before may have left it as one that does not block
    first = os.read(terminal, 1)
    if first != b"\x1b":
        return first.decode("utf-8", "replace")
    return (first + os.read(terminal, 2)).decode("utf-8", "replace")


def _draw(rows: Sequence[Row], chosen: int | None, typed: str) -> None:
    for number, (letter, text) in enumerate(rows):
        sys.stdout.write(f"\r{'>' if number == chosen else ' '} {letter}  {text}\x1b[K\n")
    sys.stdout.write(f"A letter or the arrows, and Enter: {typed}\x1b[K")
    sys.stdout.flush()

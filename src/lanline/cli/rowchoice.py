"""Owns the choosing of one of some rows at a terminal: by its letter or the arrows, and Enter."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Sequence

_UP, _DOWN = {"\x1b[A", "\x1bOA"}, {"\x1b[B", "\x1bOB"}
_ENTER, _END = {"\r", "\n"}, {"\x04"}


def choose_row(rows: Sequence[tuple[str, str]]) -> int | None:
    """Each a letter and a text. None: the person wants none of them."""
    terminal = sys.stdin.fileno()
    found = termios.tcgetattr(terminal)
    chosen = 0
    _draw(rows, chosen)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed ahead counts
        while True:
            key = _key(terminal)
            if key in _ENTER:
                return chosen
            if not key or key in _END:
                return None
            chosen = _moved(rows, chosen, key)
            sys.stdout.write(f"\r\x1b[{len(rows)}A")
            _draw(rows, chosen)
    except KeyboardInterrupt:
        return None
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, found)
        sys.stdout.write("\n")


def _moved(rows: Sequence[tuple[str, str]], chosen: int, key: str) -> int:
    if key in _UP | _DOWN:
        return (chosen + (1 if key in _DOWN else -1)) % len(rows)
    return next((number for number, (letter, _) in enumerate(rows) if letter == key.lower()), chosen)


def _key(terminal: int) -> str:
    first = os.read(terminal, 1)
    if first != b"\x1b":
        return first.decode("utf-8", "replace")
    return (first + os.read(terminal, 2)).decode("utf-8", "replace")


def _draw(rows: Sequence[tuple[str, str]], chosen: int) -> None:
    for number, (letter, text) in enumerate(rows):
        sys.stdout.write(f"\r{'>' if number == chosen else ' '} {letter}  {text}\x1b[K\n")
    sys.stdout.write("A letter or the arrows, and Enter: \x1b[K")
    sys.stdout.flush()

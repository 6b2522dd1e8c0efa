"""Owns the choosing of one of some rows at a terminal: by its letter or the arrows, and Enter."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Sequence

_UP, _DOWN = {"\x1b[A", "\x1bOA"}, {"\x1b[B", "\x1bOB"}
_ENTER, _END, _ERASE = {"\r", "\n"}, {"\x04", ""}, {"\x7f", "\b"}
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""What is longer than the line is cut off by the terminal."""
Row = tuple[str, str]
"""A letter, or a number, and a text."""


def choose_row(rows: Sequence[Row]) -> int | None:
    """None: the person wants none of them."""
    terminal = sys.stdin.fileno()
    found = termios.tcgetattr(terminal)
    chosen: int | None = 0
    typed = ""
    drawing = _Drawing(rows)
    drawing.draw(chosen, "")
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
            drawing.draw(chosen, told or typed)
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


class _Drawing:
    """As many rows as the terminal has room for, the chosen one among them, each time in the place of the last."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._first = self._drawn = 0

    def draw(self, chosen: int | None, typed: str) -> None:
        room = max(1, shutil.get_terminal_size().lines - 2)
        at = self._first if chosen is None else chosen
        self._first = max(0, min(max(self._first, at - room + 1), at, len(self._rows) - room))
        shown = list(enumerate(self._rows))[self._first : self._first + room]
        lines = [f"{'>' if number == chosen else ' '} {letter}  {text}\n" for number, (letter, text) in shown]
        where = "" if len(shown) == len(self._rows) else f" ({shown[0][0] + 1}-{shown[-1][0] + 1} of {len(self._rows)})"
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        lines.append(f"A letter or the arrows, and Enter{where}: {typed}")
        sys.stdout.write(f"\r{back}\x1b[J{_NO_WRAP}{''.join(lines)}{_WRAP}")
        sys.stdout.flush()
        self._drawn = len(shown)

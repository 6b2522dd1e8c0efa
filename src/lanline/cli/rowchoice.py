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
_ESCAPE = {"\x1b", "\x1b\x1b", "\x1b\x1b\x1b"}
_FINAL_BYTES = bytes(range(0x40, 0x7F))
_SEQUENCE_S = 0.1
"""The bytes of one key come together, however slow the way."""
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
            if key in _ESCAPE and not typed:
                return None
            told = ""
            if key in _ENTER:
                chosen, typed, told = 0, "", f"Type one of {', '.join(letter for letter, _ in rows)}."
            elif key in _ESCAPE:
                chosen, typed = 0, ""
            elif key in _UP | _DOWN:
                chosen, typed = ((chosen or 0) + (1 if key in _DOWN else -1)) % len(rows), ""
            elif (now := _typed(typed, key)) != typed:
                chosen, typed = _meant(rows, now), now
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
    """One letter, one sequence of a key that has no letter, or nothing at the end of the input."""
    key = _read(terminal, None)
    if key == b"\x1b":
        key += _sequence(terminal)
    while _is_cut(key) and (more := _read(terminal, None)):
        key += more
    return key.decode("utf-8", "replace")


def _sequence(terminal: int) -> bytes:
    """What belongs to the Esc that has come; empty where the person has typed it."""
    found = _read(terminal, _SEQUENCE_S)
    if found == b"\x1b":  # so rxvt begins what comes with Alt; or Esc once more
        found += _read(terminal, _SEQUENCE_S)
    if found[-1:] in (b"[", b"O"):
        while more := _read(terminal, _SEQUENCE_S):
            found += more
            if more in _FINAL_BYTES:
                break
    return found


def _is_cut(key: bytes) -> bool:
    """A letter of several bytes, of which some are still to come."""
    return bool(key) and key[0] >= 0xC0 and len(key) < 2 + (key[0] >= 0xE0) + (key[0] >= 0xF0)


def _read(terminal: int, limit_s: float | None) -> bytes:
    # Looked at first: what ran here before may have left it as one that does not block.
    ready, _, _ = select.select([terminal], [], [], limit_s)
    return os.read(terminal, 1) if ready else b""


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

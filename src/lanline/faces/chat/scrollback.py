"""Owns which lines of the chat still stand above the prompt, so that one can be written anew where it stands.

A terminal cannot be asked what it shows: what was written since is counted in rows, as wide as the terminal was then.
Once that is not certain any more (another width, another program in between, signs whose width terminals do not agree
on), nothing above is touched, and the caller says in a new line what has changed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

import msgspec
from prompt_toolkit.utils import get_cwidth

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_MAX_BLOCKS = 500
_WIDEST = 2
_UNSURE = re.compile(
    "[\u00ad\u0300-\u036f\u200b-\u200f\u2600-\u2712\u2714-\u27bf\ufe00-\ufe0f\U0001f000-\U0001faff\U000e0000-\U000e01ef]"
)
"""Marks that join, and pictures: some terminals give them another width than others."""


class Block(msgspec.Struct):
    text: str
    """Whole lines."""
    rows: int
    """0: not certain."""
    key: bytes = b""
    label: tuple[str, str] = ("", "")
    """What its author wants to know when it writes it anew."""


class Scrollback:
    def __init__(
        self,
        write: Callable[[str], object],
        width: Callable[[], int],
        rows_above: Callable[[], int],
    ) -> None:
        """`width`: columns of the terminal. `rows_above`: how many rows there are above the prompt now."""
        self._write = write
        self._width = width
        self._rows_above = rows_above
        self._blocks: deque[Block] = deque()
        self._columns = width()

    def add(self, text: str, key: bytes = b"", label: tuple[str, str] = ("", "")) -> None:
        self._check_width()
        self._blocks.append(Block(text, rows_of(text, self._columns), key, label))
        self._prune()
        self._write(text)

    def replace(self, key: bytes, redone: Callable[[tuple[str, str]], str]) -> bool:
        """Writes all that has this key anew; `redone` gets the label of each. False: it stands there no more."""
        self._check_width()
        count = self._count_to_topmost(key)
        if not count:
            return False
        below = list(self._blocks)[-count:]
        rows = sum(block.rows for block in below)
        for block in below:
            if block.key == key:
                block.text = redone(block.label)
                block.rows = rows_of(block.text, self._columns)
        self._write(f"\x1b[{rows}A\r\x1b[J" + "".join(block.text for block in below))
        return True

    def forget(self) -> None:
        """Something else has written to the terminal."""
        self._blocks.clear()

    def _count_to_topmost(self, key: bytes) -> int:
        """How many blocks from the end on, up to the topmost of this key that is surely there to be seen."""
        left, found = self._rows_above(), 0
        for count, block in enumerate(reversed(self._blocks), start=1):
            left -= block.rows
            if left < 0 or not block.rows:
                break
            if block.key == key:
                found = count
        return found

    def _check_width(self) -> None:
        columns = self._width()
        if columns != self._columns:
            self._columns = columns
            self.forget()

    def _prune(self) -> None:
        while len(self._blocks) > _MAX_BLOCKS:
            self._blocks.popleft()


def rows_of(text: str, columns: int) -> int:
    """Of whole lines; 0 where it is not certain."""
    rows = 0
    for line in _ESCAPES.sub("", text).removesuffix("\n").split("\n"):
        needed = _rows_of_line(line, columns)
        if not needed:
            return 0
        rows += needed
    return rows


def _rows_of_line(line: str, columns: int) -> int:
    unsure = len(_UNSURE.findall(line))
    if unsure and get_cwidth(_UNSURE.sub("", line)) + _WIDEST * unsure > columns:
        return 0
    rows, used = 1, 0
    for character in line:
        width = get_cwidth(character)
        if used + width > columns:
            rows, used = rows + 1, 0
        used += width
    return rows

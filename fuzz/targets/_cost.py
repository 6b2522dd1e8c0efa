"""What an input costs, in counts that are the same on every machine; and an input read as a list of decisions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Decisions:
    """Bytes, taken as the answers to questions; when they are used up every answer is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_over(self) -> bool:
        return self._position >= len(self._data)

    def below(self, limit: int) -> int:
        size = 1 if limit <= 256 else 2
        taken = self._data[self._position : self._position + size]
        self._position += size
        return int.from_bytes(taken, "big") % limit

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def near(self, centre: int) -> int:
        """A number that matters: around the centre, or at an edge of what is possible."""
        how = self.below(8)
        if how < 6:
            return max(0, centre + self.below(64) - 32)
        return (0, 2**32, 2**62, 2**63 - 1)[self.below(4)]


class Work:
    """Calls of Python functions. What one call into C does is not seen: sizes of queues have to be looked at, too."""

    def __init__(self) -> None:
        self.calls = 0

    def of(self, act: Callable[[], T]) -> T:
        before = sys.getprofile()
        sys.setprofile(self._count)
        try:
            return act()
        finally:
            sys.setprofile(before)

    def _count(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self.calls += 1

"""A set of integers kept as sorted, disjoint, closed ranges: packet numbers received, stream bytes acknowledged."""

from __future__ import annotations

from bisect import bisect_right


class RangeSet:
    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        """How many ranges, not how many numbers."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def add(self, first: int, last: int) -> None:
        firsts, lasts = self._firsts, self._lasts
        if lasts and first == lasts[-1] + 1:
            lasts[-1] = last
            return
        start = bisect_right(firsts, first)
        if start and lasts[start - 1] >= first - 1:
            start -= 1
        stop = bisect_right(firsts, last + 1)
        if start < stop:
            first = min(first, firsts[start])
            last = max(last, lasts[stop - 1])
        firsts[start:stop] = [first]
        lasts[start:stop] = [last]

    def drop_lowest(self) -> int:
        """Forget the lowest range; return its last number."""
        del self._firsts[0]
        return self._lasts.pop(0)

    def covers(self, first: int, last: int) -> bool:
        index = bisect_right(self._firsts, first) - 1
        return index >= 0 and last <= self._lasts[index]

    @property
    def lowest(self) -> tuple[int, int]:
        return self._firsts[0], self._lasts[0]

    @property
    def largest(self) -> int:
        """-1 when there is none."""
        lasts = self._lasts
        return lasts[-1] if lasts else -1

    def descending(self, limit: int) -> list[tuple[int, int]]:
        """The `limit` highest ranges, highest first."""
        return list(zip(self._firsts[: -limit - 1 : -1], self._lasts[: -limit - 1 : -1], strict=True))

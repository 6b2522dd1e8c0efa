"""Owns where the words of one run stand in their log, as far as they were judged: places rise with the numbers."""

from __future__ import annotations

from lanline.proto.chain.state import NEVER

_MAX_OVERTAKEN = 1000


class RunPlaces:
    __slots__ = ("_first", "_last", "_of")

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        """By number."""
        self._first, self._last = (NEVER, NEVER), (0, 0)
        """Place and number."""

    def follow(self, place: int, number: int) -> bool:
        """What nearly always is: both rise. False: `is_repeat` and `take` decide."""
        last = self._last
        if place <= last[0] or number <= last[1] or number in self._of or not self._of:
            return False
        self._of[number] = place
        self._last = place, number
        return True

    def is_repeat(self, place: int, number: int) -> bool:
        """Of two with the same number the one at the lower place stands."""
        stands = self._of.setdefault(number, place)
        if place < stands:
            self._of[number] = place
        return stands < place

    def take(self, place: int, number: int) -> set[int] | None:
        """The places of those that were believed and are not any more: what stands lower is right, also when it is read
        later. None: this one is not.
        """
        this, first, last = (place, number), self._first, self._last
        overtaken: set[int] = set()
        if place > last[0] and number < last[1]:
            return None
        if place < first[0] and number > first[1]:
            above = {self._of.get(each, 0) for each in range(max(first[1], number - _MAX_OVERTAKEN), number)}
            overtaken = {each for each in above if each > place}
            last = this if last[1] < number else last
        self._first, self._last = min(first, this), max(last, this)
        return overtaken

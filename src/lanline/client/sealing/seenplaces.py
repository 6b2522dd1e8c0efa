"""Owns which heights of the chain the words of each room have named, by their places: docs/protocol/sealing.md, 5.

Words of a device that has ended count below the first that names its end, and not above: else the server and whoever
has the device would speak on, by naming a height at which it was not gone yet.

And where the words of one run stand in their log, as far as they were judged: places rise with the numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from lanline.chain.state import NEVER
from lanline.client.sealing.tables import GroupTables


class SeenHeights:
    def __init__(self, tables: GroupTables) -> None:
        self._tables = tables
        self._known: dict[bytes, list[tuple[int, int]]] = {}
        """By room: places that rise, each with a height above all that were named before it."""
        self._unwritten: list[tuple[bytes, int, int]] = []

    def is_above_end(self, room_id: bytes, place: int, ended: int) -> bool:
        """Whether words below that place have named the height at which somebody ended."""
        if ended == NEVER:
            return False
        known = self._of(room_id)
        below = bisect_left(known, (place,))
        return below > 0 and known[below - 1][1] >= ended

    def named_below(self, room_id: bytes, place: int) -> int:
        known = self._of(room_id)
        below = bisect_left(known, (place,))
        return known[below - 1][1] if below else 0

    def note(self, room_id: bytes, place: int, height: int) -> None:
        """Words that are believed, and name the chain as it is here."""
        known = self._of(room_id)
        if known and known[-1][0] <= place and known[-1][1] >= height:
            return
        begins = bisect_left(known, (place + 1,))
        if begins and known[begins - 1][1] >= height:
            return
        ends = begins
        while ends < len(known) and known[ends][1] <= height:
            ends += 1
        begins -= bool(begins) and known[begins - 1][0] == place
        known[begins:ends] = [(place, height)]
        self._unwritten.append((room_id, place, height))

    def write(self) -> None:
        """Before what named them is shown to anybody."""
        if self._unwritten:
            rows, self._unwritten = self._unwritten, []
            self._tables.put_seen_heights(rows)

    def forget(self) -> None:
        """Places mean other words now."""
        self._known.clear()
        self._unwritten.clear()
        self._tables.forget_seen_heights()

    def _of(self, room_id: bytes) -> list[tuple[int, int]]:
        known = self._known.get(room_id)
        if known is None:
            known = self._known[room_id] = []
            for place, height in self._tables.seen_heights(room_id):
                if not known or known[-1][1] < height:
                    known.append((place, height))
        return known


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

    def may_follow(self, places: Sequence[int], number: int) -> bool:
        """For many at once, whose places rise, and whose numbers count up from this one."""
        numbers = range(number, number + len(places))
        is_above = places[0] > self._last[0] and number > self._last[1]
        return not self._of or (is_above and self._of.keys().isdisjoint(numbers))

    def follow_all(self, places: Sequence[int], number: int) -> None:
        """After `may_follow` has said yes."""
        if not self._of:
            self._first = places[0], number
        self._of.update(zip(range(number, number + len(places)), places, strict=True))
        self._last = places[-1], number + len(places) - 1

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

"""Finds who stopped being a reader between two heights of the chain, for the warning that a message was sealed to them.

Not whether an epoch may be used, which is its scope's `last_loss`.
"""

from __future__ import annotations

from bisect import bisect_right

from lanline.chain.scopes import Scope
from lanline.chain.state import Chain

_MAX_KEPT = 10_000


class LostReaders:
    def __init__(self) -> None:
        self._chain: Chain | None = None
        self._heights: list[int] = []
        """At which somebody was removed from the group, or has turned a key."""
        self._found: dict[tuple[bytes, int, int], tuple[bytes, ...]] = {}

    def between(self, chain: Chain, scope: Scope, since: int, until: int) -> tuple[bytes, ...]:
        """Accounts that read the scope at the one height and not at the other, or have taken out a device meanwhile."""
        if until <= since:
            return ()
        self._catch_up(chain)
        key = (scope.id, since, until)
        if key not in self._found:
            if len(self._found) >= _MAX_KEPT:
                self._found.clear()
            self._found[key] = self._look(chain, scope, since, until)
        return self._found[key]

    def _catch_up(self, chain: Chain) -> None:
        before = self._chain
        if before is chain:
            return
        if before is None or not chain.holds(before.height, before.head):
            self._heights.clear()
            before = None
        self._found.clear()
        begins = 0 if before is None else before.height
        for height in range(begins + 1, chain.height + 1):
            place = chain.places[height - 1]
            if place.removed or place.turned is not None:
                self._heights.append(height)
        self._chain = chain

    def _look(self, chain: Chain, scope: Scope, since: int, until: int) -> tuple[bytes, ...]:
        if scope.has_statements:  # a room, or a pair: few read it, and the room's own entries count too
            members = [each for each in chain.accounts if scope.reads_at(each, since)]
            lost = [each for each in members if not scope.reads_at(each, until)]
        else:
            lost = []
        low, high = bisect_right(self._heights, since), bisect_right(self._heights, until)
        for height in self._heights[low:high]:
            place = chain.places[height - 1]
            gone = [*place.removed, *([] if place.turned is None else [place.turned])]
            lost += [each for each in gone if scope.reads_at(each, since)]
        return tuple(dict.fromkeys(lost))

"""Owns the hash over all that this device has of each log, by which two members find that a server shows them others.

What is hashed is what came, sealed as it was. A device that begins in the middle of a log takes the hash from the first
words that name one inside its copy, and from then on holds others to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from lanline.crypto.groups.ids import log_hash_of, log_link_of
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.strict import ZEROS

_KEPT = 1000
Seen = tuple[int, bytes]
"""A place, and the hash over all up to it; 0 and zeros where nothing is known."""
NOTHING: Seen = (0, ZEROS)


class LogChain:
    """Of one log. Places that were given once more are passed over; after a gap the hash is not known."""

    def __init__(self, at: int, known: bytes | None) -> None:
        """`known`: the hash over all up to `at`."""
        self.at = at
        self._hashes: dict[int, bytes] = {} if known is None else {at: known}
        self._links: dict[int, bytes] = {}
        """By place, what the hash goes on with; as long as it is not known."""

    @property
    def seen(self) -> Seen:
        known = self._hashes.get(self.at)
        return NOTHING if known is None or not self.at else (self.at, known)

    def add(self, entries: Sequence[LogEntry], links: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """`links`: by place, what is known already of what the hash goes on with."""
        if not self._add_known(entries, links):
            self._add_each(entries, links)

    def _add_known(self, entries: Sequence[LogEntry], links: Mapping[int, bytes]) -> bool:
        """What nearly always is in a long catch-up: all follow on what is here, and what each adds is known."""
        before, places = self._hashes.get(self.at), range(self.at + 1, self.at + 1 + len(entries))
        if before is None or [each.sequence for each in entries] != list(places):
            return False
        hashes = list[bytes]()
        for link in map(links.get, places):
            if link is None:
                return False
            before = log_hash_of(before, link)
            hashes.append(before)
        self._hashes.update(zip(places, hashes, strict=True))
        self.at += len(hashes)
        return True

    def _add_each(self, entries: Sequence[LogEntry], links: Mapping[int, bytes]) -> None:
        hashes, before = self._hashes, self._hashes.get(self.at)
        for each in entries:
            place = each.sequence
            if place <= self.at:
                continue
            if place != self.at + 1:
                before = None
                hashes.clear()
                self._links.clear()
            link = links.get(place) or log_link_of(place, each.entry_id, each.time_ms, each.suite, each.content)
            if before is None:
                self._links[place] = link
            else:
                hashes[place] = before = log_hash_of(before, link)
            self.at = place

    def forget_old(self) -> None:
        """Nobody who speaks now has seen as little as that."""
        self._hashes, self._links = _newest(self._hashes), _newest(self._links)

    def holds(self, place: int, named: bytes) -> bool:
        """What nearly always is: the hash up to there is known, and the same."""
        return self._hashes.get(place) == named

    def holds_all(self, places: Sequence[int], named: Sequence[bytes]) -> bool:
        """The same of each of these."""
        return list(map(self._hashes.get, places)) == named

    def differs(self, seen: Seen) -> bool:
        """Whether this device has another log up to there. What was not known is taken from it."""
        place, named = seen
        if place == 0 or place > self.at:
            return False
        known = self._hashes.get(place)
        if known is not None:
            return known != named
        if not self._hashes and (place in self._links or place + 1 in self._links):
            self._hashes[place] = named
            for each in range(place + 1, self.at + 1):
                self._hashes[each] = log_hash_of(self._hashes[each - 1], self._links[each])
            self._links.clear()
        return False


def _newest(known: dict[int, bytes]) -> dict[int, bytes]:
    """Not each time: that costs as much as there are."""
    return known if len(known) < 2 * _KEPT else dict(islice(known.items(), len(known) - _KEPT, None))

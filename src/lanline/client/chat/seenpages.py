"""Owns what pages that are read backwards are held to: words in them name the hash over the log at places of them.

Of what lies before a page nothing is known, so the lowest hash that is named is taken, and the others are held to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lanline.crypto.groups.ids import log_hash_of, log_link_of
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import Words

_MOST_LINKS = 10_000


class Named(NamedTuple):
    author: str
    words: Words


class _Above(NamedTuple):
    """Between the last page and the lowest hash that is known above it."""

    after: int
    links: tuple[bytes, ...]
    named: Named


class SeenPages:
    """Of one log."""

    def __init__(self) -> None:
        self._above: _Above | None = None

    def add(self, page: Sequence[LogEntry], named: Sequence[Named]) -> Named | None:
        """The next page below; the words of whoever was shown another log than the others."""
        before, through = page[0].sequence - 1, page[-1].sequence
        links = [log_link_of(each.sequence, each.entry_id, each.time_ms, each.suite, each.content) for each in page]
        known = [each for each in named if before <= each.words.seen <= through and each.words.seen]
        if self._above is not None and self._above.after == through:
            links += self._above.links
            known.append(self._above.named)
        if not known:
            self._above = None
            return None
        lowest = min(known, key=lambda each: each.words.seen)
        rest = links[: lowest.words.seen - before]
        self._above = _Above(before, tuple(rest), lowest) if len(rest) <= _MOST_LINKS else None
        return _first_other(lowest, links[lowest.words.seen - before :], known)


def _first_other(lowest: Named, links: Sequence[bytes], known: Sequence[Named]) -> Named | None:
    hashes = {lowest.words.seen: lowest.words.seen_hash}
    for place, link in enumerate(links, lowest.words.seen + 1):
        hashes[place] = log_hash_of(hashes[place - 1], link)
    return next(
        (
            each
            for each in known
            if each.words.history == lowest.words.history and hashes[each.words.seen] != each.words.seen_hash
        ),
        None,
    )

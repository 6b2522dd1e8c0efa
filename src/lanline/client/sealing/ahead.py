"""Owns what is found of words before they are judged, a few at a time: so a long catch-up never holds up anybody else.

It does not depend on what else is known by the time they are judged: that they open under a key, as said by an account
in a room, that their device has signed them, and which of them follow on each other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import astuple

from lanline.crypto.groups.said import Opened, vouched
from lanline.wire.sealing.said import DEVICE_AND_RUN

_CHECKS_AT_ONCE = 16
"""Of signatures: about 2 ms."""


class RunWords:
    """What one author has said in one run under one epoch, in the order of the places. The headers are alike but for
    the nonce, and one key signs all of it.
    """

    def __init__(self, content: bytes, author: str, sign_key: bytes) -> None:
        self.content = content
        """Of any one of them: for its header."""
        self.device_and_run = content[DEVICE_AND_RUN]
        self.author = author
        self.sign_key = sign_key
        self.places: list[int] = []
        self.opened: list[Opened] = []

    def key_of(self, _device_id: bytes) -> bytes:
        """The same for all of these."""
        return self.sign_key


class Stretch(NamedTuple):
    """Words of one run of which each names the one before and the same of the chain and of the server's history; the
    last is vouched for, so they all are.
    """

    run_words: RunWords
    places: list[int]
    opened: list[Opened]

    def within(self, first: int, last: int) -> Stretch | None:
        """What lies at these places."""
        places = self.places
        if first <= places[0] and places[-1] <= last:
            return self
        part = slice(bisect_left(places, first), bisect_right(places, last))
        return Stretch(self.run_words, places[part], self.opened[part]) if part.start < part.stop else None


class Ahead:
    """Of one conversation."""

    def __init__(self) -> None:
        self.authors: dict[int, str] = {}
        """By the numbers of accounts: the names that they had when it was opened."""
        self.links: dict[int, bytes] = {}
        """By place, what the hash over the log goes on with, as far as it is known."""
        self._runs: list[RunWords] = []
        self._stretches: list[Stretch] = []
        self._signed: set[bytes] = set()
        self._one_by_one: tuple[dict[int, Opened], set[bytes]] | None = None

    def stretches(self, first: int, last: int) -> list[Stretch] | None:
        """Of all words at these places, in the order of their first places. None: some are to be judged by themselves,
        or go on behind others of their run.
        """
        found = [part for each in self._stretches if (part := each.within(first, last))]
        is_whole = sum([len(each.places) for each in found]) == last - first + 1
        if not is_whole or len({each.run_words.device_and_run for each in found}) < len(found):
            return None
        return sorted(found, key=lambda each: each.places[0])

    def one_by_one(self) -> tuple[dict[int, Opened], set[bytes]]:
        """What has opened, by its places; and the digests of what is vouched for."""
        if self._one_by_one is None:
            ready = {at: each for run in self._runs for at, each in zip(run.places, run.opened, strict=True)}
            signed = {each.digest for stretch in self._stretches for each in stretch.opened}
            self._one_by_one = ready, signed | self._signed
        return self._one_by_one

    @property
    def all_stretches(self) -> Sequence[Stretch]:
        return self._stretches

    @property
    def signed_alone(self) -> Iterable[bytes]:
        """The digests of those that are vouched for by themselves."""
        return self._signed

    def take(self, run: RunWords, stretches: Sequence[tuple[int, int]], signed: Iterable[bytes]) -> None:
        """What was opened and vouched for elsewhere, by the positions in the run."""
        self._runs.append(run)
        self._stretches += [
            Stretch(run, run.places[begins:ends], run.opened[begins:ends]) for begins, ends in stretches
        ]
        self._signed.update(signed)

    def vouch(self, runs: Sequence[RunWords]) -> Iterator[None]:
        """Goes on at each step."""
        self._runs += runs
        checks = 0
        for run in runs:
            later = None
            for begins, ends in reversed(_unbroken_parts(run.opened)):
                stretch = Stretch(run, run.places[begins:ends], run.opened[begins:ends])
                checks += stretch.opened[-1].digest != later
                if vouched(run.key_of, stretch.opened[-1:], later) == [True]:
                    later = stretch.opened[0].words.prev
                    self._stretches.append(stretch)
                else:
                    later = yield from self._vouch_each(stretch, later)
                if checks >= _CHECKS_AT_ONCE:
                    checks = 0
                    yield

    def _vouch_each(self, stretch: Stretch, later: bytes | None) -> Generator[None, None, bytes | None]:
        """The last of them is not signed; others may be. Returns what the lowest that is vouched for names."""
        opened = stretch.opened[:-1]
        for end in range(len(opened), 0, -_CHECKS_AT_ONCE):
            some = opened[max(0, end - _CHECKS_AT_ONCE) : end]
            stand = vouched(stretch.run_words.key_of, some, later)
            signed = [each for each, stands in zip(some, stand, strict=True) if stands]
            self._signed.update([each.digest for each in signed])
            later = signed[0].words.prev if signed else later
            yield
        return later


def _unbroken_parts(opened: Sequence[Opened]) -> list[tuple[int, int]]:
    """Where each part in which all follow on each other begins, and before which it ends."""
    if not opened:
        return []
    numbers, prevs, _, heights, heads, histories, *_ = zip(*[astuple(each.words) for each in opened], strict=True)
    size, digests = len(opened), tuple([each.digest for each in opened])
    if (
        numbers == tuple(range(numbers[0], numbers[0] + size))
        and prevs[1:] == digests[:-1]
        and (heights, heads, histories) == (heights[:1] * size, heads[:1] * size, histories[:1] * size)
    ):
        return [(0, size)]
    named = list(zip(heights, heads, histories, strict=True))
    cuts = [
        at
        for at in range(1, size)
        if numbers[at] != numbers[at - 1] + 1 or prevs[at] != digests[at - 1] or named[at] != named[at - 1]
    ]
    return list(pairwise([0, *cuts, size]))

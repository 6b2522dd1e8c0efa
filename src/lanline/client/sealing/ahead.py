"""Keeps what was opened of messages ahead of time, a few at a time, so that a long catch-up never blocks anything else.
How they are opened: `opener`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from lanline.client.sealing.opener import Columns, FoundRun
from lanline.crypto.groups.said import Opened, Run
from lanline.wire.sealing.said import DEVICE_AND_RUN, Words


class RunWords:
    """What one author has said in one run under one epoch, in the order of the places. The headers are alike but for
    the nonce, and one key signs all of it.
    """

    def __init__(self, run: Run, content: bytes, author: str, sign_key: bytes) -> None:
        self.run = run
        self.content = content
        """Of any one of them: for its header."""
        self.device_and_run = content[DEVICE_AND_RUN]
        self.author = author
        self.sign_key = sign_key
        self.places: list[int] = []
        self.columns = Columns([], [], [], [])
        self.opened: Sequence[Opened] = ()
        """All of it, if it was opened by this program."""


class Stretch:
    """Words of one run of which each names the one before and the same of the chain and of the server's history; the
    last is vouched for, so they all are.
    """

    __slots__ = ("_part", "first", "places", "run_words")

    def __init__(self, run_words: RunWords, begins: int, ends: int, first: Words) -> None:
        """`first`: of the first of them the number, what it names before it, and what all of them name."""
        self.run_words = run_words
        self.first = first
        self._part = slice(begins, ends)
        self.places = run_words.places[self._part]

    @property
    def bodies(self) -> list[bytes]:
        return self.run_words.columns.bodies[self._part]

    @property
    def seens(self) -> list[int]:
        return self.run_words.columns.seens[self._part]

    @property
    def seen_hashes(self) -> list[bytes]:
        return self.run_words.columns.seen_hashes[self._part]

    @property
    def digests(self) -> list[bytes]:
        return self.run_words.columns.digests[self._part]

    @property
    def last_number(self) -> int:
        return self.first.n + len(self.places) - 1

    @property
    def last_digest(self) -> bytes:
        return self.run_words.columns.digests[self._part.stop - 1]

    def named(self) -> Iterator[tuple[int, Words]]:
        """By place, words that name what these name of the server's history, of the chain and of the log."""
        for place, seen, seen_hash in zip(self.places, self.seens, self.seen_hashes, strict=True):
            yield place, replace(self.first, seen=seen, seen_hash=seen_hash)

    def within(self, first: int, last: int) -> Stretch | None:
        """What lies at these places."""
        places = self.places
        if first <= places[0] and places[-1] <= last:
            return self
        cut, end = bisect_left(places, first), bisect_right(places, last)
        if cut >= end:
            return None
        begins, ends = self._part.start + cut, self._part.start + end
        words = self.first
        if cut:
            before = self.run_words.columns.digests[begins - 1]
            words = replace(words, n=words.n + cut, prev=before)
        return Stretch(self.run_words, begins, ends, words)


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
        """What this program has opened, by its places; and the digests of what is vouched for."""
        if self._one_by_one is None:
            ready = {at: each for run in self._runs for at, each in zip(run.places, run.opened, strict=False)}
            self._one_by_one = ready, self._signed.union(*(each.digests for each in self._stretches))
        return self._one_by_one

    def take(self, run_words: RunWords, found: FoundRun, opened: Sequence[Opened]) -> None:
        """What was opened and vouched for. `opened`: see `RunWords`."""
        run_words.columns, run_words.opened = found.columns, opened
        self._runs.append(run_words)
        self._stretches += [Stretch(run_words, *each) for each in found.stretches]
        self._signed.update(found.signed)

"""Opens messages before they are judged, in a second process while the client goes on.

The program has no home, no chain and no network: only the keys of the runs that it is given over a pipe, until it has
answered. What is found depends on nothing else that is known by the time the words are judged: that they open under a
key, as said by an account in a room, that their device has signed them, and which of them follow on each other.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from itertools import chain, pairwise
from typing import IO

import msgspec
from msgspec.structs import astuple

from lanline.crypto.groups.ids import log_link_of
from lanline.crypto.groups.said import Opened, Run, vouched
from lanline.errors import MalformedPacket
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import HEADER_BYTES, Words, split_said

_SIZE_BYTES = 4
_OPENED_AT_ONCE = 200
"""Less than 2 ms."""
_CHECKS_AT_ONCE = 16
"""Of signatures: about 2 ms."""


class AskedRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one author has said in one run under one epoch, in the order of the places."""

    key: bytes
    said_as: bytes
    sign_key: bytes
    accounts: list[int]
    """The numbers that the server has for its author: what it shows of others is left out."""
    entries: list[LogEntry]

    def run(self) -> Run:
        header, _ = split_said(self.entries[0].content)
        return Run.with_key(self.key, self.said_as, header._replace(nonce=b""))


class Columns(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of words of one run in the order of their places, what is looked at in each of them when they are judged."""

    bodies: list[bytes]
    seens: list[int]
    seen_hashes: list[bytes]
    digests: list[bytes]

    @classmethod
    def of(cls, opened: Sequence[Opened]) -> Columns:
        words = [each.words for each in opened]
        return cls(
            [each.body for each in words],
            [each.seen for each in words],
            [each.seen_hash for each in words],
            [each.digest for each in opened],
        )


class FoundRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    opened: list[int]
    """Which of them."""
    columns: Columns
    stretches: list[tuple[int, int, Words]]
    """Of those that have opened: where each unbroken stretch begins, before which it ends, and its first words."""
    signed: list[bytes]
    """Digests of others that are vouched for."""
    links: list[bytes]
    """Of all of them: what the hash over their log goes on with."""

    def answers(self, asked: AskedRun) -> bool:
        """Whether it can; for who has it from another program, which may be broken, or of another version."""
        size, asked_size = len(self.opened), len(asked.entries)
        return (
            self.opened == sorted(set(self.opened))
            and (not size or 0 <= self.opened[0] <= self.opened[-1] < asked_size)
            and {len(each) for each in astuple(self.columns)} == {size}
            and all(0 <= begins < ends <= size for begins, ends, _ in self.stretches)
            and len(self.links) == asked_size
        )


_asked: msgspec.msgpack.Decoder[list[AskedRun]] = msgspec.msgpack.Decoder(list[AskedRun])
_found: msgspec.msgpack.Decoder[list[FoundRun]] = msgspec.msgpack.Decoder(list[FoundRun])


def encode_asked(runs: Sequence[AskedRun]) -> bytes:
    return msgspec.msgpack.encode(runs)


def decode_found(data: bytes) -> list[FoundRun]:
    return _found.decode(data)


class _Opening:
    """Of one run: its words, and what they say of each other."""

    def __init__(self, asked: AskedRun) -> None:
        self.asked = asked
        self.opened: list[Opened] = []
        self._run = asked.run()
        self._numbers: list[int] = []
        self._stretches: list[tuple[int, int, Words]] = []
        self._signed: list[bytes] = []
        self._links: list[bytes] = []

    def open(self, begins: int, ends: int) -> None:
        """What does not open is left out."""
        accounts, open_one = self.asked.accounts, self._run.open
        for number, each in enumerate(self.asked.entries[begins:ends], begins):
            link = log_link_of(each.sequence, each.entry_id, each.time_ms, each.suite, each.content)
            self._links.append(link)
            if each.account not in accounts or len(each.content) < HEADER_BYTES:
                continue
            try:
                self.opened.append(open_one(each.entry_id, each.content))
            except MalformedPacket:
                continue
            self._numbers.append(number)

    def vouch(self) -> Generator[int, None, None]:
        """Goes on at each few checks, with how many there were."""
        later = None
        for begins, ends in reversed(_unbroken_parts(self.opened)):
            last = self.opened[ends - 1 : ends]
            if vouched(self._sign_key, last, later) == [True]:
                self._stretches.append((begins, ends, self.opened[begins].words))
                yield last[0].digest != later
                later = self.opened[begins].words.prev
            else:
                yield 1
                later = yield from self._vouch_each(self.opened[begins : ends - 1], later)

    def _vouch_each(self, opened: Sequence[Opened], later: bytes | None) -> Generator[int, None, bytes | None]:
        """What follows on them is not signed; they may be. Returns what the lowest that is vouched for names."""
        for end in range(len(opened), 0, -_CHECKS_AT_ONCE):
            some = opened[max(0, end - _CHECKS_AT_ONCE) : end]
            stand = vouched(self._sign_key, some, later)
            signed = [each for each, stands in zip(some, stand, strict=True) if stands]
            self._signed += [each.digest for each in signed]
            later = signed[0].words.prev if signed else later
            yield _CHECKS_AT_ONCE
        return later

    def _sign_key(self, _device_id: bytes) -> bytes:
        return self.asked.sign_key

    def found(self) -> FoundRun:
        return FoundRun(self._numbers, Columns.of(self.opened), self._stretches, self._signed, self._links)


def open_in_steps(runs: Sequence[AskedRun]) -> Generator[None, None, list[tuple[FoundRun, list[Opened]]]]:
    """A few at each step; what was found in each of these, and what has opened there."""
    openings = [_Opening(each) for each in runs]
    yield from _opened(openings)
    yield from _vouched(openings)
    return [(each.found(), each.opened) for each in openings]


def _opened(openings: Sequence[_Opening]) -> Iterator[None]:
    room = _OPENED_AT_ONCE
    for each in openings:
        begins, size = 0, len(each.asked.entries)
        while begins < size:
            ends = min(size, begins + room)
            each.open(begins, ends)
            room -= ends - begins
            begins = ends
            if not room:
                room = _OPENED_AT_ONCE
                yield


def _vouched(openings: Sequence[_Opening]) -> Iterator[None]:
    checks = 0
    for each in openings:
        for count in each.vouch():
            checks += count
            if checks >= _CHECKS_AT_ONCE:
                checks = 0
                yield


def open_all(asked: bytes) -> bytes:
    openings = [_Opening(each) for each in _asked.decode(asked)]
    for _ in chain(_opened(openings), _vouched(openings)):
        pass
    return msgspec.msgpack.encode([each.found() for each in openings])


def _unbroken_parts(opened: Sequence[Opened]) -> list[tuple[int, int]]:
    """Where each part in which all follow on each other begins, and before which it ends."""
    if not opened:
        return []
    words, size, digests = [each.words for each in opened], len(opened), [each.digest for each in opened]
    numbers, prevs = [each.n for each in words], [each.prev for each in words]
    named = [(each.height, each.head, each.history) for each in words]
    is_unbroken = numbers == list(range(numbers[0], numbers[0] + size)) and prevs[1:] == digests[:-1]
    if is_unbroken and named == named[:1] * size:
        return [(0, size)]
    cuts = [
        at
        for at in range(1, size)
        if numbers[at] != numbers[at - 1] + 1 or prevs[at] != digests[at - 1] or named[at] != named[at - 1]
    ]
    return list(pairwise([0, *cuts, size]))


def read_piece(source: IO[bytes]) -> bytes:
    """Empty: nothing more will come. Raises EOFError when it ends in the middle."""
    size = int.from_bytes(source.read(_SIZE_BYTES), "big")
    piece = source.read(size)
    if len(piece) < size:
        raise EOFError
    return piece


def write_piece(sink: IO[bytes], piece: bytes) -> None:
    sink.write(len(piece).to_bytes(_SIZE_BYTES, "big"))
    sink.write(piece)
    sink.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the client
    gc.disable()  # nothing here goes in circles
    while asked := read_piece(sys.stdin.buffer):
        write_piece(sys.stdout.buffer, open_all(asked))


if __name__ == "__main__":
    main()

"""The record of what became of every datagram: a running digest, the single records when asked for.

Two runs of one seed must have equal digests; `first_difference` shows where two recorded runs part. The trace decides
nothing: it is told by the network, and nothing reads it while a simulation runs.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

Address = tuple[str, int]

_HEAD = struct.Struct("!dQBI")
"""Time, serial number, fate, size."""


class Fate(IntEnum):
    """A datagram is SENT once; after that it is dropped, or its copies are on their way and each has a fate again."""

    SENT = 0
    DELIVERED = 1
    LOST = 2
    QUEUE_FULL = 3
    TOO_LARGE = 4
    PARTITIONED = 5
    UNROUTED = 6
    DUPLICATED = 7
    HELD_BACK = 8
    CORRUPTED = 9


class TraceRecord(NamedTuple):
    time_s: float
    fate: Fate
    serial: int
    source: Address
    destination: Address
    size_bytes: int
    digest: str


class Trace:
    __slots__ = ("_counts", "_hash", "records")

    def __init__(self, *, keep_records: bool = False, keep_digest: bool = True) -> None:
        """The digest takes a twentieth of the time of a simulation of many packets."""
        self._hash = hashlib.sha256() if keep_records or keep_digest else None
        self._counts = [0] * len(Fate)
        self.records: list[TraceRecord] | None = [] if keep_records else None

    def record(self, fate: Fate, now: float, serial: int, route: tuple[Address, Address], data: bytes) -> None:
        self._counts[fate] += 1
        if self._hash is None:
            return
        self._hash.update(_HEAD.pack(now, serial, fate, len(data)))
        # The serial number stands for route and content from here on; only what is new has to be hashed in full.
        if fate is Fate.SENT:
            self._hash.update(b"%r" % (route,) + data)
        elif fate is Fate.CORRUPTED:
            self._hash.update(data)
        if self.records is not None:
            digest = hashlib.sha256(data).hexdigest()
            self.records.append(TraceRecord(now, fate, serial, *route, len(data), digest))

    def count(self, fate: Fate) -> int:
        return self._counts[fate]

    def digest(self) -> str:
        assert self._hash is not None, "it was not to be kept"
        return self._hash.hexdigest()


def first_difference(
    one: Sequence[TraceRecord], other: Sequence[TraceRecord]
) -> tuple[int, TraceRecord | None, TraceRecord | None] | None:
    """Where two traces part and what stands there in each; nothing when they are equal."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index, left, right
    if len(one) == len(other):
        return None
    index = min(len(one), len(other))
    return index, next(iter(one[index:]), None), next(iter(other[index:]), None)

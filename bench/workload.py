"""What is sent in one run, and how each message tells who it is and when it was due."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct("!Iq")
CREDIT = b"\x00" * HEADER.size
"""What the receiver answers to every `credit_bytes` of a flood."""


@dataclass(frozen=True, slots=True)
class Workload:
    messages: int
    size_bytes: int
    interval_s: float = 0.0
    """0 is a flood: as fast as the window allows."""
    window_bytes: int = 2 * 1024 * 1024
    """What a flood may have on its way. Two of the contenders have an unbounded send queue and say nothing of it."""

    turn_bytes: int = 64 * 1024
    """What a flood queues before it lets the event loop turn, as an application would that reads a file in pieces."""

    @property
    def credit_bytes(self) -> int:
        return self.window_bytes // 8

    @property
    def duration_s(self) -> float:
        return self.messages * self.interval_s

    @property
    def total_bytes(self) -> int:
        return self.messages * self.size_bytes


def stamp(index: int, due_ns: int, filler: bytes) -> bytes:
    return HEADER.pack(index, due_ns) + filler


def read_stamp(message: bytes) -> tuple[int, int]:
    index, due_ns = HEADER.unpack_from(message)
    return index, due_ns

"""Freed memory goes back to the system when there is enough of it, and what is in use is left alone."""

from __future__ import annotations

from lanline.server.freedmemory import LOOK_EVERY_S, WORTHWHILE_BYTES, FreedMemory
from lanline.testing.clock import HandClock

MIB = 1024 * 1024


class Heap:
    """`used` is what the program holds, `resident` what the system has given it, `most` what it has had."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.used = self.resident = 50 * MIB
        self.trims = 0
        self.most = self.used
        FreedMemory(self.clock, lambda: self.resident, lambda: self.most - self.used, self.trim)

    def trim(self) -> None:
        self.trims += 1
        self.resident = self.used

    def grow(self, size_bytes: int) -> None:
        self.used += size_bytes
        self.resident = max(self.resident, self.used)
        self.most = max(self.most, self.used)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK_EVERY_S)):
            self.clock.pass_time(LOOK_EVERY_S)
            self.clock.run_due()


def test_what_a_flood_has_used_is_given_back_after_it() -> None:
    heap = Heap()
    for _ in range(3):
        heap.grow(40 * MIB)
        heap.pass_time(60)
        assert heap.resident == 90 * MIB
        heap.grow(-40 * MIB)
        heap.pass_time(60)
        assert heap.resident == 50 * MIB


def test_a_little_is_not_worth_the_moment() -> None:
    heap = Heap()
    heap.grow(WORTHWHILE_BYTES - MIB)
    heap.pass_time(3600)
    assert not heap.trims


def test_what_is_in_use_is_left_alone() -> None:
    heap = Heap()
    heap.grow(100 * MIB)
    heap.pass_time(24 * 3600)
    assert not heap.trims
    heap.grow(-100 * MIB)
    heap.pass_time(60)
    assert heap.resident == 50 * MIB


def test_what_has_been_given_back_is_not_given_back_again() -> None:
    heap = Heap()
    heap.grow(100 * MIB)
    heap.grow(-100 * MIB)
    heap.pass_time(3600)
    assert heap.trims == 1


def test_what_was_in_use_when_memory_was_last_given_back_is_given_back_later() -> None:
    heap = Heap()
    heap.grow(80 * MIB)
    heap.grow(-20 * MIB)
    heap.pass_time(60)
    assert heap.resident == 110 * MIB
    heap.grow(-60 * MIB)
    heap.pass_time(60)
    assert heap.resident == 50 * MIB

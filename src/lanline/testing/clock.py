"""Owns time that passes when a test or a fuzzer says so. Not that of a simulated world: `world` owns it."""

from __future__ import annotations

import heapq
from collections.abc import Callable

START_MS = 1_700_000_000_000


class HandClock:
    def __init__(self, start_s: float = 1000.0) -> None:
        self._start_s = self._now = start_s
        self.offset_ms = START_MS
        self._timers: list[tuple[float, int, HandTimer]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def now_ms(self) -> int:
        return self.offset_ms + round((self._now - self._start_s) * 1000)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> HandTimer:
        timer = HandTimer(callback)
        self._count += 1
        heapq.heappush(self._timers, (self._now + delay_s, self._count, timer))
        return timer

    def run_due(self) -> bool:
        """All that is due now; whether anything was."""
        did = False
        while self._timers and self._timers[0][0] <= self._now:
            did |= heapq.heappop(self._timers)[2].ring()
        return did

    def pass_time(self, seconds: float) -> None:
        """At once: what falls due on the way waits for `run_due`."""
        self._now += seconds

    def turn(self, seconds: float) -> None:
        """Step by step: what falls due on the way is called at its own time."""
        until = self._now + seconds
        while self._timers and self._timers[0][0] <= until:
            at, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, at)
            timer.ring()
        self._now = until

    def ring_all(self) -> None:
        """Whatever is waiting, at once and out of its time; what it starts waits for the next call."""
        timers, self._timers = self._timers, []
        for _, _, timer in sorted(timers, key=lambda each: each[1]):
            timer.ring()


class HandTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def ring(self) -> bool:
        """Whether anything was called."""
        if self.is_cancelled:
            return False
        self.callback()
        return True

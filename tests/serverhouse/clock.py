"""Time that passes when the test says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable

START_MS = 1_700_000_000_000


class HandClock:
    def __init__(self) -> None:
        self._now = 1000.0
        self.offset_ms = START_MS
        self._timers: list[tuple[float, int, HandTimer]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def now_ms(self) -> int:
        return self.offset_ms + round((self._now - 1000.0) * 1000)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> HandTimer:
        timer = HandTimer(callback)
        self._count += 1
        heapq.heappush(self._timers, (self._now + delay_s, self._count, timer))
        return timer

    def run_due(self) -> bool:
        """All that is due now; whether anything was."""
        did = False
        while self._timers and self._timers[0][0] <= self._now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.is_cancelled:
                timer.callback()
                did = True
        return did

    def pass_time(self, seconds: float) -> None:
        self._now += seconds


class HandTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

"""Real time, on the event loop that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_EARLY_S = 0.002
"""uvloop counts whole milliseconds, and rings up to so much too soon: who looks then whether it is time sleeps on."""
_EXACT_BELOW_S = 0.01
"""What is put off for less only makes way for others."""


class LoopClock:
    def now(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        delay_s = max(0.0, delay_s)
        early_s = 0.0 if delay_s < _EXACT_BELOW_S else _EARLY_S
        return asyncio.get_running_loop().call_later(delay_s + early_s, callback)

"""Real time, on the event loop that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class LoopClock:
    def now(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), callback)

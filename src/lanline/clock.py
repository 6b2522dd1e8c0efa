"""Time and timers as the parts without I/O see them: handed in, so that a simulation may hand in its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds that never go back; from no particular beginning."""

    def now_ms(self) -> int:
        """The time of day, in milliseconds since 1970. It may jump, either way."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer: ...

"""Times of capture as one line: their 32 bits wrap around every 71 minutes, and a publisher that was started again
counts from somewhere else.
"""

from __future__ import annotations

from lanline.proto.media.serial import distance

_FURTHEST_US = 30_000_000


class Timeline:
    def __init__(self) -> None:
        self._at_us: int | None = None
        self._bits = 0
        self._seen_at = 0.0

    def unwrap(self, captured_us: int, now: float) -> int:
        """The same time, on a line without end. What leaps away from it goes on where time has come to meanwhile."""
        bits = captured_us % 2**32
        if self._at_us is None:
            self._at_us = bits
        else:
            elapsed_us = round((now - self._seen_at) * 1e6)
            step = distance(self._bits, bits)
            self._at_us += step if abs(step - elapsed_us) < _FURTHEST_US else elapsed_us
        self._bits, self._seen_at = bits, now
        return self._at_us

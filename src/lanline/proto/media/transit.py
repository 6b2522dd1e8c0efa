"""How long packets take, as far as one clock at each end can tell: how much longer than the quickest packet of late.

The clocks of the two ends are not the same, so only differences count. Owns the baseline, its forgetting, the jitter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from lanline.proto.media.serial import MODULUS, distance

_BASELINE_S = 10.0
_SAMPLES = 256
_SHARE = 0.95


class TransitTimes:
    __slots__ = (
        "_excess",
        "_measured_at",
        "_minimum",
        "_next_minimum",
        "_ordered",
        "_reference_us",
        "_switch_at",
        "latest_excess_s",
    )

    def __init__(self) -> None:
        self._reference_us: int | None = None
        self._minimum = 0.0
        self._next_minimum = 0.0
        self._switch_at = 0.0
        self._measured_at = 0.0
        self.latest_excess_s = 0.0
        """What stands in a queue on the way now, or jitter."""
        self._excess: deque[float] = deque()
        self._ordered: list[float] = []
        """The same, by size: the share of them is asked for with each packet."""

    def measure(self, sent_at_us: int, now: float) -> float:
        """Take a sample; return by how much it was slower than the quickest, in seconds."""
        transit = self._transit(sent_at_us, now)
        self._measured_at = now
        if not self._excess:
            self._minimum = self._next_minimum = transit
            self._switch_at = now + _BASELINE_S
        elif now >= self._switch_at:
            # The clocks drift and routes change: what was quickest long ago is forgotten, in two steps.
            self._minimum, self._next_minimum = min(self._next_minimum, transit), transit
            self._switch_at = now + _BASELINE_S
        self._minimum = min(self._minimum, transit)
        self._next_minimum = min(self._next_minimum, transit)
        self.latest_excess_s = excess = transit - self._minimum
        self._keep(excess)
        return excess

    def _keep(self, excess: float) -> None:
        self._excess.append(excess)
        insort(self._ordered, excess)
        if len(self._excess) > _SAMPLES:
            del self._ordered[bisect_left(self._ordered, self._excess.popleft())]

    def _transit(self, sent_at_us: int, now: float) -> float:
        """Against the first sample, so that the 32 bits may wrap around."""
        now_us = round(now * 1e6)
        offset = (now_us - sent_at_us) % MODULUS
        if self._reference_us is None:
            self._reference_us = offset
        return distance(self._reference_us, offset) / 1e6

    def quickest_arrival(self, sent_at_us: int) -> float:
        """When a packet that left then would have been here, had it been as quick as the quickest."""
        return self._measured_at - (self._transit(sent_at_us, self._measured_at) - self._minimum)

    @property
    def p95_jitter_s(self) -> float:
        return self._ordered[int(_SHARE * (len(self._ordered) - 1))] if self._ordered else 0.0

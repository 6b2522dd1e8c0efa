"""What is known of the way to the peer: round trip, loss, and the datagram size that passes. Made anew after a move."""

from __future__ import annotations

MINIMUM_WINDOW_S = 10.0
TIMER_GRANULARITY_S = 0.001
LOSSY_RATE = 0.005
_NEGLIGIBLE_RATE = 0.0005
_LOSS_MEMORY_PACKETS = 64
_STEADY_MEMORY_PACKETS = 256


class WindowedMinimum:
    """The least value of this window and of the one before. A window ends with the first sample after its time."""

    __slots__ = ("_current", "_previous", "_turn_at")

    def __init__(self, value: float, now: float, window_s: float = MINIMUM_WINDOW_S) -> None:
        self._current = self._previous = value
        self._turn_at = now + window_s

    def update(self, value: float, now: float, window_s: float = MINIMUM_WINDOW_S) -> None:
        if now >= self._turn_at:
            self._previous, self._current = self._current, value
            self._turn_at = now + window_s
        elif value < self._current:
            self._current = value

    @property
    def value(self) -> float:
        return min(self._current, self._previous)


class RoundTrip:
    """RFC 9002, section 5."""

    __slots__ = ("_lately", "_least", "_peer_ack_delay_s", "latest_s", "probe_timeout_s", "smoothed_s", "variation_s")

    def __init__(self, initial_s: float, peer_ack_delay_s: float) -> None:
        self._peer_ack_delay_s = peer_ack_delay_s
        self._least: WindowedMinimum | None = None
        self._lately: WindowedMinimum | None = None
        self._begin(initial_s)

    def _begin(self, sample_s: float) -> None:
        self.latest_s = self.smoothed_s = sample_s
        self.variation_s = sample_s / 2
        self._set_probe_timeout()

    def _set_probe_timeout(self) -> None:
        self.probe_timeout_s = self.smoothed_s + max(4 * self.variation_s, TIMER_GRANULARITY_S) + self._peer_ack_delay_s

    def update(self, sample_s: float, ack_delay_s: float, now: float) -> None:
        if self._least is None:
            self._least = WindowedMinimum(sample_s, now)
            self._lately = WindowedMinimum(sample_s, now, sample_s)
            self._begin(sample_s)
            return
        self._least.update(sample_s, now)
        if ack_delay_s and sample_s >= self._least.value + ack_delay_s:
            sample_s -= ack_delay_s
        assert self._lately is not None
        self._lately.update(sample_s, now, self.smoothed_s)
        self.latest_s = sample_s
        self.variation_s += (abs(self.smoothed_s - sample_s) - self.variation_s) / 4
        self.smoothed_s += (sample_s - self.smoothed_s) / 8
        self._set_probe_timeout()

    @property
    def least_s(self) -> float:
        return self._least.value if self._least is not None else self.smoothed_s

    @property
    def queueing_s(self) -> float:
        """What even the quickest packet of the last round trips waited: in a queue that stands."""
        return max(0.0, self._lately.value - self.least_s) if self._lately is not None else 0.0

    @property
    def is_queueing(self) -> bool:
        """The latest round trip was clearly longer than the shortest: packets queue, if only behind a burst."""
        return self.latest_s - self.least_s > self._noticeable_s

    @property
    def has_standing_queue(self) -> bool:
        return self.queueing_s > self._noticeable_s

    @property
    def _noticeable_s(self) -> float:
        return max(0.005, self.least_s / 4)


class LossRate:
    """`rate` follows what happens now, over about 64 packets. `above_usual` asks a longer memory, in which chance evens
    out, how far it is above the least that it has been: what this path loses however little is sent.
    """

    __slots__ = ("_least", "_steady", "rate")

    def __init__(self) -> None:
        self.rate = 0.0
        self._steady = 0.0
        self._least: WindowedMinimum | None = None

    def update(self, arrived: int, lost: int, now: float) -> None:
        total = arrived + lost
        if not total or not (lost or self.rate):
            return
        share = lost / total
        self.rate += (share - self.rate) * min(1.0, total / _LOSS_MEMORY_PACKETS)
        if self.rate < _NEGLIGIBLE_RATE:
            self.rate = 0.0
        self._steady += (share - self._steady) * min(1.0, total / _STEADY_MEMORY_PACKETS)
        if self._least is None:
            self._least = WindowedMinimum(0.0, now)
        self._least.update(self._steady, now)

    @property
    def is_lossy(self) -> bool:
        return self.rate > LOSSY_RATE

    @property
    def above_usual(self) -> float:
        return self._steady - (self._least.value if self._least is not None else 0.0)

"""How much may be in flight: CUBIC (RFC 9438), which does not mistake every lost packet for a full queue.

A loss counts as congestion when a queue stands for some time, or when the path loses a tenth more than it always does.
Radio links lose without being full; halving the window for each loss would leave them idle.
"""

from __future__ import annotations

from lanline.proto.link.path import LossRate, RoundTrip

_BETA = 0.7
_C = 0.4
_LOSS_ABOVE_USUAL = 0.1
_SLOW_START_GAIN = 2.0
_STEADY_GAIN = 1.25
_BURST_S = 0.004


class Congestion:
    __slots__ = (
        "_epoch_at",
        "_initial",
        "_minimum",
        "_origin_s",
        "_packet_bytes",
        "_queueing_from",
        "_recovery_at",
        "_threshold",
        "_window_max",
        "window_bytes",
    )

    def __init__(self, packet_bytes: int, initial_packets: int, minimum_packets: int) -> None:
        self._packet_bytes = packet_bytes
        self._minimum = minimum_packets * packet_bytes
        self._initial = float(initial_packets * packet_bytes)
        self.window_bytes = self._initial
        self._threshold = float("inf")
        self._window_max = 0.0
        self._epoch_at: float | None = None
        self._origin_s = 0.0
        self._recovery_at = -1.0
        self._queueing_from: float | None = None

    @property
    def is_slow_start(self) -> bool:
        return self.window_bytes < self._threshold

    def on_ack(self, acked_bytes: int, sent_at: float, now: float, round_trip: RoundTrip) -> None:
        """Call only while the window was the limit: a window that is not used teaches nothing."""
        if sent_at <= self._recovery_at:
            return
        if self.is_slow_start:
            self._grow_fast(acked_bytes, now, round_trip)
            return
        if self._epoch_at is None:
            self._epoch_at = now
            gap = max(0.0, self._window_max - self.window_bytes) / self._packet_bytes
            self._origin_s = (gap / _C) ** (1 / 3)
            self._window_max = max(self._window_max, self.window_bytes)
        elapsed = now - self._epoch_at + round_trip.smoothed_s
        target = self._window_max + _C * (elapsed - self._origin_s) ** 3 * self._packet_bytes
        # At least as fast as Reno would be (RFC 9438, 4.3), at most half as much again in a round trip.
        reno = 3 * (1 - _BETA) / (1 + _BETA) * acked_bytes * self._packet_bytes / self.window_bytes
        cubic = (min(target, 1.5 * self.window_bytes) - self.window_bytes) * acked_bytes / self.window_bytes
        self.window_bytes += max(reno, cubic)

    def _grow_fast(self, acked_bytes: int, now: float, round_trip: RoundTrip) -> None:
        """A queue that our own first burst made is gone a round trip later; one that stays ends the slow start."""
        if not round_trip.is_queueing:
            self._queueing_from = None
            self.window_bytes += acked_bytes
        elif self._queueing_from is None:
            self._queueing_from = now
        elif now - self._queueing_from > round_trip.smoothed_s:
            self._threshold = self.window_bytes

    def on_loss(self, latest_sent_at: float, now: float, round_trip: RoundTrip, loss: LossRate) -> None:
        """Call only when what was lost had filled the window, as `on_ack`."""
        if latest_sent_at <= self._recovery_at:
            return
        if round_trip.has_standing_queue or loss.above_usual >= _LOSS_ABOVE_USUAL:
            self._shrink(self._minimum, now)

    def on_loss_below(
        self, used_bytes: float, latest_sent_at: float, now: float, round_trip: RoundTrip, loss: LossRate
    ) -> None:
        """Call when what was lost had not filled the window, of which so much was used.

        A window that slow start has left much too large allows bursts at any rate: step by step it becomes what is
        used. A short break of the way is one step: what is remembered of it counts no more when losses become fewer.
        """
        if latest_sent_at <= self._recovery_at or not self._initial <= used_bytes < self.window_bytes:
            return
        if round_trip.has_standing_queue or loss.rate >= loss.above_usual >= _LOSS_ABOVE_USUAL:
            self._shrink(used_bytes, now)

    def _shrink(self, least_bytes: float, now: float) -> None:
        self._recovery_at = now
        self._epoch_at = None
        # Fast convergence, RFC 9438, 4.7.
        shrinking = self.window_bytes < self._window_max
        self._window_max = self.window_bytes * (1 + _BETA) / 2 if shrinking else self.window_bytes
        self.window_bytes = max(float(least_bytes), self.window_bytes * _BETA)
        self._threshold = self.window_bytes

    def on_persistent_timeout(self) -> None:
        self._threshold = max(self._minimum, self.window_bytes * _BETA)
        self.window_bytes = float(self._minimum)
        self._epoch_at = None
        self._queueing_from = None


class Pacer:
    """Spreads a window over its round trip, in bursts small enough for the queues on the way."""

    __slots__ = ("_at", "_burst", "budget")

    def __init__(self, burst_bytes: int) -> None:
        self._burst = burst_bytes
        self.budget = float(burst_bytes)
        self._at = 0.0

    def refill(self, now: float, rate: float) -> bool:
        """Add what `rate`, in bytes a second, gave since the last time; True when something may be sent.

        To be called when the budget is used up, and not before: so a link that is far from its rate pays nothing.
        """
        if now > self._at:
            # Timers are coarse: a fast link gets what it would have sent in a few milliseconds.
            most = max(self._burst, rate * _BURST_S)
            self.budget = min(most, self.budget + (now - self._at) * rate)
            self._at = now
        return self.budget > 0

    def ready_at(self, rate: float) -> float:
        return self._at + max(0.0, 1 - self.budget) / rate


def pacing_rate(congestion: Congestion, round_trip: RoundTrip) -> float:
    gain = _SLOW_START_GAIN if congestion.is_slow_start else _STEADY_GAIN
    return gain * congestion.window_bytes / max(round_trip.smoothed_s, 1e-5)

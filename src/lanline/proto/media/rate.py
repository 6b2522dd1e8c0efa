"""Which rung a viewer is sent: down at once when its link is full, up when a trial at the higher rate went well.

Loss alone does not say that a link is full: radio links lose all the time. A queue that grows does.
docs/protocol/media.md, 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lanline.proto.media.parity import NO_LOSS, LossEstimate
from lanline.wire.video import Report

_QUEUE_S = 0.025
_RISING_S = 0.010
_PATIENCE_IN_TRIALS = 0.5
_REPORTS_OF_A_RISE = 4
_STANDING_REPORTS = 5
_FULL_S = 0.3
_LOSS_OF_A_FULL_LINK = 0.25
_SILENT_FRAMES = 2.0
_USABLE_SHARE = 0.85
"""Of what arrived while the link was full: the queue has to drain, too."""
_USABLE_SHARE_WITH_KEY = 0.6
"""Where the smaller rung begins with a key frame, several times as large as what follows."""
_SETTLING_S = 0.25
_LOSS_TOLD_AFTER_S = 0.7
"""So long after a decision a viewer may still tell of frames of the larger rung that it has given up."""
_CLEAN_S = 0.8
_TRIAL_STEP = 1.5
_TRIAL_ABOVE = 1.1
_TRIAL_ABOVE_WITH_KEY = 1.15
_TRIAL_FRAMES = 16
_ARRIVING_SHARE = 0.93
"""Of what a trial sends and is not lost as usual. One frame of those may be under way."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 4.0
_USUAL_CHUNKS = 20


class _Tried:
    """What a trial at its full rate has sent, and how much of that arrived. Reports are lost like everything."""

    __slots__ = ("_received_bytes", "_reported_us", "_since", "is_second_look", "sent_bytes")

    def __init__(self, now: float, *, is_second_look: bool = False) -> None:
        self._since = now
        self.is_second_look = is_second_look
        self._received_bytes = self._reported_us = 0
        self.sent_bytes = 0

    def add(self, report: Report, sent_bytes: int) -> None:
        self.sent_bytes += sent_bytes
        self._received_bytes += report.received_bytes
        self._reported_us += report.interval_us

    def share_arrived(self, now: float) -> float:
        received_per_s = self._received_bytes * 1e6 / max(1, self._reported_us)
        return received_per_s * (now - self._since) / self.sent_bytes


class RateChoice:
    """`trial_bits_per_s` is what to send altogether while a higher rate is tried, else 0. What goes beyond the rung's
    own packets is repeats: when the trial fails, nothing is lost by it.
    """

    def __init__(self, rung: int, top_rung: int, frame_rates: Sequence[float], *, is_intra_only: bool = True) -> None:
        self.rung = rung
        self.top_rung = top_rung
        self._frame_rates = frame_rates
        self._is_intra_only = is_intra_only
        self._usable_share = _USABLE_SHARE if is_intra_only else _USABLE_SHARE_WITH_KEY
        self.trial_bits_per_s = 0.0
        self._loss = LossEstimate()
        self._clean_s = 0.0
        self._trial = _Tried(0.0)
        self._pause_s = _FIRST_PAUSE_S
        self._next_trial_at = 0.0
        self._decided_at = -1e9
        self._full_at = -1e9
        self._has_queue = False
        self._silent_s = 0.0
        self._queues: deque[float] = deque(maxlen=_REPORTS_OF_A_RISE)
        self._standing = 0
        self._went_up_at = -1e9

    @property
    def loss(self) -> float:
        return self._loss.rate

    @property
    def is_calm(self) -> bool:
        """Nothing was lost of late, and the link was not full."""
        return self._loss.rate < NO_LOSS and self._clean_s >= _CLEAN_S

    @property
    def _is_steady(self) -> bool:
        """No queue, or what looks like one is a path that has become longer."""
        return self._queues[-1] <= _QUEUE_S or max(self._queues) - min(self._queues) <= _RISING_S

    def limit(self, top_rung: int) -> None:
        self.top_rung = top_rung
        self.rung = min(self.rung, top_rung)

    def on_report(self, report: Report, sent_bytes: int, rates: Sequence[float], now: float) -> None:
        """`rates` are the bits per second of the rungs; `sent_bytes` is what went out since the last report."""
        interval_s = max(0.001, report.interval_us / 1e6)
        received = report.received_bytes * 8 / interval_s
        if self._is_overloaded(report, sent_bytes, now):
            self._on_overload(received, rates, now, queue_s=report.queue_us / 1e6)
            return
        self._loss.on_report(report.chunks, report.lost_before_repair)
        self._clean_s = self._clean_s + interval_s if self._is_steady else 0.0
        if now - self._went_up_at > 2 * _LONGEST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S
        if self.rung >= self.top_rung:
            self.trial_bits_per_s = 0.0
        elif self.trial_bits_per_s:
            self._go_on_trying(report, sent_bytes, rates, now)
        elif self._clean_s >= _CLEAN_S and now >= self._next_trial_at:
            self.trial_bits_per_s = max(received, rates[self.rung]) * _TRIAL_STEP

    def _is_overloaded(self, report: Report, sent_bytes: int, now: float) -> bool:
        self._has_queue = self._is_queueing(report.queue_us / 1e6, report.lost_before_repair)
        is_silent = self._is_silent(report, sent_bytes)
        return self._has_queue or is_silent or self._loses_more_than_usual(report, now)

    def _is_silent(self, report: Report, sent_bytes: int) -> bool:
        """Nothing arrives of what is sent. One frame may be under way at the moment of a report, and where there are
        few, between two reports there is none.
        """
        if report.received_bytes:
            self._silent_s = 0.0
        elif sent_bytes or self._silent_s:
            self._silent_s += report.interval_us / 1e6
        return self._silent_s > _SILENT_FRAMES / self._frame_rates[self.rung]

    def _is_queueing(self, queue_s: float, lost: int) -> bool:
        """A queue that has grown within the last few reports and gets no shorter, or one that stands there, full."""
        grown_s = queue_s - min(self._queues, default=0.0)
        is_draining = bool(self._queues) and queue_s < self._queues[-1] - _RISING_S
        self._queues.append(queue_s)
        # A trial is given up at the first sign: it is on purpose that it may be too much.
        patience = _PATIENCE_IN_TRIALS if self.trial_bits_per_s else 1.0
        if queue_s <= patience * _QUEUE_S or is_draining:
            self._standing = 0
            return False
        self._standing += 1
        return grown_s > patience * _RISING_S or (self._standing >= _STANDING_REPORTS and lost > 0)

    def _loses_more_than_usual(self, report: Report, now: float) -> bool:
        if now < self._decided_at + _LOSS_TOLD_AFTER_S:
            return False  # it is that of the larger rung
        lost = report.lost_before_repair / report.chunks if report.chunks >= _USUAL_CHUNKS else 0.0
        return lost > self._loss.rate + _LOSS_OF_A_FULL_LINK

    def was_full(self, now: float) -> bool:
        """Lately: then repairs would only stand in the same queue."""
        return now - self._full_at < _FULL_S

    def _on_overload(self, received: float, rates: Sequence[float], now: float, queue_s: float) -> None:
        self._clean_s = 0.0
        if self.trial_bits_per_s or now - self._went_up_at < 2.0:
            self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        was_trial, self.trial_bits_per_s = bool(self.trial_bits_per_s), 0.0
        self._next_trial_at = now + self._pause_s
        usable = received * self._usable_share
        fitting = max((rung for rung, rate in enumerate(rates) if rate <= usable), default=0)
        # What stands in the queue was sent before the last decision, and says nothing about it.
        is_settled = now >= self._decided_at + _SETTLING_S + queue_s
        if was_trial and received > rates[self.rung]:
            # More was sent than the rung takes: that it was too much says nothing about the rung.
            self._decided_at = now
        elif fitting < self.rung and (is_settled or received < rates[self.rung]):
            self._go_down(fitting, now)
        elif self.rung and is_settled:
            self._go_down(self.rung - 1, now)
        elif is_settled:
            self._note_full(now)

    def _go_down(self, rung: int, now: float) -> None:
        self.rung = rung
        self._decided_at = now
        if self._is_intra_only:
            self._note_full(now)

    def _note_full(self, now: float) -> None:
        if self._has_queue:
            self._full_at = now

    def _go_on_trying(self, report: Report, sent_bytes: int, rates: Sequence[float], now: float) -> None:
        goal = rates[self.rung + 1] * (_TRIAL_ABOVE if self._is_intra_only else _TRIAL_ABOVE_WITH_KEY)
        if self.trial_bits_per_s < goal:
            self.trial_bits_per_s = min(goal, self.trial_bits_per_s * _TRIAL_STEP)
            self._trial = _Tried(now)
            return
        self._trial.add(report, sent_bytes)
        frame_bytes = self.trial_bits_per_s / 8 / self._frame_rates[self.rung]
        if self._trial.sent_bytes >= _TRIAL_FRAMES * frame_bytes:
            self._end_trial(now)

    def _end_trial(self, now: float) -> None:
        has_arrived = self._trial.share_arrived(now) >= _ARRIVING_SHARE * (1.0 - self._loss.rate)
        if not has_arrived and not self._trial.is_second_look:
            # Where the round trip is long, a part of what came meanwhile was sent before, at a lower rate.
            self._trial = _Tried(now, is_second_look=True)
            return
        self.trial_bits_per_s = 0.0
        self._clean_s = 0.0
        if not has_arrived:
            # A short queue drops what is too much before anything has waited long.
            self._pause(now)
            return
        self.rung += 1
        self._went_up_at = now

    def _pause(self, now: float) -> None:
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        self._next_trial_at = now + self._pause_s

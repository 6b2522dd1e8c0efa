"""Which rung a viewer is sent: down at once when its link is full, up when a trial at the higher rate went well.

Loss alone does not say that a link is full: radio links lose all the time. A queue that grows does. And an outage is no
full link: what is lost in one piece says nothing about what the link carries before and after.
docs/protocol/media.md, 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lanline.proto.media.parity import NO_LOSS, LossEstimate
from lanline.wire.video import Report

_QUEUE_S = 0.025
_RISING_S = 0.010
_MOST_NOISE_S = 0.060
_MOST_JITTER_S = 0.150
"""What is longer is a queue, and its end tells nothing of jitter."""
_QUEUE_NOISES, _RISING_NOISES = 3.5, 6.0
"""How much of what reports differ by themselves is added to the bounds: jitter is no queue."""
_PATIENCE_IN_TRIALS = 0.5
_REPORTS_OF_A_RISE = 6
_STANDING_REPORTS = 5
_FULL_S = 0.3
_LOSS_OF_A_FULL_LINK = 0.25
_LOSSY_REPORTS = 4
"""So many reports in a row of a loss that is not usual: a link that drops what is too much, and no outage."""
_LOSS_OF_AN_OUTAGE = 0.5
_USABLE_SHARE = 0.85
"""Of what arrived while the link was full: the queue has to drain, too."""
_USABLE_SHARE_WITH_KEY = 0.6
"""Where the smaller rung begins with a key frame, several times as large as what follows."""
_SETTLING_S = 0.25
_LOSS_TOLD_AFTER_S = 0.7
"""So long after a decision a viewer may still tell of frames of the larger rung that it has given up."""
_CLEAN_S = 0.5
_TRIAL_STEP = 1.5
_TRIAL_ABOVE = 1.1
_TRIAL_ABOVE_WITH_KEY = 1.15
_TRIAL_S = 0.3
_TRIAL_FRAMES = 3
_ARRIVING_SHARE = 0.93
"""Of what a trial sends and is not lost as usual. One frame of those may be under way."""
_LOOKS = 3
_REPORTS_UNDER_WAY = 5
"""What was sent so many reports ago has arrived, on a path of up to half a second."""
_LEAST_ARRIVING_SHARE = 0.6
_REPORTS_WITH_QUEUE = 3
_LEAST_SHARE_WITH_QUEUE = 0.75
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 2.0
_TRIALS_OF_OLD_RUNG = 2
_PROVEN_AFTER_S = 8.0
_USUAL_CHUNKS = 20


class _Queue:
    """What reports tell of a queue on the way, and of how much they differ without one."""

    __slots__ = ("_change_s", "_noise_s", "_path_s", "_recent", "_standing")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_REPORTS_OF_A_RISE)
        self._noise_s = self._change_s = 0.0
        self._path_s = 0.0
        """What looks like a queue, and stayed after less was sent: the path has become longer."""
        self._standing = 0

    @property
    def _bound_s(self) -> float:
        return _QUEUE_S + _QUEUE_NOISES * self._noise_s

    @property
    def _rise_s(self) -> float:
        return _RISING_S + _RISING_NOISES * self._noise_s

    @property
    def is_steady(self) -> bool:
        """There is none, or it neither grows nor shrinks."""
        if not self._recent:
            return True
        return self._recent[-1] <= self._bound_s or max(self._recent) - min(self._recent) <= self._rise_s

    @property
    def is_there(self) -> bool:
        """Whatever jitter there is."""
        return bool(self._recent) and self._recent[-1] > _QUEUE_S

    def is_full(self, queue_s: float, lost: int, patience: float) -> bool:
        """It has grown within the last few reports and gets no shorter, or stands there, full. `patience` is under 1
        where the first sign counts.
        """
        self._path_s = min(self._path_s, queue_s)
        queue_s -= self._path_s
        grown_s = queue_s - min(self._recent, default=0.0)
        last_s = self._recent[-1] if self._recent else 0.0
        self._recent.append(queue_s)
        is_long = queue_s > self._bound_s - (1.0 - patience) * _QUEUE_S
        is_grown = grown_s > self._rise_s - (1.0 - patience) * _RISING_S
        if last_s <= _MOST_JITTER_S:
            self._note_noise(queue_s - last_s)
        if not is_long or queue_s < last_s - _RISING_S:
            self._standing = 0
            return False
        self._standing += 1
        if self._standing >= _STANDING_REPORTS and lost:
            self._path_s += queue_s
            return True
        return is_grown

    def _note_noise(self, change_s: float) -> None:
        """Only a turn counts, up after down or down after up: a queue grows, and drains, without one."""
        turn_s = max(0.0, min(abs(change_s), abs(self._change_s))) if change_s * self._change_s < 0 else 0.0
        self._change_s = change_s or self._change_s
        share = 1 / 2 if turn_s > self._noise_s else 1 / 16
        self._noise_s += (min(_MOST_NOISE_S, turn_s) - self._noise_s) * share

    def begin_anew(self) -> None:
        """Less is sent from now on: what is there already says nothing about that."""
        self._recent.clear()
        self._standing = 0


class _Tried:
    """What a trial at its full rate has sent, and how much of that arrived. Reports are lost like everything."""

    __slots__ = ("_received_bytes", "_reported_us", "_since", "looks", "sent_bytes")

    def __init__(self, now: float) -> None:
        self._since = now
        self.looks = 0
        """How often it was looked at, and too little had arrived."""
        self._received_bytes = self._reported_us = 0
        self.sent_bytes = 0

    def add(self, report: Report, sent_bytes: int) -> None:
        self.sent_bytes += sent_bytes
        self._received_bytes += report.received_bytes
        self._reported_us += report.interval_us

    def is_over(self, frame_s: float, now: float) -> bool:
        look_s = max(_TRIAL_S, _TRIAL_FRAMES * frame_s)
        return now - self._since >= look_s * max(1, self.looks) and self.sent_bytes > 0

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
        self._trial_rung = 0
        self._fell_from = 0
        """The rung that the link carried before it was full, until trials show that it does not any more."""
        self._failed_trials = 0
        self._loss = LossEstimate()
        self._lossy_reports = 0
        self._clean_s = 0.0
        self._trial = _Tried(0.0)
        self._trial_rates: deque[float] = deque(maxlen=_REPORTS_UNDER_WAY)
        self._received = self._sent = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._next_trial_at = 0.0
        self._decided_at = -1e9
        self._full_at = -1e9
        self._has_queue = False
        self._queue = _Queue()
        self._went_up_at = -1e9
        self.is_idle = False
        """The picture stands, and nothing is sent: that the last frame took long is no reason to go down."""

    @property
    def loss(self) -> float:
        return self._loss.rate

    @property
    def is_calm(self) -> bool:
        """Nothing was lost of late, and the link was not full."""
        return self._loss.rate < NO_LOSS and self._clean_s >= _CLEAN_S

    def limit(self, top_rung: int) -> None:
        self.top_rung = top_rung
        self.rung = min(self.rung, top_rung)

    def on_report(self, report: Report, sent_bytes: int, rates: Sequence[float], now: float) -> None:
        """`rates` are the bits per second of the rungs; `sent_bytes` is what went out since the last report."""
        interval_s = max(0.001, report.interval_us / 1e6)
        received = report.received_bytes * 8 / interval_s
        if self._is_overloaded(report, now):
            self._on_overload(received, rates, now, queue_s=report.queue_us / 1e6)
            return
        self._count_loss(report)
        if self._lossy_reports and self.trial_bits_per_s:
            self.trial_bits_per_s = 0.0  # an outage: it says nothing about the rate
        self._clean_s = self._clean_s + interval_s if self._queue.is_steady and not self._lossy_reports else 0.0
        if now - self._went_up_at > _PROVEN_AFTER_S:
            self._pause_s = _FIRST_PAUSE_S
        if self.rung >= self.top_rung:
            self.trial_bits_per_s = 0.0
            self._fell_from = 0
        elif self.trial_bits_per_s:
            self._go_on_trying(report, sent_bytes, rates, now)
        elif self._clean_s >= _CLEAN_S and now >= self._next_trial_at:
            self._trial_rung = min(self.top_rung, max(self._fell_from, self.rung + 1))
            self.trial_bits_per_s = max(received, rates[self.rung]) * _TRIAL_STEP
            self._trial_rates.clear()
            self._sent = 0.0
        self._received = received

    def _count_loss(self, report: Report) -> None:
        is_outage = report.lost_before_repair > _LOSS_OF_AN_OUTAGE * report.chunks
        if not is_outage or self._lossy_reports >= _LOSSY_REPORTS:
            self._loss.on_report(report.chunks, report.lost_before_repair)

    def _is_overloaded(self, report: Report, now: float) -> bool:
        if self.is_idle and not self.trial_bits_per_s:
            self._queue.begin_anew()
            return False
        if not report.received_bytes:
            # Nothing comes of what is sent: an outage. What a link carries shows when something does.
            return False
        # A trial is given up at the first sign: it is on purpose that it may be too much.
        patience = _PATIENCE_IN_TRIALS if self.trial_bits_per_s else 1.0
        self._has_queue = self._queue.is_full(report.queue_us / 1e6, report.lost_before_repair, patience)
        loses_more = self._loses_more_than_usual(report, now)
        return self._has_queue or loses_more

    def _loses_more_than_usual(self, report: Report, now: float) -> bool:
        if now < self._decided_at + _LOSS_TOLD_AFTER_S:
            return False  # it is that of the larger rung
        if report.chunks >= _USUAL_CHUNKS:
            is_unusual = report.lost_before_repair / report.chunks > self._loss.rate + _LOSS_OF_A_FULL_LINK
            self._lossy_reports = self._lossy_reports + 1 if is_unusual else 0
        elif not report.lost_before_repair:
            self._lossy_reports = 0
        return self._lossy_reports >= _LOSSY_REPORTS

    def was_full(self, now: float) -> bool:
        """Lately: then repairs would only stand in the same queue."""
        return now - self._full_at < _FULL_S

    def _on_overload(self, received: float, rates: Sequence[float], now: float, queue_s: float) -> None:
        self._clean_s = 0.0
        if self.trial_bits_per_s or now - self._went_up_at < 2.0:
            self._fail_trial(now)
        was_trial, self.trial_bits_per_s = bool(self.trial_bits_per_s), 0.0
        self._next_trial_at = max(self._next_trial_at, now + 2 * _FIRST_PAUSE_S)
        usable = received * self._usable_share
        fitting = max((rung for rung, rate in enumerate(rates) if rate <= usable), default=0)
        # What stands in the queue was sent before the last decision, and says nothing about it.
        is_settled = now >= self._decided_at + _SETTLING_S + queue_s
        if was_trial:
            # More was sent than the rung takes: that it was too much says nothing about the rung.
            self._decided_at = now
        elif fitting < self.rung and (is_settled or received < rates[self.rung]):
            self._go_down(fitting, now)
        elif self.rung and is_settled:
            self._go_down(self.rung - 1, now)
        elif is_settled:
            self._note_full(now)

    def _go_down(self, rung: int, now: float) -> None:
        if now - self._went_up_at >= 2.0:
            self._fell_from = max(self._fell_from, self.rung)
            self._failed_trials = 0
        self.rung = rung
        self._decided_at = now
        self._lossy_reports = 0
        self._queue.begin_anew()
        if self._is_intra_only:
            self._note_full(now)

    def _note_full(self, now: float) -> None:
        if self._has_queue:
            self._full_at = now

    def _go_on_trying(self, report: Report, sent_bytes: int, rates: Sequence[float], now: float) -> None:
        if self._is_stuck_in_trial(report, sent_bytes):
            self.trial_bits_per_s = self._clean_s = 0.0
            self._fail_trial(now)
            return
        goal = rates[self._trial_rung] * (_TRIAL_ABOVE if self._is_intra_only else _TRIAL_ABOVE_WITH_KEY)
        if self.trial_bits_per_s < goal:
            self.trial_bits_per_s = min(goal, self.trial_bits_per_s * _TRIAL_STEP)
            self._trial = _Tried(now)
            return
        self._trial.add(report, sent_bytes)
        if self._trial.is_over(1.0 / self._frame_rates[self.rung], now):
            self._end_trial(now)

    def _is_stuck_in_trial(self, report: Report, sent_bytes: int) -> bool:
        """Much less arrives than was sent a while ago: it stands in a queue before anything new shows that."""
        interval_s = max(0.001, report.interval_us / 1e6)
        received = max(self._received, report.received_bytes * 8 / interval_s)
        sent = sent_bytes * 8 / interval_s
        rate = self.trial_bits_per_s
        if self._frame_rates[self.rung] * interval_s < 1.0:
            # Reports without a frame: a trial begins late, on top of the next one.
            rate = min(rate, max(sent, self._sent))
        usual, rates = 1.0 - self._loss.rate, self._trial_rates
        is_stuck = len(rates) == _REPORTS_UNDER_WAY and received < _LEAST_ARRIVING_SHARE * rates[0] * usual
        # With a queue besides, it is certain sooner.
        if self._queue.is_there and len(rates) >= _REPORTS_WITH_QUEUE:
            is_stuck = is_stuck or received < _LEAST_SHARE_WITH_QUEUE * rates[-_REPORTS_WITH_QUEUE] * usual
        rates.append(rate)
        self._sent = sent
        return is_stuck

    def _end_trial(self, now: float) -> None:
        has_arrived = self._trial.share_arrived(now) >= _ARRIVING_SHARE * (1.0 - self._loss.rate)
        if not has_arrived and self._trial.looks < _LOOKS - 1:
            # Where the round trip is long, a part of what came meanwhile was sent before, at a lower rate; and where
            # there is jitter, one look is not enough.
            if not self._trial.looks:
                self._trial = _Tried(now)
            self._trial.looks += 1
            return
        self.trial_bits_per_s = 0.0
        if not has_arrived:
            # A short queue drops what is too much before anything has waited long.
            self._clean_s = 0.0
            self._fail_trial(now)
            return
        # What has just been shown to be good is good for the next trial too: that one begins at once.
        self.rung = self._trial_rung
        self._failed_trials = 0
        self._went_up_at = now

    def _fail_trial(self, now: float) -> None:
        self._failed_trials += 1
        if self._failed_trials >= _TRIALS_OF_OLD_RUNG:
            self._fell_from = 0
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        self._next_trial_at = now + self._pause_s

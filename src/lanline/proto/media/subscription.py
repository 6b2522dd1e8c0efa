"""What a publisher knows of one viewer: what it wants, what its link carries, and what it has been sent."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.proto.media.rate import RateChoice
from lanline.wire.video import Report, Subscribe

SILENT_AFTER_S = 3.0
_REPAIR_SHARE = 0.5
_LEAST_REPAIRS_PER_S = 100.0
_REPAIR_BURST_PACKETS = 128.0


class Subscription:
    __slots__ = (
        "_repair_credit",
        "_repair_credit_at",
        "choice",
        "heard_at",
        "is_silent",
        "next_rung",
        "rests_until",
        "rung",
        "sent_bytes",
        "wants",
    )

    def __init__(
        self, wants: Subscribe, top_rung: int, frame_rates: Sequence[float], now: float, *, is_intra_only: bool = True
    ) -> None:
        self.wants = wants
        self.choice = RateChoice(top_rung, top_rung, frame_rates, is_intra_only=is_intra_only)
        self.rung: int | None = None
        """The one it is sent now; none before its first frame."""
        self.next_rung: int | None = top_rung
        """The one that it will be sent from the next frame on that can be a beginning."""
        self.heard_at = now
        self.is_silent = False
        self.rests_until = 0.0
        """Its link is full, and is sent no pictures before it had time to drain."""
        self.sent_bytes = 0
        self._repair_credit = _REPAIR_BURST_PACKETS
        self._repair_credit_at = now

    @property
    def rungs(self) -> set[int]:
        """Those that have to be encoded for it."""
        return set() if self.is_silent else {rung for rung in (self.rung, self.next_rung) if rung is not None}

    def follow_choice(self) -> None:
        self.next_rung = None if self.choice.rung == self.rung else self.choice.rung

    def backlog_s(self, report: Report) -> float:
        """How long what was sent until now takes to arrive: at least as long as the quickest packet of late waited, and
        where nothing was lost in the queue, as long as all takes that was sent and is not yet there.
        """
        queue_s = report.queue_us / 1e6
        if not report.received_bytes:
            return queue_s
        missing_s = (self.sent_bytes / report.received_bytes - 1.0) * report.interval_us / 1e6
        return (queue_s + max(queue_s, missing_s)) / 2

    def rest(self, until: float) -> None:
        """Before it goes down to a rung that begins with a key frame: that is larger than all that follows, and would
        be lost behind a queue that is full. What comes of the larger rung is not missed: it is in shreds already.
        """
        self.rests_until = until
        self.rung, self.next_rung = None, self.choice.rung

    def begin_anew(self, now: float) -> None:
        """It was silent, and is there again: it has missed what the next frames depend on."""
        self.is_silent = False
        self.heard_at = now
        self.rung, self.next_rung = None, self.choice.rung

    def repairs_allowed(self, wanted: int, packets_per_s: float, now: float) -> int:
        """A viewer that asks for everything twice does not get a second stream."""
        rate = max(_LEAST_REPAIRS_PER_S, _REPAIR_SHARE * packets_per_s)
        earned = (now - self._repair_credit_at) * rate
        self._repair_credit = min(_REPAIR_BURST_PACKETS, self._repair_credit + earned)
        self._repair_credit_at = now
        allowed = min(wanted, int(self._repair_credit))
        self._repair_credit -= allowed
        return allowed

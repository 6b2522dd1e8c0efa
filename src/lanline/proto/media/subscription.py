"""What a publisher knows of one viewer: what it wants, what its link carries, and what it has been sent."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.proto.media.rate import RateChoice
from lanline.wire.video import Report, Subscribe

SILENT_AFTER_S = 3.0
_REQUESTS_PER_S, _REQUESTS_AT_ONCE = 400.0, 400.0
"""An honest viewer makes ten reports a second, and asks for repairs at most with each few packets."""
_SAID_TWICE_WITHIN_S = 0.005
_KEYS_PER_S, _KEYS_AT_ONCE = 1.0, 8.0
"""A key frame costs everybody who watches the rung: who asks all the time gets fewer."""
_OFFERS_PER_S, _OFFERS_AT_ONCE = 1.0, 4.0
_REPAIR_SHARE = 0.5
_LEAST_REPAIRS_PER_S = 100.0
_REPAIR_BURST_PACKETS = 128.0


class Allowance:
    """Earned at a steady rate, up to a bound."""

    __slots__ = ("_at", "_credit", "_most")

    def __init__(self, most: float, now: float) -> None:
        self._most = self._credit = most
        self._at = now

    def take(self, wanted: int, per_s: float, now: float) -> int:
        """How many of so many."""
        self._credit = min(self._most, self._credit + max(0.0, now - self._at) * per_s)
        self._at = now
        taken = min(wanted, int(self._credit))
        self._credit -= taken
        return taken


class Subscription:
    __slots__ = (
        "_keys",
        "_offers",
        "_repaired",
        "_repairs",
        "_requests",
        "choice",
        "heard_at",
        "is_over",
        "is_silent",
        "next_rung",
        "records",
        "rests_until",
        "rung",
        "sent_bytes",
        "wants",
    )

    def __init__(
        self, wants: Subscribe, top_rung: int, frame_rates: Sequence[float], now: float, *, is_intra_only: bool = True
    ) -> None:
        self.wants = wants
        self.records = wants.records
        self.choice = RateChoice(top_rung, top_rung, frame_rates, is_intra_only=is_intra_only)
        self.rung: int | None = None
        """The one it is sent now; none before its first frame."""
        self.next_rung: int | None = top_rung
        """The one that it will be sent from the next frame on that can be a beginning."""
        self.heard_at = now
        self.is_silent = self.is_over = False
        self.rests_until = 0.0
        """Its link is full, and is sent no pictures before it had time to drain."""
        self.sent_bytes = 0
        self._repairs = Allowance(_REPAIR_BURST_PACKETS, now)
        self._requests = Allowance(_REQUESTS_AT_ONCE, now)
        self._repaired: tuple[bytes, frozenset[int], float] = (b"", frozenset(), 0.0)
        self._keys = Allowance(_KEYS_AT_ONCE, now)
        self._offers = Allowance(_OFFERS_AT_ONCE, now)

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
        return self._repairs.take(wanted, max(_LEAST_REPAIRS_PER_S, _REPAIR_SHARE * packets_per_s), now)

    def not_just_repaired(self, stream_id: bytes, numbers: list[int], now: float) -> list[int]:
        """A request may come twice, so that one of the two arrives."""
        known_id, known, at = self._repaired
        fresh = [number for number in numbers if number not in known] if now - at < _SAID_TWICE_WITHIN_S else numbers
        if known_id != stream_id:
            fresh = numbers
        if fresh:
            self._repaired = (stream_id, frozenset(fresh), now)
        return fresh

    def may_ask(self, now: float) -> bool:
        """Whether one more request of this viewer is looked at."""
        return self._requests.take(1, _REQUESTS_PER_S, now) > 0

    def may_have_key(self, now: float) -> bool:
        return self._keys.take(1, _KEYS_PER_S, now) > 0

    def may_have_offer(self, now: float) -> bool:
        return self._offers.take(1, _OFFERS_PER_S, now) > 0

"""What a viewer tells its publisher: loss before and after repair, queueing and its trend, bytes.

Only frames that were settled some time ago are counted, so that a packet that was overtaken is not taken for lost.
"""

from __future__ import annotations

from collections import deque

import msgspec

from lanline.proto.media.reassembler import ClosedFrame
from lanline.wire.video import Report

REPORT_INTERVAL_S = 0.1
QUIET_INTERVAL_S = 0.45
"""A little less than five, so that timers that ring late make no six of them."""
_QUIET_S = 0.005
_LEAST_SAMPLES, _MOST_SAMPLES = 4, 512
_OLDEST_SAMPLE_S = 0.15
_SETTLING_S = 0.05
_MOST_FRAMES = 256
_MOST_NUMBERS = 16_384
"""Of packets that are lost. With more frames or numbers than that, the oldest frames count at once."""


class _Entry:
    __slots__ = ("chunks", "closed_at", "is_complete", "lost")

    def __init__(self, closed: ClosedFrame, now: float) -> None:
        self.closed_at = now
        self.chunks = closed.total_chunks
        self.lost = set(closed.missing_numbers)
        self.is_complete = closed.is_complete


class LossLedger:
    """Of one stream: frames that are closed and not yet reported, and the packets that repairs brought."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._lost_numbers = 0
        """In all entries."""
        self._repaired: set[int] = set()
        self._counted = (0, 0, 0)
        """As `settle` returns it, of frames for which there was no room any more."""

    def on_repair(self, number: int) -> None:
        if len(self._repaired) < _MOST_NUMBERS:
            self._repaired.add(number)

    def on_straggler(self, number: int) -> None:
        """Came by itself after its frame was closed."""
        for entry in self._entries:
            if number in entry.lost:
                entry.lost.discard(number)
                self._lost_numbers -= 1

    def on_closed(self, closed: ClosedFrame, now: float) -> None:
        numbers = range(closed.first_number, closed.first_number + closed.total_chunks)
        entry = _Entry(closed, now)
        # A repaired packet is there, and still it was lost once.
        entry.lost |= {number for number in self._repaired if number in numbers}
        self._repaired = {number for number in self._repaired if number >= numbers.stop}
        self._entries.append(entry)
        self._lost_numbers += len(entry.lost)
        while len(self._entries) > _MOST_FRAMES or self._lost_numbers > _MOST_NUMBERS:
            self._count_oldest()

    def _count_oldest(self) -> None:
        entry = self._entries.popleft()
        lost = len(entry.lost)
        self._lost_numbers -= lost
        chunks, before, after = self._counted
        self._counted = (chunks + entry.chunks, before + lost, after + (0 if entry.is_complete else lost))

    def settle(self, now: float) -> tuple[int, int, int]:
        """Chunks, those lost before repair, and those that no repair brought, of the frames settled by now."""
        while self._entries and self._entries[0].closed_at <= now - _SETTLING_S:
            self._count_oldest()
        counted, self._counted = self._counted, (0, 0, 0)
        return counted


class _Interval(msgspec.Struct):
    """What was seen since the last report, or in a tenth of a second of it."""

    duration_s: float = 0.0
    received_bytes: int = 0
    chunks: int = 0
    lost_before: int = 0
    lost_after: int = 0
    queue_s: float = 0.0
    trend_s: float = 0.0
    repeats: int = 0

    @property
    def is_news(self) -> bool:
        """A publisher has to know at once. Repeats are a trial of a higher rate, which waits for an answer."""
        return bool(self.lost_before or self.repeats) or self.queue_s > _QUIET_S or abs(self.trend_s) > _QUIET_S

    def followed_by(self, later: _Interval) -> _Interval:
        return _Interval(
            self.duration_s + later.duration_s,
            self.received_bytes + later.received_bytes,
            self.chunks + later.chunks,
            self.lost_before + later.lost_before,
            self.lost_after + later.lost_after,
            later.queue_s,
            later.trend_s,
            self.repeats + later.repeats,
        )

    def report(self) -> Report:
        return Report(
            interval_us=round(self.duration_s * 1e6),
            received_bytes=self.received_bytes,
            chunks=self.chunks,
            lost_before_repair=self.lost_before,
            lost_after_repair=self.lost_after,
            queue_us=max(0, round(self.queue_s * 1e6)),
            trend_us=round(self.trend_s * 1e6),
        )


class ReportWriter:
    """Looks every tenth of a second. While there is no news, five of them make one report: that it is there at all."""

    def __init__(self) -> None:
        self._ledgers: list[LossLedger] = []
        self._excess: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)
        self._received_bytes = 0
        self._repeats = 0
        self._previous_queue_s = 0.0
        self._looked_at: float | None = None
        self._quiet: _Interval | None = None
        self.has_news = True
        """The last interval was not quiet."""

    def add_stream(self) -> LossLedger:
        ledger = LossLedger()
        self._ledgers.append(ledger)
        return ledger

    def on_packet(self, size_bytes: int) -> None:
        self._received_bytes += size_bytes

    def on_repeat(self) -> None:
        """A packet that was not wanted any more."""
        self._repeats += 1

    def on_transit(self, excess_s: float, now: float) -> None:
        self._excess.append((now, excess_s))

    def on_still(self) -> None:
        """All that was sent has left the queue: what packets waited there says nothing any more."""
        self._excess.clear()
        self._previous_queue_s = 0.0

    def start(self, now: float) -> None:
        if self._looked_at is None:
            self._looked_at = now

    @property
    def next_look_at(self) -> float | None:
        return None if self._looked_at is None else self._looked_at + REPORT_INTERVAL_S

    def look(self, now: float) -> list[Report]:
        """What is to be reported now. What was quiet is reported apart from the news, whose rate it would hide."""
        present = self._take(now)
        is_news = present.is_news or self.has_news
        self.has_news = present.is_news
        quiet, self._quiet = self._quiet, None
        if is_news:
            return [interval.report() for interval in (quiet, present) if interval is not None]
        if quiet is not None:
            present = quiet.followed_by(present)
        if present.duration_s >= QUIET_INTERVAL_S:
            return [present.report()]
        self._quiet = present
        return []

    def _take(self, now: float) -> _Interval:
        assert self._looked_at is not None
        settled = [ledger.settle(now) for ledger in self._ledgers]
        chunks, before, after = (sum(counts) for counts in zip((0, 0, 0), *settled, strict=True))
        queue_s = self._queue_s(now)
        trend_s = queue_s - self._previous_queue_s
        interval = _Interval(
            now - self._looked_at, self._received_bytes, chunks, before, after, queue_s, trend_s, self._repeats
        )
        self._previous_queue_s = queue_s
        self._received_bytes = self._repeats = 0
        self._looked_at = now
        return interval

    def _queue_s(self, now: float) -> float:
        """That of the quickest packet of late: it waited only for what stood there before its frame. Of a few packets
        each may be slow by itself, so there are so many of them.
        """
        assert self._looked_at is not None
        middle = (self._looked_at + now) / 2
        since = now - _OLDEST_SAMPLE_S
        samples: list[float] = []
        for at, excess in reversed(self._excess):
            if at < middle and (len(samples) >= _LEAST_SAMPLES or at < since):
                break  # and so are all before it
            samples.append(excess)
        return min(samples, default=self._previous_queue_s)

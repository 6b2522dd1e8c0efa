"""What a viewer tells its publisher ten times a second: loss before and after repair, queueing and its trend, bytes.

Only frames that were settled some time ago are counted, so that a packet that was overtaken is not taken for lost.
"""

from __future__ import annotations

from collections import deque

from lanline.proto.media.reassembler import ClosedFrame
from lanline.wire.video import Report

REPORT_INTERVAL_S = 0.1
_SETTLING_S = 0.05


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
        self._repaired: set[int] = set()

    def on_repair(self, number: int) -> None:
        self._repaired.add(number)

    def on_straggler(self, number: int) -> None:
        """Came by itself after its frame was closed."""
        for entry in self._entries:
            entry.lost.discard(number)

    def on_closed(self, closed: ClosedFrame, now: float) -> None:
        numbers = range(closed.first_number, closed.first_number + closed.total_chunks)
        entry = _Entry(closed, now)
        # A repaired packet is there, and still it was lost once.
        entry.lost |= {number for number in self._repaired if number in numbers}
        self._repaired = {number for number in self._repaired if number >= numbers.stop}
        self._entries.append(entry)

    def settle(self, now: float) -> tuple[int, int, int]:
        """Chunks, those lost before repair, and those that no repair brought, of the frames settled by now."""
        chunks = before = after = 0
        while self._entries and self._entries[0].closed_at <= now - _SETTLING_S:
            entry = self._entries.popleft()
            chunks += entry.chunks
            before += len(entry.lost)
            after += 0 if entry.is_complete else len(entry.lost)
        return chunks, before, after


class ReportWriter:
    def __init__(self) -> None:
        self._ledgers: list[LossLedger] = []
        self._excess: list[tuple[float, float]] = []
        self._received_bytes = 0
        self._previous_queue_s = 0.0
        self._last_at: float | None = None

    def add_stream(self) -> LossLedger:
        ledger = LossLedger()
        self._ledgers.append(ledger)
        return ledger

    def on_packet(self, size_bytes: int) -> None:
        self._received_bytes += size_bytes

    def on_transit(self, excess_s: float, now: float) -> None:
        self._excess.append((now, excess_s))

    def _queue_s(self, now: float) -> float:
        """That of the quickest packet of late: it waited only for what stood there before its frame."""
        assert self._last_at is not None
        middle = (self._last_at + now) / 2
        late = [excess_s for at, excess_s in self._excess if at >= middle]
        return min(late or [excess_s for _, excess_s in self._excess], default=self._previous_queue_s)

    def start(self, now: float) -> None:
        if self._last_at is None:
            self._last_at = now

    @property
    def next_report_at(self) -> float | None:
        return None if self._last_at is None else self._last_at + REPORT_INTERVAL_S

    def write(self, now: float) -> Report:
        assert self._last_at is not None
        settled = [ledger.settle(now) for ledger in self._ledgers]
        queue_s = self._queue_s(now)
        report = Report(
            interval_us=round((now - self._last_at) * 1e6),
            received_bytes=self._received_bytes,
            chunks=sum(chunks for chunks, _, _ in settled),
            lost_before_repair=sum(before for _, before, _ in settled),
            lost_after_repair=sum(after for _, _, after in settled),
            queue_us=max(0, round(queue_s * 1e6)),
            trend_us=round((queue_s - self._previous_queue_s) * 1e6),
        )
        self._previous_queue_s = queue_s
        self._excess.clear()
        self._received_bytes = 0
        self._last_at = now
        return report

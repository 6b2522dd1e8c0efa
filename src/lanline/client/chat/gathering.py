"""Owns pages of logs that catch up, until they are taken: several are opened together, a few entries at each turn of
the loop. So one signature vouches for more of a run, and nobody waits for a long catch-up who says something meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from lanline.client.chat.context import ServerLine
from lanline.client.sealing.ahead import Ahead
from lanline.clock import Clock, Timer
from lanline.errors import HistoryProblem, ProtocolViolation
from lanline.wire.chat.entries import LogEntry

_LONGEST_S = 0.05
_LARGE_PAGE = 100
_AT_ONCE, _AT_ONCE_BYTES = 2000, 1024 * 1024
_TAKEN_AT_ONCE = 400
"""About 2 ms."""
_MOST_WAITING = 6_000
"""Of entries: with more, nothing is read from the link until some are taken."""

Open = Callable[[int, Sequence[LogEntry], Ahead], Iterator[None]]
Take = Callable[[int, Sequence[LogEntry], Ahead | None], None]


class _Batch:
    def __init__(self, log: int, entries: list[LogEntry], open_ahead: Open) -> None:
        self.log = log
        self.entries = entries
        self.ahead = Ahead()
        self._steps = open_ahead(log, entries, self.ahead)
        self._taken = 0

    def go_on(self) -> Sequence[LogEntry]:
        """What is to be taken now: nothing, as long as it is being opened."""
        for _ in self._steps:
            return ()
        taken, self._taken = self._taken, self._taken + _TAKEN_AT_ONCE
        return self.entries[taken : self._taken]

    @property
    def left(self) -> int:
        return max(0, len(self.entries) - self._taken)


class Gathering:
    def __init__(self, clock: Clock, line: ServerLine, open_ahead: Open, take: Take) -> None:
        """`open_ahead`: opens some at each step. What `take` raises comes out of `add`, or else ends the link."""
        self._clock = clock
        self._line = line
        self._open_ahead = open_ahead
        self._take = take
        self._gathered: dict[int, list[LogEntry]] = {}
        self._size_bytes = 0
        self._timer: Timer | None = None
        self._batches: deque[_Batch] = deque()
        self._turn: Timer | None = None

    def last(self, log: int) -> int:
        """The place of the last that came of a log, and is not taken yet; 0: there is none."""
        pages = [self._gathered.get(log, []), *(each.entries for each in reversed(self._batches) if each.log == log)]
        return next((page[-1].sequence for page in pages if page), 0)

    def add(self, log: int, came: Sequence[LogEntry], *, is_more_coming: bool) -> None:
        gathered = self._gathered.setdefault(log, [])
        gathered += came
        self._size_bytes += sum([len(each.content) for each in came])
        has_room = len(gathered) < _AT_ONCE and self._size_bytes < _AT_ONCE_BYTES
        if not (is_more_coming and has_room and len(gathered) >= _LARGE_PAGE):
            self._open()
        elif self._timer is None:
            self._timer = self._clock.call_later(_LONGEST_S, lambda: self._ending_link(self._open))

    def put_back(self, log: int, entries: list[LogEntry]) -> None:
        """What was taken, and is to be opened now: before all that came after it."""
        if len(entries) <= _TAKEN_AT_ONCE:
            self._take(log, entries, None)
        else:
            self._batches.appendleft(_Batch(log, entries, self._open_ahead))
            self._go_on_soon()

    def finish(self, log: int) -> None:
        """Until nothing waits of this log."""
        if log in self._gathered:
            self._open()
        while any(each.log == log for each in self._batches):
            self._go_on()

    def _open(self) -> None:
        """What was gathered; at once where it is little, and nothing waits before it."""
        gathered = self._stop_gathering()
        for log, came in gathered.items():
            if not self._batches and len(came) <= _TAKEN_AT_ONCE:
                self._take(log, came, None)
            else:
                self._batches.append(_Batch(log, came, self._open_ahead))
        while sum(each.left for each in self._batches) > _MOST_WAITING:
            self._go_on()
        self._go_on_soon()

    def _go_on_soon(self) -> None:
        if self._batches and self._turn is None:
            self._turn = self._clock.call_later(0.0, lambda: self._ending_link(self._on_turn))

    def _on_turn(self) -> None:
        self._turn = None
        if self._batches:
            self._go_on()
        self._go_on_soon()

    def _go_on(self) -> None:
        batch = self._batches[0]
        entries = batch.go_on()
        if not batch.left:
            self._batches.popleft()
        if entries:
            self._take(batch.log, entries, batch.ahead)

    def _ending_link(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (ProtocolViolation, OverflowError, HistoryProblem) as problem:
            if self._line.session is not None:
                self._line.session.end_by(problem)

    def _stop_gathering(self) -> dict[int, list[LogEntry]]:
        if self._timer is not None:
            self._timer.cancel()
        gathered, self._gathered, self._size_bytes, self._timer = self._gathered, {}, 0, None
        return gathered

    def stop(self) -> None:
        """What waits comes again on the next link."""
        self._stop_gathering()
        self._batches.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

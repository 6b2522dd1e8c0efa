"""Owns pages of logs that catch up, until several are opened together: so one signature vouches for more of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lanline.client.chat.context import ServerLine
from lanline.clock import Clock, Timer
from lanline.errors import HistoryProblem, ProtocolViolation
from lanline.wire.chat.entries import LogEntry

_LONGEST_S = 0.05
_LARGE_PAGE = 100
_AT_ONCE, _AT_ONCE_BYTES = 2000, 1024 * 1024


class Gathering:
    def __init__(self, clock: Clock, line: ServerLine, take: Callable[[int, list[LogEntry]], None]) -> None:
        self._clock = clock
        self._line = line
        self._take = take
        self._gathered: dict[int, list[LogEntry]] = {}
        self._size_bytes = 0
        self._timer: Timer | None = None

    def of(self, log: int) -> Sequence[LogEntry]:
        return self._gathered.get(log, ())

    def add(self, log: int, came: Sequence[LogEntry], *, is_more_coming: bool) -> None:
        """What `take` raises comes out here too, or else ends the link."""
        gathered = self._gathered.setdefault(log, [])
        gathered += came
        self._size_bytes += sum(len(each.content) for each in came)
        has_room = len(gathered) < _AT_ONCE and self._size_bytes < _AT_ONCE_BYTES
        if not (is_more_coming and has_room and len(came) >= _LARGE_PAGE):
            self._take_all()
        elif self._timer is None:
            self._timer = self._clock.call_later(_LONGEST_S, self._on_timer)

    def _take_all(self) -> None:
        for log, came in self.stop().items():
            self._take(log, came)

    def _on_timer(self) -> None:
        try:
            self._take_all()
        except (ProtocolViolation, OverflowError, HistoryProblem) as problem:
            if self._line.session is not None:
                self._line.session.end_by(problem)

    def stop(self) -> dict[int, list[LogEntry]]:
        """What was gathered, and is not any more."""
        if self._timer is not None:
            self._timer.cancel()
        gathered, self._gathered, self._size_bytes, self._timer = self._gathered, {}, 0, None
        return gathered

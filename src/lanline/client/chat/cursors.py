"""When cursors are written and reported: together, a few times a second, and on the disk before anybody is told."""

from __future__ import annotations

from collections.abc import Callable

from lanline.clock import Clock, Timer

REPORT_EVERY_S = 0.25


class CursorReports:
    """`report` gets the logs whose read cursors, or others', moved since the last time."""

    def __init__(self, clock: Clock, report: Callable[[set[int]], None]) -> None:
        self._clock = clock
        self._report = report
        self._moved: set[int] = set()
        self._timer: Timer | None = None

    def note_delivered(self) -> None:
        """It is on the disk already, together with the entries, and wants only to be reported."""
        self._arm()

    def note_moved(self, log: int) -> None:
        self._moved.add(log)
        self._arm()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_later(REPORT_EVERY_S, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moved, self._moved = self._moved, set()
        self._report(moved)

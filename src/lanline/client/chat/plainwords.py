"""Owns which words that came unsealed, or sealed in an earlier group, are shown: those of before anything was sealed in
their log, or sealed in the present group, and no others.

An honest server takes nothing unsealed once a group is founded, and nothing of one that was put aside:
docs/protocol/sealing.md, 7. So what comes above words that were sealed, and believed, is the server's own, or was moved
there.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.chat.history import History
from lanline.client.chat.sealing import EARLIER, OPENED, PLAIN, SUITES_OF_KEYS, doubted
from lanline.proto.chain.reasons import Reason
from lanline.wire.chat.entries import LogEntry

_SEALED = {OPENED, EARLIER, *SUITES_OF_KEYS}


class _From:
    """The first places in a log, as far as this device has it, of what was sealed: at all, and in the present group."""

    def __init__(self, sealed: int | None, opened: int | None) -> None:
        """With what says under which keys, which may be of an earlier group; and without."""
        self.sealed = sealed
        self.opened = opened


class PlainWords:
    def __init__(self, history: History) -> None:
        self._history = history
        self._from: dict[int, _From] = {}

    def judged(self, log: int, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """In the order of their places, opened."""
        if log not in self._from:
            self._from[log] = _From(self._history.first_sealed(log), self._history.first_opened(log))
        return [_judged(self._from[log], each) for each in entries]

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._from.pop(log, None)

    def forget_all(self) -> None:
        """The group is another now."""
        self._from.clear()


def _judged(begins: _From, entry: LogEntry) -> LogEntry:
    place, suite = entry.sequence, entry.suite
    if suite == EARLIER and begins.opened is not None and place > begins.opened:
        return doubted(entry, Reason.EARLIER)
    if suite == PLAIN and begins.sealed is not None and place > begins.sealed:
        return doubted(entry, Reason.UNSEALED)
    if suite in _SEALED:
        begins.sealed = place if begins.sealed is None else min(place, begins.sealed)
    if suite == OPENED:
        begins.opened = place if begins.opened is None else min(place, begins.opened)
    return entry

"""Owns which words that came unsealed are shown: those of before anything was sealed in their log, and no others.

An honest server takes nothing unsealed once the group is founded: docs/protocol/sealing.md, 7. So what comes unsealed
above words that were sealed, and believed, is the server's own, or was moved there.
"""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.chat.history import History
from lanline.client.chat.sealing import OPENED, PLAIN, SUITES_OF_KEYS, doubted
from lanline.proto.chain.reasons import Reason
from lanline.wire.chat.entries import LogEntry

_SEALED = {OPENED, *SUITES_OF_KEYS}


class PlainWords:
    def __init__(self, history: History) -> None:
        self._history = history
        self._sealed_from: dict[int, int | None] = {}
        """By log, the first place of words that were sealed and believed, or of what says under which keys: as far as
        this device has it."""

    def judged(self, log: int, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """In the order of their places, opened."""
        if log not in self._sealed_from:
            self._sealed_from[log] = self._history.first_opened(log)
        return [self._judged(log, each) for each in entries]

    def _judged(self, log: int, entry: LogEntry) -> LogEntry:
        sealed_from = self._sealed_from[log]
        if entry.suite in _SEALED and (sealed_from is None or entry.sequence < sealed_from):
            self._sealed_from[log] = entry.sequence
        elif entry.suite == PLAIN and sealed_from is not None and entry.sequence > sealed_from:
            return doubted(entry, Reason.UNSEALED)
        return entry

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._sealed_from.pop(log, None)

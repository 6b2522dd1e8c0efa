"""Owns what this device has of each log, as a hash, and whether somebody who speaks was shown another one."""

from __future__ import annotations

from collections.abc import Sequence

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.logchain import NOTHING, LogChain, Seen
from lanline.client.sealing.scopes import Place
from lanline.client.view.values import Conversation
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import Words


class SeenLogs:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._chains: dict[int, LogChain] = {}

    def note_taken(self, shown: Conversation, place: Place, came: Sequence[LogEntry]) -> Seen | None:
        """What this device has from now on; None: no hash over it is known."""
        chain = self._chain(shown, place)
        chain.add(came)
        return None if chain.seen == NOTHING else chain.seen

    def seen(self, shown: Conversation, place: Place) -> Seen:
        return self._chain(shown, place).seen

    def differs(self, shown: Conversation, place: Place, at: int, words: Words) -> bool:
        """From what the author of the words at this place had seen of the log."""
        if words.history != self._context.history:
            return False
        return words.seen >= at or self._chain(shown, place).differs((words.seen, words.seen_hash))

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._chains.pop(log, None)

    def forget_all(self) -> None:
        self._chains.clear()

    def _chain(self, shown: Conversation, place: Place) -> LogChain:
        if shown.log not in self._chains:
            self._chains[shown.log] = self._kept(shown, place)
        return self._chains[shown.log]

    def _kept(self, shown: Conversation, place: Place) -> LogChain:
        kept = self._context.tables.log_hash(shown.log)
        if kept is not None and kept[0] == shown.delivered:
            return LogChain(*kept)
        return LogChain(shown.delivered, None if shown.delivered else self._context.scopes.start_of(place))

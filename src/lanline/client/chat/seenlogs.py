"""Owns what this device has of each log, as a hash, and tells when somebody who speaks was shown another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lanline.client.sealing.context import GroupContext
from lanline.client.sealing.logchain import NOTHING, LogChain, Seen
from lanline.client.sealing.scopes import Place
from lanline.client.view.values import Conversation
from lanline.model.alarms import Alarm, AlarmKind, alarm
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import Words

Naming = tuple[int, str, Words]
"""The place of words, who says them, and what stands in them."""


class SeenLogs:
    def __init__(self, context: GroupContext, ring: Callable[[Alarm], None]) -> None:
        self._context = context
        self._ring = ring
        self._chains: dict[int, LogChain] = {}
        self._ahead: dict[int, dict[int, Naming]] = {}
        """By log and place, words that name a place which is here, and not taken in yet: of the same page."""
        self._warned: set[tuple[int, str]] = set()
        """Of which difference was told: by log, and by who has another one."""

    def note_taken(self, shown: Conversation, place: Place, came: Sequence[LogEntry]) -> Seen | None:
        """What this device has from now on; None: no hash over it is known."""
        chain = self._chain(shown, place)
        chain.add(came)
        self.compare(shown, place, self._ahead.pop(shown.log, {}).values())
        chain.forget_old()
        return None if chain.seen == NOTHING else chain.seen

    def seen(self, shown: Conversation, place: Place) -> Seen:
        return self._chain(shown, place).seen

    def compare(self, shown: Conversation, place: Place, namings: Iterable[Naming]) -> None:
        """With what the authors of these words had seen of the log."""
        chain, history = self._chain(shown, place), self._context.history
        ahead = self._ahead.setdefault(shown.log, {})
        for each in namings:
            at, author, words = each
            seen = words.seen
            if words.history != history or (shown.log, author) in self._warned:
                continue
            if chain.at < seen < at:
                ahead[at] = each
            elif seen >= at or (not chain.holds(seen, words.seen_hash) and chain.differs((seen, words.seen_hash))):
                self._warned.add((shown.log, author))
                self._ring(alarm(AlarmKind.LOGS_DIFFER, author, shown.title))

    def forget(self, log: int) -> None:
        """The copy of this log is another now."""
        self._chains.pop(log, None)
        self._ahead.pop(log, None)

    def forget_all(self) -> None:
        self._chains.clear()
        self._ahead.clear()

    def _chain(self, shown: Conversation, place: Place) -> LogChain:
        if shown.log not in self._chains:
            self._chains[shown.log] = self._kept(shown, place)
        return self._chains[shown.log]

    def _kept(self, shown: Conversation, place: Place) -> LogChain:
        kept = self._context.tables.log_hash(shown.log)
        if kept is not None and kept[0] == shown.delivered:
            return LogChain(*kept)
        return LogChain(shown.delivered, None if shown.delivered else self._context.scopes.start_of(place))

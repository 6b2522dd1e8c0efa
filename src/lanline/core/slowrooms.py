"""Owns slow mode: how long a member waits in a room between two messages. Owners and moderators do not wait.

The server cannot tell what is said from what is only a reaction or a correction, so all of it counts.
"""

from __future__ import annotations

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId, NewEntry
from lanline.model.rooms import Role, pace_text
from lanline.storage.api import Transaction

_MIN_WAIT_S = 0.05
_SEARCHED = 1000
"""Of the newest entries: who floods a slow room costs little, and after so many of others anybody may speak again."""


class SlowRooms:
    """Of one batch, within its transaction: what it takes counts before it is written."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._paces: dict[tuple[LogId, AccountId], int] = {}
        self._said_ms: dict[tuple[LogId, AccountId], int | None] = {}

    def slows(self, entry: NewEntry) -> bool:
        return self._pace_s(entry) > 0

    def refusal(self, entry: NewEntry) -> RequestRefused | None:
        """None: it is taken now, and the next one waits."""
        pace_s = self._pace_s(entry)
        if not pace_s:
            return None
        key, now_ms, pace_ms = (entry.log, entry.account), entry.time_ms, pace_s * 1000
        if key not in self._said_ms:
            self._said_ms[key] = self._transaction.logs.last_said_ms(*key, now_ms - pace_ms, _SEARCHED)
        last_ms = self._said_ms[key]
        if last_ms is None or last_ms + pace_ms <= now_ms:
            self._said_ms[key] = now_ms
            return None
        return self._wait(entry, pace_s, min(last_ms + pace_ms - now_ms, pace_ms) / 1000)

    def _wait(self, entry: NewEntry, pace_s: int, wait_s: float) -> RequestRefused:
        room = self._transaction.rooms.by_log(entry.log)
        assert room is not None
        text = f"{room.name} takes a message of yours every {pace_text(pace_s)}."
        return RequestRefused(RefusalCode.SLOW_ROOM, text, max(wait_s, _MIN_WAIT_S))

    def _pace_s(self, entry: NewEntry) -> int:
        key = entry.log, entry.account
        if key not in self._paces:
            room, member = self._transaction.rooms.by_log(entry.log), self._transaction.rooms.membership(*key)
            waits = room is not None and member is not None and member.role < Role.MODERATOR
            self._paces[key] = room.slow_s if room is not None and waits else 0
        return self._paces[key]

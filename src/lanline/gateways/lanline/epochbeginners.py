"""Owns who begins the next epoch of a conversation, so that many who want to speak at once begin one. Not the rules.

It is a courtesy, kept in memory: two that were begun at once both stand, and nobody keeps the others from it for long.
"""

from __future__ import annotations

from lanline.clock import Clock
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId

_BEGINS_WITHIN_S = 5.0
_MOST_S = 30.0
"""While its boxes come in."""


class _Turn:
    __slots__ = ("failed", "holder", "since", "until")

    def __init__(self) -> None:
        self.holder: AccountId | None = None
        self.since = self.until = 0.0
        self.failed: set[AccountId] = set()
        """Who had it and brought nothing: nobody waits for them again before a statement stands."""


class Beginners:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: dict[LogId, _Turn] = {}

    def wait_s(self, log: LogId, account: AccountId) -> float:
        """0: it is this account's turn now. Otherwise somebody else is at it; ask again then, if nothing came of it."""
        turn, now = self._turns.setdefault(log, _Turn()), self._clock.now()
        if turn.holder not in {None, account}:
            if now < turn.until:
                return turn.until - now
            assert turn.holder is not None
            turn.failed.add(turn.holder)
        if account not in turn.failed:
            turn.holder, turn.since, turn.until = account, now, now + _BEGINS_WITHIN_S
        return 0.0

    def note_boxes(self, log: LogId, account: AccountId) -> None:
        turn = self._turns.get(log)
        if turn is not None and turn.holder == account:
            turn.until = min(self._clock.now() + _BEGINS_WITHIN_S, turn.since + _MOST_S)

    def note_begun(self, log: LogId) -> None:
        self._turns.pop(log, None)

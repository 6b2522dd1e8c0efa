"""Owns which authors in a room still wait to hear that somebody has what they said: only they are told of it.

So a mark costs what its author costs, and not what the room does.
"""

from __future__ import annotations

from collections.abc import Iterator

from lanline.core.changes import Appended, CursorMoved
from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor, LogId


class AwaitingAuthors:
    def __init__(self) -> None:
        self._of: dict[LogId, dict[AccountId, tuple[int, Cursor]]] = {}
        """The latest that each has said, and how far it is known of somebody else."""

    def note_appended(self, change: Appended) -> None:
        for entry in change.entries:
            self.add(change.log, entry.account, entry.sequence, Cursor())

    def add(self, log: LogId, account: AccountId, last: int, known: Cursor) -> None:
        """Nothing to wait for where all is known to be read."""
        if known.read < last:
            awaiting = self._of.setdefault(log, {})
            known = awaiting[account][1] if account in awaiting else known
            awaiting[account] = last, known

    def concerned(self, change: CursorMoved) -> Iterator[AccountId]:
        """Those to whom the move says more of their own words than they know."""
        awaiting = self._of.get(change.log)
        if not awaiting or not change.is_furthest:
            return
        for account, (last, known) in list(awaiting.items()):
            if account != change.account:
                now = known.advanced(min(change.cursor.delivered, last), min(change.cursor.read, last))
                if now.read >= last:
                    del awaiting[account]
                else:
                    awaiting[account] = last, now
                if now != known:
                    yield account

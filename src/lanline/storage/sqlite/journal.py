"""The rows of the journal."""

from __future__ import annotations

from itertools import starmap
from sqlite3 import Connection

from lanline.model.accounts import AccountId
from lanline.model.journal import JournalEntry, NewJournalEntry

_ENTRIES = "SELECT id, time_ms, deed, account, by_name, whom, room, detail, count FROM journal "


class SqliteJournalView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def after(self, entry: int, limit: int) -> list[JournalEntry]:
        found = self._connection.execute(_ENTRIES + "WHERE id > ? ORDER BY id LIMIT ?", (entry, limit))
        return list(starmap(JournalEntry, found))

    def newest(self, limit: int) -> list[JournalEntry]:
        found = self._connection.execute(_ENTRIES + "ORDER BY id DESC LIMIT ?", (limit,))
        return list(starmap(JournalEntry, found))[::-1]

    def count_since(self, account: AccountId, time_ms: int) -> int:
        query = "SELECT count(*) FROM journal WHERE account = ? AND time_ms >= ?"
        count: int = self._connection.execute(query, (account, time_ms)).fetchone()[0]
        return count


class SqliteJournal(SqliteJournalView):
    def add(self, entry: NewJournalEntry, replaces: int | None = None) -> int:
        if replaces is not None:
            self._connection.execute("DELETE FROM journal WHERE id = ?", (replaces,))
        added = self._connection.execute(
            "INSERT INTO journal (time_ms, deed, account, by_name, whom, room, detail, count) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                entry.time_ms,
                entry.deed.value,
                entry.account,
                entry.by,
                entry.whom,
                entry.room,
                entry.detail,
                entry.count,
            ),
        )
        number: int = added.fetchone()[0]
        return number

    def prune(self, before_ms: int, most: int) -> None:
        self._connection.execute("DELETE FROM journal WHERE time_ms < ?", (before_ms,))
        self._connection.execute(
            "DELETE FROM journal WHERE id <= (SELECT id FROM journal ORDER BY id DESC LIMIT 1 OFFSET ?)", (most,)
        )

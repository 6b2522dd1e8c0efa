"""The rows of names that are held back after a deletion."""

from __future__ import annotations

from sqlite3 import Connection

from lanline.model.names import folded_name


class SqliteNamesView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def held_until(self, name: str) -> int:
        query = "SELECT until_ms FROM held_names WHERE folded_name = ?"
        row = self._connection.execute(query, (folded_name(name),)).fetchone()
        return row[0] if row else 0


class SqliteNames(SqliteNamesView):
    def hold(self, name: str, until_ms: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO held_names (folded_name, until_ms) VALUES (?, ?)", (folded_name(name), until_ms)
        )

    def release(self, before_ms: int) -> None:
        self._connection.execute("DELETE FROM held_names WHERE until_ms < ?", (before_ms,))

"""The rows of what was typed and is not yet on the server's disk, in the order of typing, over all processes."""

from __future__ import annotations

from typing import cast

import msgspec

from lanline.client.chat.database import Database
from lanline.errors import RefusalCode

_COLUMNS = "position, entry_id, log, destination, suite, content, typed_ms, refused_code, refused_text"


class OutboxRow(msgspec.Struct, frozen=True, gc=False):
    position: int
    entry_id: bytes
    log: int | None
    destination: str
    suite: str
    content: bytes
    typed_ms: int
    refused_code: int | None = None
    refused_text: str | None = None


class OutboxRows:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: OutboxRow) -> OutboxRow:
        """With the next position, which no row had before: SQLite gives them out one writer at a time."""
        with self._database.write() as writer:
            # Where the server was restored meanwhile the log is found anew, by the name of who is meant.
            log = row.log if self._database.is_of_epoch(writer) else None
            done = writer.execute(
                "INSERT INTO outbox (entry_id, log, destination, suite, content, typed_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (row.entry_id, log, row.destination, row.suite, row.content, row.typed_ms),
            )
            position = done.lastrowid
        return msgspec.structs.replace(row, position=position, log=log)

    def waiting(self, after: int, limit: int) -> list[OutboxRow]:
        """Those to be sent, also of other processes: who sends a later one has to send the earlier ones first."""
        return self._rows("WHERE position > ? AND refused_code IS NULL ORDER BY position LIMIT ?", (after, limit))

    def all(self) -> list[OutboxRow]:
        return self._rows("ORDER BY position", ())

    def of(self, log: int) -> list[OutboxRow]:
        return self._rows("WHERE log = ? ORDER BY position", (log,))

    def find(self, entry_id: bytes) -> OutboxRow | None:
        found = self._rows("WHERE entry_id = ?", (entry_id,))
        return found[0] if found else None

    def resolve(self, destination: str, log: int) -> None:
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            writer.execute("UPDATE outbox SET log = ? WHERE destination = ? AND log IS NULL", (log, destination))

    def refuse(self, entry_id: bytes, code: RefusalCode, text: str) -> None:
        with self._database.write() as writer:
            writer.execute(
                "UPDATE outbox SET refused_code = ?, refused_text = ? WHERE entry_id = ?", (int(code), text, entry_id)
            )

    def requeue(self, entry_id: bytes) -> bool:
        """Behind all others; false when it is not there, or was not refused."""
        with self._database.write() as writer:
            moved = writer.execute(
                "UPDATE outbox SET refused_code = NULL, refused_text = NULL, "
                "position = (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'outbox') "
                "WHERE entry_id = ? AND refused_code IS NOT NULL",
                (entry_id,),
            )
            # An update does not count on by itself, and no position may ever come twice.
            writer.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(position), 0) FROM outbox)) "
                "WHERE name = 'outbox'"
            )
            return moved.rowcount > 0

    def forget(self, entry_id: bytes) -> None:
        """Only a refused one: what waits to be sent stays."""
        with self._database.write() as writer:
            writer.execute("DELETE FROM outbox WHERE entry_id = ? AND refused_code IS NOT NULL", (entry_id,))

    def _rows(self, rest: str, parameters: tuple[object, ...]) -> list[OutboxRow]:
        rows = self._database.read(f"SELECT {_COLUMNS} FROM outbox {rest}", parameters)  # noqa: S608 -- our own words
        return [OutboxRow(*cast("tuple[int, bytes, int, str, str, bytes, int, int, str]", row)) for row in rows]

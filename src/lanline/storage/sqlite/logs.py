"""The rows of logs, entries and cursors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from sqlite3 import Connection
from sqlite3 import Cursor as Found
from typing import Any

from lanline.errors import RecordMissing
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import (
    ENTRY_COST_BYTES,
    Appended,
    Cursor,
    Entry,
    Log,
    LogId,
    LogKind,
    NewEntry,
    check_entry,
    time_after,
)

_ENTRY = "SELECT log, sequence, entry_id, account, device, time_ms, suite, content FROM entries "
_AFTER = _ENTRY + "WHERE log = ? AND sequence > ? ORDER BY sequence LIMIT ?"
_BEFORE = _ENTRY + "WHERE log = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
_KEYED = (
    _ENTRY + "WHERE log = ? AND sequence > ? AND suite IN ('epoch/1', 'key/1') ORDER BY sequence LIMIT ?"  # its index
)
# By itself SQLite would rather go through all of the log.
_TOPIC = _ENTRY + "INDEXED BY ix_entries_topics WHERE log = ? AND suite = 'topic/1' ORDER BY sequence DESC LIMIT 1"
_FIND = _ENTRY + "WHERE log = ? AND account = ? AND entry_id = ?"
_SAID = "SELECT account, time_ms, suite FROM entries WHERE log = ? ORDER BY sequence DESC LIMIT ?"
_HEAD = "SELECT head FROM logs WHERE id = ?"
_SIZE = "SELECT size_bytes FROM logs WHERE id = ?"
_END = "SELECT head, (SELECT time_ms FROM entries WHERE log = logs.id AND sequence = head) FROM logs WHERE id = ?"
_COUNT = "UPDATE accounts SET message_bytes = message_bytes + ? WHERE id = ?"
_MOVE_HEAD = "UPDATE logs SET head = ?, size_bytes = size_bytes + ? WHERE id = ?"
# Only a repeat is passed over; were a sequence number taken, that must be heard.
_APPEND = (
    "INSERT INTO entries (log, sequence, entry_id, account, device, time_ms, suite, content) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (log, account, entry_id) DO NOTHING"
)
_FIRST = "SELECT sequence, time_ms, suite, content FROM entries WHERE log = ? AND account = ? AND entry_id = ?"
_ENDED = "SELECT id FROM logs WHERE kind = ? AND size_bytes > 0 LIMIT 1"
_FORGET = (
    "DELETE FROM entries WHERE log = ? AND sequence < (SELECT min(sequence) FROM entries WHERE log = ?) + ? "
    "RETURNING account, length(content)"
)
_CURSOR = "SELECT delivered, read FROM cursors WHERE log = ? AND device = ?"
_CURSORS = "SELECT device, delivered, read FROM cursors WHERE log = ?"
_DEVICE_CURSORS = "SELECT log, delivered, read FROM cursors WHERE device = ?"
_PUT_CURSOR = (
    "INSERT INTO cursors (log, device, delivered, read) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (log, device) DO UPDATE SET delivered = excluded.delivered, read = excluded.read"
)

_Row = tuple[Any, ...]


class SqliteLogsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def log(self, log: LogId) -> Log | None:
        row = self._connection.execute("SELECT kind, head FROM logs WHERE id = ?", (log,)).fetchone()
        return Log(log, LogKind(row[0]), row[1]) if row else None

    def heads(self, logs: Sequence[LogId]) -> dict[LogId, int]:
        found = ((log, self._connection.execute(_HEAD, (log,)).fetchone()) for log in logs)
        return {log: row[0] for log, row in found if row}

    def sizes(self, logs: Sequence[LogId]) -> dict[LogId, int]:
        found = ((log, self._connection.execute(_SIZE, (log,)).fetchone()) for log in logs)
        return {log: row[0] for log, row in found if row}

    def all_bytes(self) -> int:
        row = self._connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM logs").fetchone()
        total: int = row[0]
        return total

    def database_bytes(self) -> int:
        (pages,), (page_bytes,) = (
            self._connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
        )
        return int(pages * page_bytes)

    def after(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        rows = _fetch(self._connection.execute(_AFTER, (log, sequence, max(limit, 0))), most_bytes)
        return list(starmap(Entry, rows))

    def keyed(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        rows = _fetch(self._connection.execute(_KEYED, (log, sequence, max(limit, 0))), most_bytes)
        return list(starmap(Entry, rows))

    def before(self, log: LogId, sequence: int, limit: int, most_bytes: int | None = None) -> list[Entry]:
        rows = _fetch(self._connection.execute(_BEFORE, (log, sequence, max(limit, 0))), most_bytes)
        rows.reverse()
        return list(starmap(Entry, rows))

    def newest_topic(self, log: LogId) -> Entry | None:
        row = self._connection.execute(_TOPIC, (log,)).fetchone()
        return Entry(*row) if row else None

    def find(self, log: LogId, account: AccountId, entry_id: bytes) -> Entry | None:
        row = self._connection.execute(_FIND, (log, account, entry_id)).fetchone()
        return Entry(*row) if row else None

    def has_carried(self, log: LogId, carried_id: bytes) -> bool:
        found = self._connection.execute("SELECT 1 FROM carried WHERE log = ? AND id = ?", (log, carried_id))
        return found.fetchone() is not None

    def last_said_ms(self, log: LogId, account: AccountId, since_ms: int, limit: int) -> int | None:
        for author, time_ms, suite in self._connection.execute(_SAID, (log, limit)):
            if time_ms <= since_ms:
                break
            if author == account and suite not in {"epoch/1", "key/1", "carried/1"}:
                return int(time_ms)
        return None

    def cursor(self, log: LogId, device: DeviceId) -> Cursor:
        row = self._connection.execute(_CURSOR, (log, device)).fetchone()
        return Cursor(*row) if row else Cursor()

    def cursors(self, log: LogId) -> dict[DeviceId, Cursor]:
        return {device: Cursor(*row) for device, *row in self._connection.execute(_CURSORS, (log,))}

    def device_cursors(self, device: DeviceId) -> dict[LogId, Cursor]:
        return {log: Cursor(*row) for log, *row in self._connection.execute(_DEVICE_CURSORS, (device,))}


class SqliteLogs(SqliteLogsView):
    def append(self, entries: Sequence[NewEntry], *, stops_at_other: bool = False) -> list[Appended]:
        ends: dict[LogId, tuple[int, int, int]] = {}
        sizes: dict[AccountId, int] = {}
        places: list[Appended] = []
        try:
            for entry in entries:
                at = self._append(entry, ends, sizes)
                places.append(at)
                if at.is_other and stops_at_other:
                    break
            return places
        finally:
            # Also when one was refused: a work may go on after that, and those before it stand.
            for log, (head, _, size_bytes) in ends.items():
                self._connection.execute(_MOVE_HEAD, (head, size_bytes, log))
            for account, size_bytes in sizes.items():
                self._connection.execute(_COUNT, (size_bytes, account))

    def _append(
        self, entry: NewEntry, ends: dict[LogId, tuple[int, int, int]], sizes: dict[AccountId, int]
    ) -> Appended:
        check_entry(entry)
        log, account = entry.log, entry.account
        head, last_ms, grown_bytes = ends[log] if log in ends else (*self._end(log), 0)
        time_ms = time_after(last_ms, entry.time_ms)
        row = (log, head + 1, entry.entry_id, account, entry.device, time_ms, entry.suite, entry.content)
        if self._connection.execute(_APPEND, row).rowcount:
            size_bytes = len(entry.content) + ENTRY_COST_BYTES
            ends[log] = (head + 1, time_ms, grown_bytes + size_bytes)
            sizes[account] = sizes.get(account, 0) + size_bytes
            return Appended(head + 1, time_ms)
        first = self._connection.execute(_FIRST, (log, account, entry.entry_id)).fetchone()
        sequence, time_ms, suite, content = first
        is_other = suite == entry.suite and content != entry.content
        return Appended(sequence, time_ms, is_repeat=True, is_other=is_other)

    def note_carried(self, log: LogId, carried_id: bytes) -> None:
        self._connection.execute("INSERT OR IGNORE INTO carried VALUES (?, ?)", (log, carried_id))

    def _end(self, log: LogId) -> tuple[int, int]:
        """The head, and the time of the newest entry."""
        row = self._connection.execute(_END, (log,)).fetchone()
        if row is None:
            raise _no_such_log()
        head, time_ms = row
        return head, time_ms or 0

    def _head(self, log: LogId) -> int:
        row = self._connection.execute(_HEAD, (log,)).fetchone()
        if row is None:
            raise _no_such_log()
        head: int = row[0]
        return head

    def forget_ended(self, limit: int) -> int:
        ended = self._connection.execute(_ENDED, (LogKind.ENDED.value,)).fetchone()
        if ended is None:
            return 0
        log = ended[0]
        self._connection.execute("DELETE FROM carried WHERE log = ?", (log,))
        gone = self._connection.execute(_FORGET, (log, log, limit)).fetchall()
        sizes: dict[AccountId, int] = {}
        for account, content_bytes in gone:
            sizes[account] = sizes.get(account, 0) + content_bytes + ENTRY_COST_BYTES
        for account, size_bytes in sizes.items():
            self._connection.execute(_COUNT, (-size_bytes, account))
        left = "size_bytes - ?" if gone else "?"  # nothing there though something was counted: then nothing is
        self._connection.execute(f"UPDATE logs SET size_bytes = {left} WHERE id = ?", (sum(sizes.values()), log))  # noqa: S608 -- our own words
        return max(len(gone), 1)

    def advance(self, log: LogId, device: DeviceId, cursor: Cursor) -> Cursor:
        head = self._head(log)
        stands = self.cursor(log, device)
        moved = stands.advanced(min(cursor.delivered, head), min(cursor.read, head))
        if moved != stands:
            self._connection.execute(_PUT_CURSOR, (log, device, moved.delivered, moved.read))
        return moved


def _fetch(found: Found, most_bytes: int | None) -> list[_Row]:
    """Rows are read as they are asked for, so that what does not fit is never in memory."""
    if most_bytes is None:
        return found.fetchall()
    rows: list[_Row] = []
    for row in found:
        most_bytes -= len(row[-1])
        if most_bytes < 0 and rows:
            break
        rows.append(row)
    found.close()
    return rows


def _no_such_log() -> RecordMissing:
    return RecordMissing("There is no such conversation.")

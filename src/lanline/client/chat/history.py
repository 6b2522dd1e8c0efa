"""The client's memory: what was said, who there is, how far one has read, and what waits to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from lanline.client.chat.database import CrashPoint, Database
from lanline.client.chat.outboxrows import OutboxRows
from lanline.client.chat.setaside import SetAside, drop_returned
from lanline.client.chat.values import Conversation, Person
from lanline.model.rooms import Access, Role
from lanline.wire.chat.entries import LogEntry

_PUT_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_BEFORE = (
    "SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries "
    "WHERE log = ? AND sequence < ? AND sequence > "
    "coalesce((SELECT first FROM cursors c WHERE c.log = entries.log), 0) "
    "ORDER BY sequence DESC LIMIT ?"
)
_CONVERSATION = (
    "SELECT l.log, title, other, topic, access, members, role, is_muted, head, first, delivered, read, "
    "others_delivered, others_read, is_open FROM logs l LEFT JOIN cursors c ON c.log = l.log"
)
_UNREAD = (
    "SELECT count(*), min(time_ms), max(time_ms) FROM entries "
    "WHERE log = ? AND sequence > ? AND sequence <= ? AND account != ?"
)


class Sent(msgspec.Struct, frozen=True):
    """One of one's own, and its place."""

    log: int
    entry: LogEntry


class History:
    """Every method is one transaction, on the disk when it returns; several processes may have the file open.

    For a simulation: `crash_point` is called with "begin", "commit" and "committed" around every writing transaction
    and may raise; before "committed" nothing of it may be there afterwards, from then on all of it must.
    `image()` is the state after the last commit; `History.in_memory(image)` goes on from one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = OutboxRows(database)
        self.aside = SetAside(database)

    @classmethod
    def open(cls, path: Path) -> History:
        return cls(Database.open(path))

    @classmethod
    def in_memory(cls, image: bytes | None = None) -> History:
        return cls(Database.in_memory(image))

    @property
    def crash_point(self) -> CrashPoint | None:
        return self._database.crash_point

    @crash_point.setter
    def crash_point(self, crash_point: CrashPoint | None) -> None:
        self._database.crash_point = crash_point

    def image(self) -> bytes:
        return self._database.image()

    def close(self) -> None:
        self._database.close()

    # Who one is.

    def facts(self) -> dict[str, str | int]:
        rows = cast("list[tuple[str, str | int]]", self._database.read("SELECT name, value FROM facts"))
        return dict(rows)

    def put_facts(self, **facts: str | int) -> None:
        with self._database.write() as writer:
            writer.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    # People.

    def people(self) -> list[Person]:
        """As they were last seen: nobody is online on a disk."""
        rows = self._database.read("SELECT account, name, 0, address, seen_ms, is_admin, is_banned FROM people")
        return [msgspec.convert(row, Person, strict=False) for row in map(_person_fields, rows)]

    def put_people(self, people: Iterable[Person]) -> None:
        rows = [(p.account, p.name, p.address, p.seen_ms, p.is_admin, p.is_banned) for p in people]
        with self._database.write() as writer:
            writer.executemany("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)

    # Conversations and cursors.

    def conversations(self) -> list[Conversation]:
        return [_conversation(row) for row in self._database.read(_CONVERSATION)]

    def put_conversations(self, conversations: Iterable[Conversation]) -> None:
        """What the server says of them; the cursors have their own ways."""
        rows = [
            (c.log, c.title, c.other, c.topic, c.access.value, c.members, c.role, c.is_muted, c.is_open, c.head)
            for c in conversations
        ]
        with self._database.write() as writer:
            writer.executemany("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def put_start(self, epoch: str, conversations: Sequence[Conversation]) -> None:
        """Of a new account: what was said in its rooms before it came counts as read. Harmless when cut off midway."""
        self.aside.begin(epoch)
        self.put_conversations(conversations)
        self.put_cursors((each.log, each.head, 0, 0) for each in conversations)

    def begin(self, log: int, first: int) -> int:
        """Where this home's copy of a log begins; at `first` when it had none.

        Agreed on in the file before anything is read: two processes of one home that begin at once at different
        places would leave a gap between their pieces.
        """
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            writer.execute("INSERT OR IGNORE INTO cursors (log) VALUES (?)", (log,))
            writer.execute(
                "UPDATE cursors SET first = ?1, delivered = max(delivered, ?1), has_begun = 1 "
                "WHERE log = ?2 AND NOT has_begun",
                (first, log),
            )
            row = writer.execute("SELECT first FROM cursors WHERE log = ?", (log,)).fetchone()
        return int(row[0])

    def put_cursors(self, cursors: Iterable[tuple[int, int, int, int]]) -> None:
        """(log, read, others_delivered, others_read): forward only, whatever another process wrote meanwhile.

        Of a server that was another by then it is not kept: its numbers would hide what was said since.
        """
        rows = [(read, others_delivered, others_read, log) for log, read, others_delivered, others_read in cursors]
        with self._database.write() as writer:
            if not self._database.is_of_epoch(writer):
                return
            writer.executemany("INSERT OR IGNORE INTO cursors (log) VALUES (?)", [(row[3],) for row in rows])
            writer.executemany(
                "UPDATE cursors SET read = max(read, ?), others_delivered = max(others_delivered, ?), "
                "others_read = max(others_read, ?) WHERE log = ?",
                rows,
            )

    # Entries.

    def add_entries(self, log: int, entries: Sequence[LogEntry], own: int) -> None:
        """What follows on what is here, with the cursor and with one's own taken off the outbox, all at once."""
        through = entries[-1].sequence
        mine = [(entry.entry_id,) for entry in entries if entry.account == own]
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            writer.executemany(_PUT_ENTRY, _entry_rows(log, entries))
            drop_returned(writer, log, [entry.entry_id for entry in entries])
            writer.execute("UPDATE cursors SET delivered = max(delivered, ?) WHERE log = ?", (through, log))
            if mine and writer.execute("SELECT 1 FROM outbox LIMIT 1").fetchone():
                writer.executemany("DELETE FROM outbox WHERE entry_id = ?", mine)

    def add_earlier(self, log: int, entries: Sequence[LogEntry], first: int) -> None:
        """What ends where this home's copy began."""
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            writer.executemany(_PUT_ENTRY, _entry_rows(log, entries))
            drop_returned(writer, log, [entry.entry_id for entry in entries])
            writer.execute("UPDATE cursors SET first = min(first, ?) WHERE log = ?", (first, log))

    def add_sent(self, sent: Sequence[Sent]) -> None:
        """From the outbox to their places, which may be ahead of what is here without a gap."""
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            writer.executemany(_PUT_ENTRY, [row for each in sent for row in _entry_rows(each.log, [each.entry])])
            writer.executemany("DELETE FROM outbox WHERE entry_id = ?", [(each.entry.entry_id,) for each in sent])

    def entries(self, log: int, before: int | None, last: int) -> list[LogEntry]:
        """Oldest first; none that a gap separates from the rest at its old end."""
        limit = 2**63 - 1 if before is None else before
        rows = self._database.read(
            _BEFORE,
            (log, limit, last),
        )
        return [_log_entry(row) for row in reversed(rows)]

    def unread(self, log: int, after: int, through: int, own: int) -> tuple[int, int, int]:
        """How many of others, and when the first and the last of them were said."""
        ((count, first_ms, last_ms),) = self._database.read(_UNREAD, (log, after, through, own))
        return cast("int", count), cast("int", first_ms or 0), cast("int", last_ms or 0)


def _entry_rows(log: int, entries: Sequence[LogEntry]) -> Iterable[tuple[object, ...]]:
    return ((log, e.sequence, e.entry_id, e.account, e.device, e.time_ms, e.suite, e.content) for e in entries)


def _log_entry(row: tuple[object, ...]) -> LogEntry:
    return LogEntry(*cast("tuple[int, bytes, int, int, int, str, bytes]", row))


def _person_fields(row: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(Person.__struct_fields__, row, strict=True))


def _conversation(row: tuple[object, ...]) -> Conversation:
    log, title, other, topic, access, members, role, is_muted, head, *cursors, is_open = row
    first, delivered, read, others_delivered, others_read = (cast("int", value or 0) for value in cursors)
    return Conversation(
        cast("int", log),
        cast("str", title),
        cast("int | None", other),
        cast("str", topic),
        Access(access),
        cast("int", members),
        Role(cast("int", role)),
        bool(is_muted),
        max(cast("int", head), delivered),
        first,
        delivered,
        read,
        others_delivered,
        others_read,
        is_open=bool(is_open),
    )

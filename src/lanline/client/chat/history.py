"""Owns what a home keeps: people, conversations, entries, cursors, and what waits to be sent.

Not what a restored server has lost: `lost`. Longer than other files: what is written in one transaction is read in
one place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import structs
from msgspec.structs import astuple

from lanline.client.chat.database import KEEP_FACT, CrashPoint, Database
from lanline.client.chat.restored.lost import drop_returned, put_hash, put_sealed, said_by_account, set_aside_others
from lanline.client.chat.sealed.content import DOUBTED, NO_NEWS_BEGINS
from lanline.client.view.values import Conversation, Person
from lanline.errors import ProtocolViolation, RefusalCode
from lanline.wire.chat.entries import LogEntry
from lanline.wire.sealing.said import SAID_SUITE

_PUT_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ROW = "(?1, ?, ?, ?, ?, ?, ?, ?)"
_ROWS_AT_ONCE = (1000, 100)
_PUT_FOLLOWING = (
    "INSERT INTO entries VALUES {} ON CONFLICT (log, sequence) DO UPDATE SET suite = excluded.suite "
    "WHERE suite IN ('opened', 'earlier') AND excluded.suite = 'plain' AND entry_id = excluded.entry_id"
)
"""One's own may be here already. What was sealed anew, after its plain version had come through, lies there plain."""
_PUT_ONE = _PUT_FOLLOWING.format(_ROW)
_PUT_MANY = [(many, _PUT_FOLLOWING.format(", ".join([_ROW] * many))) for many in _ROWS_AT_ONCE]
_BEFORE = (
    "SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries "
    "WHERE log = ? AND sequence < ? AND sequence > "
    "coalesce((SELECT first FROM cursors c WHERE c.log = entries.log), 0) "
    "ORDER BY sequence DESC LIMIT ?"
)
_CONVERSATIONS = (
    "SELECT l.log, title, other, topic, access, members, role, is_muted, max(head, coalesce(delivered, 0)) AS head, "
    "coalesce(first, 0) AS first, coalesce(delivered, 0) AS delivered, coalesce(read, 0) AS read, "
    "coalesce(others_delivered, 0) AS others_delivered, coalesce(others_read, 0) AS others_read, is_open, "
    "number, slow_s, topic_from "
    "FROM logs l LEFT JOIN cursors c ON c.log = l.log"
)
_PEOPLE = "SELECT account, name, 0 AS is_online, address, seen_ms, is_admin, is_banned FROM people"
_COLUMNS = "position, entry_id, log, destination, suite, content, typed_ms, refused_code, refused_text, sealed"
_REOPENED_AT_ONCE = 1000
_SEALED = ("WHERE suite IN ('said/1', 'topic/1')", "WHERE suite = 'carried/1'")
"""Each has its index."""
# By itself SQLite would rather go through all of the log.
_TOPIC = (
    "SELECT sequence, content FROM entries INDEXED BY ix_entries_topics WHERE log = ? "
    "AND suite IN ('opened', 'earlier') AND substr(content, 1, 13) = x'82A474797065A5746F706963A4' "
    "AND sequence > ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1"
)
_UNREAD = (
    "SELECT count(*) FROM entries WHERE log = ? AND sequence > ? AND sequence <= ? AND account != ? "
    "AND account NOT IN (SELECT account FROM ignored) AND suite NOT IN ('epoch/1', 'key/1', 'again') "
    "AND substr(content, 1, 11) NOT IN (?, ?, ?)"
)


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
    sealed: bytes | None = None
    """What goes out in place of the content, once it was sealed."""


class Sent(msgspec.Struct, frozen=True):
    """One of one's own, and its place."""

    log: int
    entry: LogEntry
    said: bytes | None = None
    """As it went out, where it was sealed."""


class History:
    """Every method is one transaction, on the disk when it returns.

    For a simulation: `crash_point` is called with "begin", "commit" and "committed" around every writing transaction
    and may raise; before "committed" nothing of it may be there afterwards, from then on all of it must.
    `image()` is the state after the last commit; `History.in_memory(image)` goes on from one.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.outbox = OutboxRows(database)

    @classmethod
    def open(cls, path: Path) -> History:
        return cls(Database.open(path))

    @classmethod
    def in_memory(cls, image: bytes | None = None) -> History:
        return cls(Database.in_memory(image))

    @property
    def crash_point(self) -> CrashPoint | None:
        return self.database.crash_point

    @crash_point.setter
    def crash_point(self, crash_point: CrashPoint | None) -> None:
        self.database.crash_point = crash_point

    def image(self) -> bytes:
        return self.database.image()

    def close(self) -> None:
        self.database.close()

    # Who one is.

    def facts(self) -> dict[str, str | int]:
        return dict(self.database.read("SELECT name, value FROM facts"))

    def put_facts(self, **facts: str | int) -> None:
        self.database.run_many(KEEP_FACT, facts.items())

    # People.

    def people(self) -> list[Person]:
        """As they were last seen: nobody is online on a disk."""
        return self.database.read_as(Person, _PEOPLE)

    def put_people(self, people: Iterable[Person]) -> None:
        rows = [(p.account, p.name, p.address, p.seen_ms, p.is_admin, p.is_banned) for p in people]
        self.database.run_many("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)

    # Conversations and cursors.

    def conversations(self) -> list[Conversation]:
        pins = dict(self.database.read("SELECT log, pins FROM logs"))
        found = self.database.read_as(Conversation, _CONVERSATIONS)
        return [msgspec.structs.replace(each, pins=tuple(map(int, pins[each.log].split()))) for each in found]

    def put_conversations(self, conversations: Iterable[Conversation]) -> None:
        """What the server says of them; the cursors have their own ways."""
        rows = [
            (
                *(c.log, c.title, c.other, c.topic, c.access.value, c.members, c.role, c.is_muted, c.is_open, c.head),
                *(c.number, c.slow_s, " ".join(map(str, c.pins)), c.topic_from),
            )
            for c in conversations
        ]
        self.database.run_many("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def begin(self, log: int, first: int) -> int:
        """Where this home's copy of a log begins; at `first` when it had none."""
        with self.database.write() as writer:
            writer.execute("INSERT OR IGNORE INTO cursors (log) VALUES (?)", (log,))
            writer.execute(
                "UPDATE cursors SET first = ?1, delivered = max(delivered, ?1), has_begun = 1 "
                "WHERE log = ?2 AND NOT has_begun",
                (first, log),
            )
            row = writer.execute("SELECT first FROM cursors WHERE log = ?", (log,)).fetchone()
        return int(row[0])

    def put_cursors(self, cursors: Iterable[tuple[int, int, int, int]]) -> None:
        """(log, read, others_delivered, others_read): forward only."""
        rows = [(read, others_delivered, others_read, log) for log, read, others_delivered, others_read in cursors]
        with self.database.write() as writer:
            writer.executemany("INSERT OR IGNORE INTO cursors (log) VALUES (?)", [(row[3],) for row in rows])
            writer.executemany(
                "UPDATE cursors SET read = max(read, ?), others_delivered = max(others_delivered, ?), "
                "others_read = max(others_read, ?) WHERE log = ?",
                rows,
            )

    # Entries.

    def add_entries(
        self,
        log: int,
        entries: Sequence[LogEntry],
        own: int,
        log_hash: tuple[int, bytes] | None = None,
        sealed: Sequence[LogEntry] = (),
    ) -> None:
        """What follows on what is here, with the cursor, the hash over it, and one's own off the outbox, at once.
        `sealed`: of these, as they came, those that are kept so, too.
        """
        through = entries[-1].sequence
        with self.database.write() as writer:
            _put_following(writer, log, entries)
            if sealed:
                put_sealed(writer, log, sealed)
            drop_returned(writer, log, entries)
            writer.execute("UPDATE cursors SET delivered = max(delivered, ?) WHERE log = ?", (through, log))
            if log_hash is not None:
                put_hash(writer, log, log_hash)
            _take_off_outbox(writer, said_by_account(entries, own))

    def add_earlier(self, log: int, entries: Sequence[LogEntry], first: int) -> None:
        """What ends where this home's copy began."""
        with self.database.write() as writer:
            writer.executemany(_PUT_ENTRY, _entry_rows(log, entries))
            drop_returned(writer, log, entries)
            writer.execute("UPDATE cursors SET first = min(first, ?) WHERE log = ?", (first, log))

    def add_sent(self, sent: Sequence[Sent]) -> None:
        """From the outbox to their places, which may be ahead of what is here without a gap. Raises ProtocolViolation
        where something else stands there: then nothing is taken off the outbox.
        """
        with self.database.write() as writer:
            for each in sent:
                known = writer.execute(
                    "SELECT account, entry_id, suite FROM entries WHERE log = ? AND sequence = ?",
                    (each.log, each.entry.sequence),
                ).fetchone()
                if known and (known[:2] != (each.entry.account, each.entry.entry_id) or known[2] == DOUBTED):
                    raise ProtocolViolation("it gave what was said a place at which something else stands")
            writer.executemany(_PUT_ENTRY, [row for each in sent for row in _entry_rows(each.log, [each.entry])])
            writer.executemany("DELETE FROM outbox WHERE entry_id = ?", [(each.entry.entry_id,) for each in sent])
            for log, entry, said in map(astuple, sent):
                if said is not None:
                    put_sealed(writer, log, [structs.replace(entry, suite=SAID_SUITE, content=said)])

    def entries(self, log: int, before: int | None, last: int) -> list[LogEntry]:
        """Oldest first; none that a gap separates from the rest at its old end."""
        rows = self.database.read(_BEFORE, (log, 2**63 - 1 if before is None else before, last))
        return [LogEntry(*row) for row in reversed(rows)]

    def first_opened(self, log: int) -> int | None:
        """The first place, of all that is here without a gap, of words that came sealed and were believed."""
        return self._first_of(log, "'opened'")

    def first_sealed(self, log: int) -> int | None:
        """The same; of words of an earlier group too, and of what says who reads them and under which keys."""
        return self._first_of(log, "'opened', 'earlier', 'key/1', 'epoch/1'")

    def _first_of(self, log: int, suites: str) -> int | None:
        rows = self.database.read(
            f"SELECT sequence FROM entries WHERE log = ?1 AND suite IN ({suites}) "  # noqa: S608 -- our own words
            "AND sequence <= (SELECT delivered FROM cursors WHERE log = ?1) ORDER BY sequence LIMIT 1",
            (log,),
        )
        return rows[0][0] if rows else None

    def sealed_from(self) -> dict[int, int]:
        """Where the first entry stands that could not be opened yet, by log."""
        found: dict[int, int] = {}
        for each in _SEALED:
            first_of = f"SELECT log, min(sequence) FROM entries {each} GROUP BY log"  # noqa: S608 -- our own words
            for log, first in self.database.read(first_of):
                found[log] = min(first, found.get(log, first))
        return found

    def sealed_entries(self, log: int) -> list[LogEntry]:
        """The newest that could not be opened yet, oldest first."""
        rows = [
            row
            for each in _SEALED
            for row in self.database.read(
                f"SELECT sequence, entry_id, account, device, time_ms, suite, content FROM entries {each} "  # noqa: S608 -- as above
                "AND log = ? ORDER BY sequence DESC LIMIT ?",
                (log, _REOPENED_AT_ONCE),
            )
        ]
        return [LogEntry(*row) for row in sorted(rows)]

    def count_unopened(self, log: int, after: int, below: int, device_and_run: bytes) -> int:
        """Sealed words of this run, as their header names it (docs/protocol/sealing.md, 5), between two places."""
        [(count,)] = self.database.read(
            "SELECT count(*) FROM entries WHERE log = ? AND sequence > ? AND sequence < ? "
            "AND suite IN ('said/1', 'topic/1') AND substr(content, 18, 32) = ?",
            (log, after, below, device_and_run),
        )
        return int(count)

    def change_entries(self, log: int, entries: Sequence[LogEntry], own: int) -> None:
        """What was kept as it came, and is open now."""
        with self.database.write() as writer:
            writer.executemany(
                "UPDATE entries SET suite = ?, content = ? WHERE log = ? AND sequence = ?",
                [(each.suite, each.content, log, each.sequence) for each in entries],
            )
            drop_returned(writer, log, entries)
            _take_off_outbox(writer, said_by_account(entries, own))

    def newest_topic(self, log: int, after: int, through: int) -> tuple[int, bytes] | None:
        """The place, and what is kept, of the last entry that sets it."""
        rows = self.database.read(_TOPIC, (log, after, through))
        return rows[0] if rows else None

    def unread(self, log: int, after: int, through: int, own: int) -> int:
        """How many are news: of others, but of those who are ignored."""
        return int(self.database.read(_UNREAD, (log, after, through, own, *NO_NEWS_BEGINS))[0][0])


class OutboxRows:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: OutboxRow) -> OutboxRow:
        """With the next position, which no row had before. One that is here already, by its id, stays as it is."""
        with self._database.write() as writer:
            writer.execute(
                "INSERT OR IGNORE INTO outbox (entry_id, log, destination, suite, content, typed_ms) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (row.entry_id, row.log, row.destination, row.suite, row.content, row.typed_ms),
            )
            (kept,) = writer.execute(f"SELECT {_COLUMNS} FROM outbox WHERE entry_id = ?", (row.entry_id,))  # noqa: S608 -- our own words
        return OutboxRow(*kept)

    def waiting(self, after: int, limit: int) -> list[OutboxRow]:
        """Those to be sent."""
        return self._rows("WHERE position > ? AND refused_code IS NULL ORDER BY position LIMIT ?", (after, limit))

    def all(self) -> list[OutboxRow]:
        return self._rows("ORDER BY position", ())

    def last_position(self) -> int:
        return int(self._database.read("SELECT coalesce(max(position), 0) FROM outbox")[0][0])

    def find(self, entry_id: bytes) -> OutboxRow | None:
        found = self._rows("WHERE entry_id = ?", (entry_id,))
        return found[0] if found else None

    def resolve(self, destination: str, log: int) -> None:
        self._database.run("UPDATE outbox SET log = ? WHERE destination = ? AND log IS NULL", (log, destination))

    def put_sealed(self, entry_id: bytes, sealed: bytes) -> OutboxRow | None:
        """Only where none stands: what went out before goes out again. None: it is not there any more."""
        self._database.run("UPDATE outbox SET sealed = ? WHERE entry_id = ? AND sealed IS NULL", (sealed, entry_id))
        return self.find(entry_id)

    def sealed_otherwise(self, log: int, said: Mapping[bytes, bytes]) -> int | None:
        """The position of the first row that is not sealed as it came. `said`: what came of this log, by its ids."""
        rows = self._database.read(
            "SELECT position, entry_id, sealed FROM outbox WHERE coalesce(log, ?1) = ?1 ORDER BY position", (log,)
        )
        return next((position for position, key, sealed in rows if said.get(key, sealed) != sealed), None)

    def take_seals_off(self, log: int, position: int) -> None:
        """That of the row at this position, and of all behind it in this log."""
        self._database.run("UPDATE outbox SET sealed = NULL WHERE log = ? AND position >= ?", (log, position))

    def refuse(self, entry_id: bytes, code: RefusalCode, text: str) -> None:
        self._database.run(
            "UPDATE outbox SET refused_code = ?, refused_text = ? WHERE entry_id = ?", (int(code), text, entry_id)
        )

    def requeue(self, entry_id: bytes) -> bool:
        """Behind all others; false when it is not there, or was not refused."""
        with self._database.write() as writer:
            moved = writer.execute(
                "UPDATE outbox SET refused_code = NULL, refused_text = NULL, sealed = NULL, "
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
        self._database.run("DELETE FROM outbox WHERE entry_id = ? AND refused_code IS NOT NULL", (entry_id,))

    def _rows(self, rest: str, parameters: tuple[object, ...]) -> list[OutboxRow]:
        rows = self._database.read(f"SELECT {_COLUMNS} FROM outbox {rest}", parameters)  # noqa: S608 -- our own words
        return [OutboxRow(*row) for row in rows]


def _take_off_outbox(writer: sqlite3.Connection, mine: Sequence[LogEntry]) -> None:
    """They stand in their log."""
    if mine and writer.execute("SELECT 1 FROM outbox LIMIT 1").fetchone():
        writer.executemany("DELETE FROM outbox WHERE entry_id = ?", [(each.entry_id,) for each in mine])


def _put_following(writer: sqlite3.Connection, log: int, entries: Sequence[LogEntry]) -> None:
    """Many in one statement, which leaves Python to others meanwhile."""
    set_aside_others(writer, log, entries)
    start = 0
    for many, statement in _PUT_MANY:
        while len(entries) - start >= many:
            values = chain.from_iterable(map(astuple, entries[start : start + many]))
            writer.execute(statement, (log, *values))
            start += many
    writer.executemany(_PUT_ONE, _entry_rows(log, entries[start:]))


def _entry_rows(log: int, entries: Sequence[LogEntry]) -> Iterable[tuple[object, ...]]:
    return ((log, *astuple(each)) for each in entries)

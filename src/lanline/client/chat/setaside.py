"""What a restored server leaves open: logs that are not compared with it yet, and entries that it does not have.

A log that was opened under an earlier epoch is *unproven*: its number, its sequence numbers and its cursors may mean
something else now. Once it is known how far the two copies agree, what is beyond is set aside, with the names of then.
"""

from __future__ import annotations

import sqlite3
from typing import cast

import msgspec

from lanline.client.chat.database import Database
from lanline.wire.chat.entries import LogEntry

_MOVE = (
    "INSERT OR IGNORE INTO set_aside "
    "SELECT e.log, e.entry_id, u.title, e.sequence, e.account, coalesce(p.name, ''), e.time_ms, e.suite, e.content, "
    "?3, 0 FROM entries e JOIN unproven u ON u.log = e.log LEFT JOIN people_then p ON p.account = e.account "
    "WHERE e.log = ?1 AND e.sequence > ?2"
)
_PUT_CURSORS = (
    "UPDATE cursors SET first = min(first, ?2), delivered = ?2, has_begun = (?2 > 0), read = ?3, "
    "others_delivered = ?4, others_read = ?5 WHERE log = ?1"
)
_COUNT = "FROM set_aside WHERE epoch = ? AND (NOT is_told OR ?)"


class AsideEntry(msgspec.Struct, frozen=True):
    """One that this device has and the server has not, any more."""

    log: int
    title: str
    name: str
    """Of who said it; the account's number may be somebody else's now."""
    entry: LogEntry


class SetAside:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._own_versions: set[int] = set()
        self._seen_version = max([version for version, *_ in self._parted_since(0)], default=0)

    @property
    def epoch(self) -> str:
        return self._database.epoch

    def begin(self, epoch: str) -> None:
        """Nothing that is kept counts before it is proven. Done by the first process that learns of it."""
        with self._database.write() as writer:
            if self._database.kept_epoch(writer) != epoch:
                _doubt_all(writer)
                writer.execute("INSERT OR REPLACE INTO facts VALUES ('epoch', ?)", (epoch,))
        self._database.epoch = epoch

    def doubt(self, log: int) -> None:
        """One log of which the server has less than this device: it was restored behind everybody's back."""
        with self._database.write() as writer:
            _keep_names(writer)
            writer.execute("INSERT OR IGNORE INTO unproven SELECT log, title FROM logs WHERE log = ?", (log,))

    def unproven(self) -> set[int]:
        return {cast("int", log) for (log,) in self._database.read("SELECT log FROM unproven")}

    def identity(self, log: int, sequence: int) -> tuple[object, ...] | None:
        """By which an entry is the same one: its id, who said it, and when the server took it."""
        found = self._database.read(
            "SELECT entry_id, account, time_ms FROM entries WHERE log = ? AND sequence = ?", (log, sequence)
        )
        return found[0] if found else None

    def part(self, log: int, agreed: int, read: int, others_delivered: int, others_read: int) -> None:
        """All after `agreed` goes aside, and the copy ends there; 0 for a copy of which nothing is to stay."""
        with self._database.write() as writer:
            self._database.check_epoch(writer)
            if writer.execute("SELECT 1 FROM unproven WHERE log = ?", (log,)).fetchone() is None:
                return  # another process of this home was quicker, and has perhaps gone on from there
            writer.execute(_MOVE, (log, agreed, self.epoch))
            writer.execute("DELETE FROM entries WHERE log = ? AND sequence > ?", (log, agreed))
            writer.execute(_PUT_CURSORS, (log, agreed, read, others_delivered, others_read))
            writer.execute("DELETE FROM unproven WHERE log = ?", (log,))
            done = writer.execute("INSERT INTO parted (log, through) VALUES (?, ?)", (log, agreed))
            self._own_versions.add(done.lastrowid or 0)

    def parted_by_others(self) -> list[tuple[int, int]]:
        """Since the last call: of which logs, and where, another process of this home has set aside the rest."""
        parted = self._parted_since(self._seen_version)
        self._seen_version = max([self._seen_version, *(version for version, *_ in parted)])
        return [(log, through) for version, log, through in parted if version not in self._own_versions]

    def _parted_since(self, version: int) -> list[tuple[int, int, int]]:
        rows = self._database.read("SELECT version, log, through FROM parted WHERE version > ?", (version,))
        return cast("list[tuple[int, int, int]]", rows)

    def take_untold(self, *, also_told: bool) -> tuple[int, list[str]]:
        """How many were set aside under this epoch, and where; `also_told` by another process of this home."""
        with self._database.write() as writer:
            parameters = (self.epoch, also_told)
            (count,) = writer.execute(f"SELECT count(*) {_COUNT}", parameters).fetchone()
            titles = writer.execute(f"SELECT DISTINCT title {_COUNT} ORDER BY title", parameters).fetchall()
            writer.execute("UPDATE set_aside SET is_told = 1 WHERE NOT is_told")
        return int(count), [str(title) for (title,) in titles]

    def entries(self) -> list[AsideEntry]:
        """Oldest first within each conversation."""
        rows = self._database.read(
            "SELECT log, title, name, sequence, entry_id, account, account, time_ms, suite, content FROM set_aside "
            "ORDER BY log, time_ms, sequence"
        )
        return [
            AsideEntry(
                cast("int", row[0]),
                cast("str", row[1]),
                cast("str", row[2]),
                LogEntry(*cast("tuple[int, bytes, int, int, int, str, bytes]", row[3:])),
            )
            for row in rows
        ]


def _doubt_all(writer: sqlite3.Connection) -> None:
    _keep_names(writer)
    writer.execute(
        "INSERT OR IGNORE INTO unproven SELECT c.log, coalesce(l.title, '') FROM cursors c "
        "LEFT JOIN logs l ON l.log = c.log UNION SELECT e.log, coalesce(l.title, '') FROM entries e "
        "LEFT JOIN logs l ON l.log = e.log"
    )
    # Which conversations there are is for the server to say, and which log is meant by what waits to be sent:
    # under a number that was given out again it would go to others.
    writer.execute("UPDATE logs SET is_open = 0, head = 0")
    writer.execute("UPDATE outbox SET log = NULL")


def _keep_names(writer: sqlite3.Connection) -> None:
    """Those of the oldest time that something unproven is left of."""
    writer.execute("DELETE FROM people_then WHERE NOT EXISTS (SELECT 1 FROM unproven)")
    writer.execute("INSERT OR IGNORE INTO people_then SELECT account, name FROM people")


def drop_returned(writer: sqlite3.Connection, log: int, entry_ids: list[bytes]) -> None:
    """What a server has after all is no longer aside."""
    if writer.execute("SELECT 1 FROM set_aside LIMIT 1").fetchone():
        rows = [(log, entry_id) for entry_id in entry_ids]
        writer.executemany("DELETE FROM set_aside WHERE log = ? AND entry_id = ?", rows)

"""The SQLite file of a home: its tables, its transactions, and what can go wrong with it.

The stdlib's sqlite3 and not SQLAlchemy, as the server has it: `lanline send` is to be done in a third of a second, of
which importing SQLAlchemy alone would take one half; and there is one engine, ever, with a handful of statements.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from lanline.errors import HistoryProblem

CrashPoint = Callable[[str], None]

VERSION = 2
_BUSY_S = 10.0
"""Another process of this home may be writing; none does so for long."""
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE people (
    account INTEGER PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    is_admin INTEGER NOT NULL, is_banned INTEGER NOT NULL
);
CREATE TABLE logs (
    log INTEGER PRIMARY KEY, title TEXT NOT NULL, other INTEGER, topic TEXT NOT NULL, access TEXT NOT NULL,
    members INTEGER NOT NULL, role INTEGER NOT NULL, is_muted INTEGER NOT NULL, is_open INTEGER NOT NULL,
    head INTEGER NOT NULL
);
CREATE TABLE cursors (
    log INTEGER PRIMARY KEY, first INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
    read INTEGER NOT NULL DEFAULT 0, others_delivered INTEGER NOT NULL DEFAULT 0,
    others_read INTEGER NOT NULL DEFAULT 0, has_begun INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE entries (
    log INTEGER NOT NULL, sequence INTEGER NOT NULL, entry_id BLOB NOT NULL, account INTEGER NOT NULL,
    device INTEGER NOT NULL, time_ms INTEGER NOT NULL, suite TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (log, sequence)
) WITHOUT ROWID;
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, entry_id BLOB NOT NULL UNIQUE, log INTEGER, destination TEXT NOT NULL,
    suite TEXT NOT NULL, content BLOB NOT NULL, typed_ms INTEGER NOT NULL, refused_code INTEGER, refused_text TEXT
);
"""
_SCHEMA_2 = """
CREATE TABLE unproven (log INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE parted (version INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, through INTEGER NOT NULL);
CREATE TABLE people_then (account INTEGER PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE set_aside (
    log INTEGER NOT NULL, entry_id BLOB NOT NULL, title TEXT NOT NULL, sequence INTEGER NOT NULL,
    account INTEGER NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL, suite TEXT NOT NULL, content BLOB NOT NULL,
    epoch TEXT NOT NULL, is_told INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (log, entry_id)
) WITHOUT ROWID;
"""
_STEPS = (_SCHEMA, _SCHEMA_2)
"""Each from the version of its place to the next."""


class Database:
    """`crash_point` is for simulations: called at "begin", "commit" and "committed" of a write, and may raise."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self.crash_point: CrashPoint | None = None
        self.epoch = ""
        """Of the server, as this process has learnt it; hexadecimal, empty when it is not known."""

    @classmethod
    def open(cls, path: Path) -> Database:
        with _told(str(path)):
            # What stands in it is nobody else's business, so it is made before SQLite would.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                return cls._made(connection, str(path))
            except BaseException:
                connection.close()
                raise

    @classmethod
    def in_memory(cls, image: bytes | None) -> Database:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        if image is not None:
            connection.deserialize(image)
        return cls._made(connection, "memory")

    @classmethod
    def _made(cls, connection: sqlite3.Connection, where: str) -> Database:
        database = cls(connection, where)
        version = _version(connection)
        if version > VERSION:
            raise HistoryProblem(f"The history in {where} was written by a newer Lanline. Upgrade this one to open it.")
        if version < VERSION:
            with database.write() as writer:
                for step in _STEPS[_version(writer) :]:  # none, when another process was quicker
                    for statement in step.split(";"):
                        writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {VERSION}")
        database.epoch = database.kept_epoch(connection)
        return database

    def image(self) -> bytes:
        return self._connection.serialize()

    def close(self) -> None:
        self._connection.close()

    def read(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with _told(self._where):
            return self._connection.execute(statement, parameters).fetchall()

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on the disk when the block is left, or nothing of it."""
        with _told(self._where):
            self._reach("begin")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._reach("commit")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._reach("committed")

    @staticmethod
    def kept_epoch(connection: sqlite3.Connection) -> str:
        row = connection.execute("SELECT value FROM facts WHERE name = 'epoch'").fetchone()
        return str(row[0]) if row else ""

    def is_of_epoch(self, writer: sqlite3.Connection) -> bool:
        """False: another process has learnt that the server was restored; this one's numbers count for nothing."""
        return self.kept_epoch(writer) == self.epoch

    def check_epoch(self, writer: sqlite3.Connection) -> None:
        if not self.is_of_epoch(writer):
            raise HistoryProblem("The server was restored meanwhile; what it says is compared anew.")

    def _reach(self, point: str) -> None:
        if self.crash_point is not None:
            self.crash_point(point)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as cause:
        raise HistoryProblem(_sentence(where, cause)) from cause
    except OSError as cause:
        raise HistoryProblem(f"The history in {where} cannot be opened: {cause.strerror}.") from cause


def _sentence(where: str, cause: sqlite3.Error) -> str:
    match getattr(cause, "sqlite_errorcode", None):
        case sqlite3.SQLITE_FULL:
            return f"There is no room on the disk for the history in {where}. Make some, and try again."
        case sqlite3.SQLITE_BUSY:
            return f"Another program has held the history in {where} for {_BUSY_S:.0f} seconds. Try again."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                f"The history in {where} is damaged. Move it away: what the server has comes back by itself, "
                "what waited to be sent is lost."
            )
        case sqlite3.SQLITE_READONLY:
            return f"The history in {where} cannot be written by this user."
        case _:
            return f"The history in {where} cannot be used: {cause}."

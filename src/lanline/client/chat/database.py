"""Owns the SQLite file of a home: how it is opened, its transactions, and what can go wrong with it. Not its tables.

One process at a time has it open: the home's node.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from lanline.errors import HistoryProblem
from lanline.model.text import safe_line
from lanline.sqlsteps import newest_number, run_steps, stored_number

T = TypeVar("T")
CrashPoint = Callable[[str], None]

# Rows of tables that several files write.
KEEP_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
KEEP_STATEMENT = "INSERT OR IGNORE INTO kept_statements VALUES (?, ?)"
STEPS = Path(__file__).parent / "steps"
_BUSY_S = 10.0
"""Somebody may look into the file with another program."""
_ROOM_BYTES = 256 * 1024
"""What has to fit before it is worthwhile to take in what others say."""
_NO_SHARED_MEMORY = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_WRITE,
}


class Database:
    """`crash_point` is for simulations: called at "begin", "commit" and "committed" of a write, and may raise."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        """For people."""
        self.crash_point: CrashPoint | None = None
        self.is_alone = True
        """Nobody else can open it meanwhile."""

    @classmethod
    def open(cls, path: Path) -> Database:
        with _told(safe_line(str(path))):
            if not path.exists():
                # What stands in it is nobody else's business, so it is made before SQLite would. Not where it is there:
                # to close it takes away the locks of all that this process has it open for.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            try:
                return cls._opened(path, "NORMAL")
            except sqlite3.OperationalError as problem:
                if problem.sqlite_errorcode not in _NO_SHARED_MEMORY:
                    raise
                # What several programs would share takes room on the disk; alone it can be read on a full one.
                return cls._opened(path, "EXCLUSIVE")

    @classmethod
    def _opened(cls, path: Path, locking: str) -> Database:
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute(f"PRAGMA locking_mode = {locking}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            database = cls._with_newest_tables(connection, safe_line(str(path)))
        except BaseException:
            connection.close()
            raise
        database.is_alone = locking == "EXCLUSIVE"
        return database

    @classmethod
    def in_memory(cls, image: bytes | None) -> Database:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        if image is not None:
            connection.deserialize(image)
        return cls._with_newest_tables(connection, "memory")

    @classmethod
    def _with_newest_tables(cls, connection: sqlite3.Connection, where: str) -> Database:
        database = cls(connection, where)
        done, newest = stored_number(connection), newest_number(STEPS)
        if done > newest:
            raise HistoryProblem(f"The history in {where} was written by a newer Lanline. Upgrade this one to open it.")
        if done < newest:
            with database.write() as writer:
                run_steps(writer, STEPS, done)
        return database

    def image(self) -> bytes:
        return self._connection.serialize()

    def close(self) -> None:
        self._connection.close()

    def read(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with _told(self._where):
            return self._connection.execute(statement, parameters).fetchall()

    def read_as(self, kind: type[T], statement: str) -> list[T]:
        """Each row as a value whose fields are called as its columns."""
        with _told(self._where):
            found = self._connection.execute(statement)
            names = [column[0] for column in found.description]
            return [msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for row in found]

    def fact(self, name: str, otherwise: T) -> T:
        rows = self.read("SELECT value FROM facts WHERE name = ?", (name,))
        return cast("tuple[T]", rows[0])[0] if rows else otherwise

    def keep_fact(self, name: str, value: object) -> None:
        self.run(KEEP_FACT, (name, value))

    def run(self, statement: str, parameters: tuple[object, ...] = ()) -> None:
        with self.write() as writer:
            writer.execute(statement, parameters)

    def run_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self.write() as writer:
            writer.executemany(statement, rows)

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

    def check_room(self) -> None:
        """Raises HistoryProblem while the disk takes nothing."""
        for value in (b"\0" * _ROOM_BYTES, b""):
            self.keep_fact("room", value)

    def _reach(self, point: str) -> None:
        if self.crash_point is not None:
            self.crash_point(point)


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as cause:
        raise HistoryProblem(_sentence(where, cause)) from cause
    except OSError as cause:
        raise HistoryProblem(f"The history in {where} cannot be opened: {cause.strerror}.") from cause


def _sentence(where: str, cause: sqlite3.Error) -> str:
    code = getattr(cause, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return f"The disk does not take what is to be written to the history in {where}. Is it full?"
    match code:
        case sqlite3.SQLITE_FULL:
            return f"The disk is full: there is no room for the history in {where}. Make some."
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

"""Owns what is done with a whole database: opening, copying, reading from another program. Not its rows.

To read and to copy needs no lock and holds up no server that runs: WAL gives each reader the state it began with.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lanline.errors import StorageUnusable
from lanline.sqlsteps import newest_number
from lanline.storage.api import View
from lanline.storage.sqlite.connection import BUSY_TIMEOUT_S, FILE_NAME, connect_reader
from lanline.storage.sqlite.engine import SqliteEngine, SqliteView
from lanline.storage.sqlite.lock import FILE_NAME as LOCK_NAME
from lanline.storage.sqlite.lock import FolderLock
from lanline.storage.sqlite.migration import MIGRATIONS, stored_version
from lanline.storage.sqlite.problems import storage_problem


class SqliteDatabase:
    file_name = FILE_NAME
    lock_name = LOCK_NAME

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> SqliteEngine:
        return SqliteEngine.open(self.folder)

    def lock(self) -> FolderLock:
        return FolderLock(self.folder)

    @contextlib.contextmanager
    def reading(self) -> Iterator[View]:
        with self._translating():
            if self._check_version() != newest_number(MIGRATIONS):
                text = f"The database in {self.folder} is of an older Lanline. Start the server there once."
                raise StorageUnusable(text)
            connection = connect_reader(self.folder)
            try:
                connection.execute("BEGIN")
                connection.execute("SELECT 1 FROM settings")  # with the first read, and not before, the moment is fixed
                yield SqliteView(connection)
            finally:
                connection.close()

    def copy(self, target: Path) -> None:
        with self._translating():
            self._check_version()
            source = sqlite3.connect(self.folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            with contextlib.closing(source):
                source.execute("VACUUM INTO ?", (str(target),))

    def check(self) -> None:
        with self._translating():
            self._check_version()
            with contextlib.closing(sqlite3.connect(self.folder / FILE_NAME, isolation_level=None)) as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StorageUnusable(f"The database in {self.folder} does not hold together: {verdict}.")

    def _check_version(self) -> int:
        version = stored_version(self.folder)
        if version == 0:
            raise StorageUnusable(f"There is no server's database in {self.folder}. Choose its folder with --data.")
        return version

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as cause:
            raise storage_problem(cause, self.folder) from cause
        except OSError as cause:
            raise StorageUnusable(f"The folder {self.folder} cannot be read: {cause.strerror}.") from cause

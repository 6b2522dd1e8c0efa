"""Looks into a database from another program than the server: read at one moment, or copied as it is at one moment.

No lock is needed, and a server that runs is not held up: WAL gives each reader the state it began with.
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
from lanline.storage.sqlite.engine import SqliteView
from lanline.storage.sqlite.migration import MIGRATIONS, stored_version
from lanline.storage.sqlite.problems import storage_problem


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[View]:
    """Raises StorageError."""
    with _translating(folder):
        if _version(folder) != newest_number(MIGRATIONS):
            raise StorageUnusable(f"The database in {folder} is of an older Lanline. Start the server there once.")
        connection = connect_reader(folder)
        try:
            view = SqliteView(connection)
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM settings")  # with the first read, and not before, the moment is fixed
            yield view
        finally:
            connection.close()


def copy_database(folder: Path, target: Path) -> None:
    """Into a file that does not exist yet, and that somebody has still to sync. Raises StorageError."""
    with _translating(folder):
        _version(folder)
        source = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with contextlib.closing(source):
            source.execute("VACUUM INTO ?", (str(target),))


def check_database(folder: Path) -> None:
    """Of a copy: whole, ours, and not newer than this program. Raises StorageError."""
    with _translating(folder):
        _version(folder)
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StorageUnusable(f"The database in {folder} does not hold together: {verdict}.")


def _version(folder: Path) -> int:
    version = stored_version(folder)
    if version == 0:
        raise StorageUnusable(f"There is no server's database in {folder}. Choose its folder with --data.")
    return version


@contextlib.contextmanager
def _translating(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as cause:
        raise storage_problem(cause, folder) from cause
    except OSError as cause:
        raise StorageUnusable(f"The folder {folder} cannot be read: {cause.strerror}.") from cause

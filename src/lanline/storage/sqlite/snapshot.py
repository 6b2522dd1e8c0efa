"""Looks into a database from another program than the server: read at one moment, or copied as it is at one moment.

No lock is needed, and a server that runs is not held up: WAL gives each reader the state it began with.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from lanline.errors import StorageUnusable
from lanline.storage.api import View
from lanline.storage.sqlite.connection import BUSY_TIMEOUT_S, FILE_NAME, connect_reader, database_at
from lanline.storage.sqlite.engine import SqliteView
from lanline.storage.sqlite.migration import stored_revision
from lanline.storage.sqlite.problems import storage_problem
from lanline.storage.sqlite.schema import REVISION


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[View]:
    """Raises StorageError."""
    with _translating(folder):
        if _revision(folder) != REVISION:
            raise StorageUnusable(f"The database in {folder} is of an older Lanline. Start the server there once.")
        connection = connect_reader(database_at(folder))
        try:
            view = SqliteView(connection)
            view.driver.execute("BEGIN")
            view.driver.execute(
                "SELECT 1 FROM alembic_version"
            )  # with the first read, and not before, the moment is fixed
            yield view
        finally:
            connection.close()


def copy_database(folder: Path, target: Path) -> None:
    """Into a file that does not exist yet, and that somebody has still to sync. Raises StorageError."""
    with _translating(folder):
        _revision(folder)
        source = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with contextlib.closing(source):
            source.execute("VACUUM INTO ?", (str(target),))


def check_database(folder: Path) -> None:
    """Of a copy: whole, ours, and not newer than this program. Raises StorageError."""
    with _translating(folder):
        _revision(folder)
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StorageUnusable(f"The database in {folder} does not hold together: {verdict}.")


def _revision(folder: Path) -> str:
    revision = stored_revision(folder)
    if revision is None:
        raise StorageUnusable(f"There is no server's database in {folder}. Choose its folder with --data.")
    return revision


@contextlib.contextmanager
def _translating(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, DBAPIError) as cause:
        raise storage_problem(cause, folder) from cause
    except OSError as cause:
        raise StorageUnusable(f"The folder {folder} cannot be read: {cause.strerror}.") from cause

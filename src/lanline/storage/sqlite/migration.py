"""Brings a server's database to the newest tables, or leaves it as it was.

Nothing is written before it is known that the file is ours, whole, and not newer than this program. The steps are the
files in `migrations`. Databases of before those steps were made by Alembic, and have their number in a table of its.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from lanline.errors import StorageDamaged, StorageNewer, StorageUnusable
from lanline.sqlsteps import newest_number, run_steps, stored_number
from lanline.storage.sqlite.connection import BUSY_TIMEOUT_S, FILE_NAME

MIGRATIONS = Path(__file__).with_name("migrations")
APPLICATION_ID = 0x4C4C4E31
"""In the file's header: a database of another program is never taken for ours."""


def stored_version(folder: Path) -> int:
    """0 where nothing is stored yet. Raises StorageNewer, StorageDamaged, StorageUnusable, sqlite3.Error."""
    path = folder / FILE_NAME
    if not path.exists() or path.stat().st_size == 0:
        return 0
    # A server that was stopped leaves no WAL. To look at the file as it lies then makes none either.
    how = "mode=ro" if path.with_name(f"{FILE_NAME}-wal").exists() else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as database:
        version = _version(database, path)
    newest = newest_number(MIGRATIONS)
    if version > newest:
        raise StorageNewer(
            f"The database in {folder} was written by a newer Lanline (version {version} of its tables, this program "
            f"knows {newest}). Start the newer program; nothing was changed."
        )
    return version


def _version(database: sqlite3.Connection, path: Path) -> int:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if not tables and application == 0:
        return 0
    if application != APPLICATION_ID:
        raise StorageUnusable(f"{path} is the database of another program. Choose another folder.")
    version = stored_number(database) or (_alembic_number(database) if "alembic_version" in tables else 0)
    if version == 0:
        raise StorageDamaged(f"The database in {path.parent} does not know its own version. Restore it from a backup.")
    return version


def _alembic_number(database: sqlite3.Connection) -> int:
    numbers = [str(row[0]) for row in database.execute("SELECT version_num FROM alembic_version")]
    return int(numbers[0]) if len(numbers) == 1 and numbers[0].isdecimal() else 0


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """In one transaction: a crash in between leaves the version that was."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        run_steps(connection, MIGRATIONS, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

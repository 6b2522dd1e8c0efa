"""From whatever version stands in the file to the newest, or not at all.

Nothing is written before it is known that the file is ours, whole, and not newer than this program.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from lanline.errors import StorageDamaged, StorageNewer, StorageUnusable
from lanline.storage.sqlite.connection import BUSY_TIMEOUT_S, FILE_NAME, driver_of
from lanline.storage.sqlite.schema import APPLICATION_ID, REVISION

_MIGRATIONS = Path(__file__).with_name("migrations")


def stored_revision(folder: Path) -> str | None:
    """None where nothing is stored yet. Raises StorageNewer, StorageDamaged, StorageUnusable, sqlite3.Error."""
    path = folder / FILE_NAME
    if not path.exists() or path.stat().st_size == 0:
        return None
    # A server that was stopped leaves no WAL. To look at the file as it lies then makes none either.
    how = "mode=ro" if path.with_name(f"{FILE_NAME}-wal").exists() else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as database:
        revision = _revision(database, path)
    if revision is not None and revision > REVISION:
        raise StorageNewer(
            f"The database in {folder} was written by a newer Lanline (version {revision} of its tables, this program "
            f"knows {REVISION}). Start the newer program; nothing was changed."
        )
    return revision


def _revision(database: sqlite3.Connection, path: Path) -> str | None:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if not tables and application == 0:
        return None
    if application != APPLICATION_ID:
        raise StorageUnusable(f"{path} is the database of another program. Choose another folder.")
    revisions = database.execute("SELECT version_num FROM alembic_version").fetchall() if tables else []
    if len(revisions) != 1 or not str(revisions[0][0]).isdecimal():
        raise StorageDamaged(f"The database in {path.parent} does not know its own version. Restore it from a backup.")
    return str(revisions[0][0])


def migrate(connection: Connection) -> None:
    """In one transaction: a crash in between leaves the version that was."""
    # Alembic takes longer to load than all the rest of an ordinary start.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    # SQLAlchemy does not begin, as everywhere here; but where it believes to be inside a transaction Alembic ends none.
    with connection.begin():
        driver_of(connection).execute("BEGIN IMMEDIATE")
        command.upgrade(config, "head")

"""Connections to the file, set up for what they are for. Transactions are begun and ended here in so many words."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, create_engine
from sqlalchemy import Engine as Database
from sqlalchemy.pool import NullPool

FILE_NAME = "lanline.sqlite"

BUSY_TIMEOUT_S = 5.0
"""For a person's own look into the file; a second server does not get this far."""

# fullfsync: on macOS an ordinary fsync leaves the data in the drive's cache. Elsewhere it changes nothing.
_WRITER_SETUP = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
)
_READER_SETUP = ("PRAGMA query_only = ON",)


def database_at(folder: Path) -> Database:
    """AUTOCOMMIT: neither SQLAlchemy nor the driver begins or ends a transaction by itself."""
    path = folder / FILE_NAME

    def connect() -> sqlite3.Connection:
        if not path.exists():
            # What stands in it is nobody else's business, so it is made before SQLite would.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def connect_writer(database: Database) -> Connection:
    return _set_up(database.connect(), _WRITER_SETUP)


def connect_reader(database: Database) -> Connection:
    return _set_up(database.connect(), _READER_SETUP)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """For the hot paths, and for the words that bound a transaction."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _set_up(connection: Connection, words: tuple[str, ...]) -> Connection:
    driver = driver_of(connection)
    try:
        for word in words:
            driver.execute(word)
    except sqlite3.Error:
        connection.close()
        raise
    return connection

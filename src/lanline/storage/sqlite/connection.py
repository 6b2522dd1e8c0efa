"""Connections to the file, set up for what they are for. Transactions are begun and ended here in so many words."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

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
    "PRAGMA secure_delete = ON",  # what is forgotten is not left in the file; many a SQLite does it by itself
    "PRAGMA temp_store = MEMORY",  # no folder for temporary files may be there to be written
)
_READER_SETUP = ("PRAGMA query_only = ON",)


def connect_writer(folder: Path) -> sqlite3.Connection:
    path = folder / FILE_NAME
    if not path.exists():
        # What stands in it is nobody else's business, so it is made before SQLite would.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return _connect(folder, _WRITER_SETUP)


def connect_reader(folder: Path) -> sqlite3.Connection:
    return _connect(folder, _READER_SETUP)


def empty_wal(writer: sqlite3.Connection) -> bool:
    """What was forgotten lies in the file until the WAL is brought into it, and may lie in the WAL until that is empty.

    False: somebody reads, and is not waited for.
    """
    writer.execute("PRAGMA busy_timeout = 0")
    try:
        (is_busy, *_) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:  # what was written stands all the same
        return False
    finally:
        writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    return not is_busy


def _connect(folder: Path, setup: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
    )
    try:
        for statement in setup:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection

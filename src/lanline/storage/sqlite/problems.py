"""What SQLite says, as a sentence for the person. Its codes: https://sqlite.org/rescode.html"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lanline.errors import (
    LanlineError,
    RecordMissing,
    StorageDamaged,
    StorageFull,
    StorageInUse,
    StorageUnusable,
)

_PRIMARY_CODE = 0xFF


def storage_problem(cause: Exception, folder: Path) -> Exception:
    """The error to raise in place of one that the database raised; any other stays what it is."""
    if not isinstance(cause, sqlite3.Error):
        return cause
    problem = _translated(cause, folder)
    problem.__cause__ = cause
    return problem


def _translated(error: sqlite3.Error, folder: Path) -> LanlineError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    match code:
        case sqlite3.SQLITE_FULL:
            return StorageFull(
                f"There is no room left for {folder}. Nothing was kept of this; try again with more room."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageInUse(f"Another program has the database in {folder} locked.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StorageDamaged(f"The database in {folder} is damaged. Restore it from a backup.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageUnusable(
                f"The database in {folder} cannot be opened and written. Whom does the folder belong to?"
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return RecordMissing("What this belongs to does not exist.")
        case _:
            why = "the disk is full, or broken" if code == sqlite3.SQLITE_IOERR else error
            return StorageUnusable(f"The database in {folder} cannot be used: {why}.")

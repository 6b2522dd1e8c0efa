"""One server to a folder. SQLite itself keeps the lock, on a file of its own: it goes when its process does."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lanline.errors import StorageInUse

FILE_NAME = "in-use"


class FolderLock:
    def __init__(self, folder: Path) -> None:
        """Raises StorageInUse, sqlite3.Error."""
        self._connection = sqlite3.connect(folder / FILE_NAME, timeout=0, check_same_thread=False, isolation_level=None)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as cause:
            self._connection.close()
            if cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise StorageInUse(
                    f"Another Lanline server uses the folder {folder}. Stop it first, or choose another folder."
                ) from cause
            raise

    def release(self) -> None:
        self._connection.close()

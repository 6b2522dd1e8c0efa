"""The rows of blobs and of settings."""

from __future__ import annotations

import sqlite3

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId
from lanline.model.blobs import MAX_BLOB_BYTES, BlobId, blob_id


class SqliteBlobsView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def has(self, blob: BlobId) -> bool:
        return self._connection.execute("SELECT 1 FROM blobs WHERE id = ?", (blob,)).fetchone() is not None

    def get(self, blob: BlobId) -> bytes | None:
        row = self._connection.execute("SELECT data FROM blobs WHERE id = ?", (blob,)).fetchone()
        return row[0] if row else None

    def size_bytes(self, owner: AccountId) -> int:
        row = self._connection.execute("SELECT blob_bytes FROM accounts WHERE id = ?", (owner,)).fetchone()
        return row[0] if row else 0

    def sizes(self) -> dict[AccountId, int]:
        return dict(self._connection.execute("SELECT id, blob_bytes FROM accounts WHERE blob_bytes > 0").fetchall())


class SqliteBlobs(SqliteBlobsView):
    def put(self, data: bytes, owner: AccountId, now_ms: int) -> BlobId:
        if len(data) > MAX_BLOB_BYTES:
            raise InvalidInput(f"A part of a file has at most {MAX_BLOB_BYTES} bytes, not {len(data)}.")
        blob = blob_id(data)
        if not self.has(blob):
            self._connection.execute(
                "INSERT INTO blobs (id, owner, created_ms, size_bytes, data) VALUES (?, ?, ?, ?, ?)",
                (blob, owner, now_ms, len(data), data),
            )
            self._connection.execute("UPDATE accounts SET blob_bytes = blob_bytes + ? WHERE id = ?", (len(data), owner))
        return blob

    def drop(self, blob: BlobId) -> None:
        dropped = self._connection.execute("DELETE FROM blobs WHERE id = ? RETURNING size_bytes, owner", (blob,))
        self._connection.executemany("UPDATE accounts SET blob_bytes = blob_bytes - ? WHERE id = ?", dropped.fetchall())


class SqliteSettingsView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None


class SqliteSettings(SqliteSettingsView):
    def put(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        else:
            self._connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

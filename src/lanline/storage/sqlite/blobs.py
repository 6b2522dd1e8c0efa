"""The rows of blobs and of settings."""

from __future__ import annotations

import sqlite3

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId
from lanline.model.blobs import MAX_BLOB_BYTES, BlobId, blob_id


class SqliteBlobsView:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, blob: BlobId) -> bytes | None:
        row = self._connection.execute("SELECT data FROM blobs WHERE id = ?", (blob,)).fetchone()
        return row[0] if row else None

    def size_bytes(self, owner: AccountId) -> int:
        found = self._connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM blobs WHERE owner = ?", (owner,))
        size: int = found.fetchone()[0]
        return size

    def sizes(self) -> dict[AccountId, int]:
        return dict(self._connection.execute("SELECT owner, sum(size_bytes) FROM blobs GROUP BY owner").fetchall())


class SqliteBlobs(SqliteBlobsView):
    def put(self, data: bytes, owner: AccountId, now_ms: int) -> BlobId:
        if len(data) > MAX_BLOB_BYTES:
            raise InvalidInput(f"A part of a file has at most {MAX_BLOB_BYTES} bytes, not {len(data)}.")
        blob = blob_id(data)
        self._connection.execute(
            "INSERT INTO blobs (id, owner, created_ms, size_bytes, data) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO NOTHING",
            (blob, owner, now_ms, len(data), data),
        )
        return blob

    def drop(self, blob: BlobId) -> None:
        self._connection.execute("DELETE FROM blobs WHERE id = ?", (blob,))


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

"""The rows of blobs and of settings."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId
from lanline.model.blobs import MAX_BLOB_BYTES, BlobId, blob_id
from lanline.storage.sqlite.schema import blobs, settings


class SqliteBlobsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, blob: BlobId) -> bytes | None:
        return self._connection.execute(select(blobs.c.data).where(blobs.c.id == blob)).scalar_one_or_none()

    def size_bytes(self, owner: AccountId) -> int:
        total = select(func.coalesce(func.sum(blobs.c.size_bytes), 0)).where(blobs.c.owner == owner)
        size: int = self._connection.execute(total).scalar_one()
        return size

    def sizes(self) -> dict[AccountId, int]:
        totals = select(blobs.c.owner, func.sum(blobs.c.size_bytes)).group_by(blobs.c.owner)
        return {AccountId(owner): size for owner, size in self._connection.execute(totals)}


class SqliteBlobs(SqliteBlobsView):
    def put(self, data: bytes, owner: AccountId, now_ms: int) -> BlobId:
        if len(data) > MAX_BLOB_BYTES:
            raise InvalidInput(f"A part of a file has at most {MAX_BLOB_BYTES} bytes, not {len(data)}.")
        blob = blob_id(data)
        row = {"id": blob, "owner": owner, "created_ms": now_ms, "size_bytes": len(data), "data": data}
        self._connection.execute(upsert(blobs).values(row).on_conflict_do_nothing(index_elements=["id"]))
        return blob

    def drop(self, blob: BlobId) -> None:
        self._connection.execute(delete(blobs).where(blobs.c.id == blob))


class SqliteSettingsView:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> bytes | None:
        return self._connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar_one_or_none()


class SqliteSettings(SqliteSettingsView):
    def put(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._connection.execute(delete(settings).where(settings.c.name == name))
            return
        put = upsert(settings).values(name=name, value=value)
        self._connection.execute(put.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

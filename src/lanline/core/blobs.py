"""Owns the rules of parts of files: taken within the quota of their owner, given to whoever knows the secret name."""

from __future__ import annotations

from typing import ClassVar

from lanline.core.commands import Authority, Command, Decision
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.blobs import BlobId, blob_id
from lanline.storage.api import Transaction, View


class PutBlob(Command[BlobId], frozen=True):
    data: bytes

    fills_disk: ClassVar[bool] = True

    def decide(self, transaction: Transaction, by: Authority) -> Decision[BlobId]:
        by.check_person()
        name, quota_bytes = blob_id(self.data), by.context.settings.blob_quota_bytes
        if transaction.blobs.has(name):
            return name, ()
        if transaction.blobs.size_bytes(by.account) + len(self.data) > quota_bytes:
            text = (
                f"Your files on this server would be more than {quota_bytes // 1024**2} MB, which is all you may have."
            )
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        return transaction.blobs.put(self.data, by.account, by.context.now_ms), ()


def find_blob(view: View, name: bytes) -> bytes:
    data = view.blobs.get(BlobId(name))
    if data is None:
        raise RequestRefused(RefusalCode.NOT_FOUND, "The server does not have this part of the file.")
    return data

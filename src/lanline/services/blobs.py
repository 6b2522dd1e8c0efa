"""Parts of files: taken within the quota of their owner, given to whoever knows the name, for it is told in secret."""

from __future__ import annotations

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.blobs import BlobId, blob_id
from lanline.storage.api import Transaction, View


def put_blob(transaction: Transaction, data: bytes, owner: AccountId, now_ms: int) -> tuple[BlobId, bool]:
    """And whether it was not here before."""
    name = blob_id(data)
    if transaction.blobs.get(name) is not None:
        return name, False
    return transaction.blobs.put(data, owner, now_ms), True


def find_blob(view: View, name: bytes) -> bytes:
    data = view.blobs.get(BlobId(name))
    if data is None:
        raise RequestRefused(RefusalCode.NOT_FOUND, "The server does not have this part of the file.")
    return data

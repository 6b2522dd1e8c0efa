"""Sealed bytes too large for an entry. On the bulk channel, so that they never hold up a word."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.model.blobs import BLOB_ID_BYTES
from lanline.wire.chat.limits import BlobBytes, Request

BlobName = Annotated[bytes, msgspec.Meta(min_length=BLOB_ID_BYTES, max_length=BLOB_ID_BYTES)]


class PutBlob(msgspec.Struct, frozen=True, array_like=True, tag=24, gc=False):
    request: Request
    data: BlobBytes


class BlobStored(msgspec.Struct, frozen=True, array_like=True, tag=81, gc=False):
    request: Request
    blob: BlobName


class GetBlob(msgspec.Struct, frozen=True, array_like=True, tag=25, gc=False):
    request: Request
    blob: BlobName


class BlobFound(msgspec.Struct, frozen=True, array_like=True, tag=82, gc=False):
    request: Request
    data: BlobBytes

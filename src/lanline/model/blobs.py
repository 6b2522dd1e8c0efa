"""Blobs: sealed bytes too large for an entry, known by their SHA-256, so that what comes back can be checked."""

from __future__ import annotations

import hashlib
from typing import NewType

BlobId = NewType("BlobId", bytes)

BLOB_ID_BYTES = 32
MAX_BLOB_BYTES = 256 * 1024
"""Small, so that one never holds up the writing of messages for long; a file is several."""


def blob_id(data: bytes) -> BlobId:
    return BlobId(hashlib.sha256(data).digest())

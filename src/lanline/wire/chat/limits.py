"""How large a field may be on the wire. What it may hold beyond that, the core decides."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.model.blobs import MAX_BLOB_BYTES
from lanline.model.logs import MAX_SEALED_BYTES

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Request = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
"""Chosen by the client, unique on its link; the answer repeats it."""
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
ShortText = Annotated[str, msgspec.Meta(max_length=256)]
LongText = Annotated[str, msgspec.Meta(max_length=2048)]
Secret = Annotated[str, msgspec.Meta(max_length=1024)]
EntryId = Annotated[bytes, msgspec.Meta(max_length=32)]
Sealed = Annotated[bytes, msgspec.Meta(max_length=MAX_SEALED_BYTES)]
BlobBytes = Annotated[bytes, msgspec.Meta(max_length=MAX_BLOB_BYTES)]

MAX_MESSAGE_BYTES = 1024 * 1024
"""No message between client and server is larger; the links refuse it before it is read."""

"""Seals the name of a new device for the device that is given its code, so that nobody in between can read it."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.crypto.groups.ids import digest_of, label_key_of

NONCE_BYTES = 12
_PADDED_BYTES = 64
SEALED_LABEL_BYTES = NONCE_BYTES + _PADDED_BYTES + 16


def seal_label(approval_key: bytes, record: bytes, label: str, nonce: bytes) -> bytes:
    """For that record; a label over 64 bytes is cut. `nonce`: 12 random bytes."""
    plain = label.encode()[:_PADDED_BYTES].decode(errors="ignore").encode().ljust(_PADDED_BYTES, b"\0")
    return nonce + AESGCM(label_key_of(approval_key)).encrypt(nonce, plain, digest_of(record))


def open_label(approval_key: bytes, record: bytes, sealed: bytes) -> str:
    """Empty: it was not sealed for this record under this key."""
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    if len(sealed) != SEALED_LABEL_BYTES:
        return ""
    try:
        plain = AESGCM(label_key_of(approval_key)).decrypt(nonce, rest, digest_of(record))
    except InvalidTag:
        return ""
    return plain.rstrip(b"\0").decode(errors="replace")

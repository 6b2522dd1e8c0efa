"""Owns what is kept under a passphrase: Argon2id makes the key, AES-256-GCM seals. Not where it is kept.

A file that was damaged is told from a passphrase that is wrong, by a hash of what is sealed.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.errors import MalformedPacket, WrongPassphrase
from lanline.ids import Entropy

SALT_BYTES, NONCE_BYTES = 16, 12
_MEMORY_KIB, _TIME_COST = 64 * 1024, 3
"""The second of the settings that RFC 9106 recommends, with one lane."""
_MAX_MEMORY_KIB, _MAX_TIME_COST = 1024 * 1024, 20
"""What a file may ask for."""


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it stands in a file of JSON; bytes are in base64 there."""

    salt: Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    memory_kib: Annotated[int, msgspec.Meta(ge=8, le=_MAX_MEMORY_KIB)]
    time_cost: Annotated[int, msgspec.Meta(ge=1, le=_MAX_TIME_COST)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    data: bytes
    check: Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]


class PassphraseKey:
    """Made once, which takes a moment, and kept in memory."""

    def __init__(
        self, passphrase: str, salt: bytes, memory_kib: int = _MEMORY_KIB, time_cost: int = _TIME_COST
    ) -> None:
        from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 -- most homes have no passphrase

        text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
        key = hash_secret_raw(text, salt, time_cost, memory_kib, 1, 32, Type.ID)
        self._cipher = AESGCM(key)
        self._salt, self._memory_kib, self._time_cost = salt, memory_kib, time_cost

    def seal(self, data: bytes, use: bytes, entropy: Entropy) -> Sealed:
        nonce = entropy(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, data, use)
        return Sealed(self._salt, self._memory_kib, self._time_cost, nonce, sealed, _check(sealed))

    def open(self, sealed: Sealed, use: bytes) -> bytes:
        """Raises MalformedPacket, WrongPassphrase."""
        if _check(sealed.data) != sealed.check:
            raise MalformedPacket("the file was damaged")
        try:
            return self._cipher.decrypt(sealed.nonce, sealed.data, use)
        except InvalidTag as cause:
            raise WrongPassphrase("The passphrase is wrong.") from cause


def key_for(sealed: Sealed, passphrase: str) -> PassphraseKey:
    return PassphraseKey(passphrase, sealed.salt, sealed.memory_kib, sealed.time_cost)


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:8]

"""Owns signing keys and sealing keys: how they follow from seeds, which are refused, and boxes. Not who has which.

A box draws its randomness from the operating system inside the library, which takes none from outside.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from lanline.crypto.groups.ids import ACCOUNT_SEAL, BOX, DEVICE_SEAL, DEVICE_SIGN, expand
from lanline.errors import MalformedPacket

BOX_BYTES = 1168

_PRIME = 2**255 - 19
_Y_OF_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset((0, 1, _PRIME - 1, _Y_OF_ORDER_EIGHT, _PRIME - _Y_OF_ORDER_EIGHT))
"""The y of every point whose order divides 8. Under such a key one signature fits any message."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64


class SigningKey:
    """Ed25519, from its 32 bytes of seed."""

    __slots__ = ("_key", "public_bytes")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_bytes = self._key.public_key().public_bytes_raw()

    @classmethod
    def of_device(cls, device_secret: bytes) -> SigningKey:
        return cls(expand(device_secret, DEVICE_SIGN))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def is_good_sign_key(public: bytes) -> bool:
    """Refuses what has a second encoding, and the points of small order; nothing else."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return y < _PRIME and y not in _SMALL_ORDER


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """False also for a key that is no point of the curve."""
    key = _loaded(public)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4096)
def _loaded(public: bytes) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return None


class SealingKey:
    """X-Wing (ML-KEM-768 and X25519), from its 32 bytes of seed."""

    __slots__ = ("_key", "public_bytes")

    def __init__(self, seed: bytes) -> None:
        halves = hashlib.shake_256(seed).digest(_MLKEM_SEED_BYTES + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(halves[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(halves[_MLKEM_SEED_BYTES:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public_bytes = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    @classmethod
    def of_device(cls, device_secret: bytes) -> SealingKey:
        return cls(expand(device_secret, DEVICE_SEAL))

    @classmethod
    def of_generation(cls, account_seed: bytes) -> SealingKey:
        return cls(expand(account_seed, ACCOUNT_SEAL))

    def open(self, box: bytes, info: bytes) -> bytes | None:
        """None: it is no box for this key and this use."""
        try:
            return _SUITE.decrypt(box, self._key, info)
        except (InvalidTag, ValueError):
            return None


def hash_of_key(public: bytes) -> bytes:
    """What the chain holds of a sealing key, which itself lies beside the log."""
    return hashlib.sha256(public).digest()


def box_info(scope: bytes, commitment: bytes, kind: int, recipient: bytes, generation: int) -> bytes:
    """Binds a box to one secret, one recipient and one use. An id shorter than 32 bytes is followed by zeros."""
    return b"".join((BOX, scope, commitment, bytes([kind]), recipient.ljust(32, b"\0"), generation.to_bytes(4, "big")))


def seal_box(public: bytes, info: bytes, secret: bytes) -> bytes:
    """Raises MalformedPacket for a key that cannot be sealed to: some load, and fail only here."""
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:])
        return _SUITE.encrypt(secret, MLKEM768X25519PublicKey(mlkem, x25519), info)
    except (ValueError, InvalidTag) as cause:
        raise MalformedPacket("nothing can be sealed to this key") from cause

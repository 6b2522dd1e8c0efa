"""Owns the RSA keys of the suite `rsa`: how they are made, written down and sealed to. Not who has which.

RSA-3072 with the exponent 65537, and OAEP with SHA-256 (RFC 8017). A key and the randomness of a box come from the
operating system, inside the library. It does not hold against who records now and has a quantum computer later.
"""

from __future__ import annotations

import math

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from lanline.crypto.groups.ids import RSA, expand
from lanline.errors import MalformedPacket

RSA_PUBLIC_BYTES = 422
"""A SubjectPublicKeyInfo in DER: always as long, for this size and exponent."""
RSA_BOX_BYTES = 384
_BITS, _EXPONENT = 3072, 65537
_PRIME_BYTES = 192
_SECRET_BYTES = 32
_ONCE = bytes(12)


class RsaKey:
    __slots__ = ("_key", "half", "public_bytes")

    def __init__(self, key: RSAPrivateKey) -> None:
        """`generate` and `of_half` are the ways to one."""
        self._key = key
        numbers = key.private_numbers()
        self.half = numbers.p.to_bytes(_PRIME_BYTES, "big") + numbers.q.to_bytes(_PRIME_BYTES, "big")
        """Both primes, from which all else follows."""
        self.public_bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @classmethod
    def generate(cls) -> RsaKey:
        return cls(generate_private_key(_EXPONENT, _BITS))

    @classmethod
    def of_half(cls, half: bytes) -> RsaKey | None:
        """None: these are no two primes of such a key."""
        p, q = (int.from_bytes(half[start : start + _PRIME_BYTES], "big") for start in (0, _PRIME_BYTES))
        try:
            d = pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
            crt = rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q)
            return cls(RSAPrivateNumbers(p, q, d, *crt, RSAPublicNumbers(_EXPONENT, p * q)).private_key())
        except (ValueError, ZeroDivisionError, OverflowError):
            return None

    def open(self, box: bytes, info: bytes) -> bytes | None:
        """None: it is no box for this key and this use."""
        try:
            secret = self._key.decrypt(box, _oaep(info))
        except ValueError:
            return None
        return secret if len(secret) == _SECRET_BYTES else None


def seal_rsa_box(public: bytes, info: bytes, secret: bytes) -> bytes:
    """Raises MalformedPacket for what is no such key, and for one that loads and to which nothing can be sealed."""
    try:
        return _loaded(public).encrypt(secret, _oaep(info))
    except ValueError as cause:
        raise MalformedPacket("nothing can be sealed to this RSA key") from cause


def check_rsa_public(public: bytes) -> None:
    """Raises MalformedPacket for another size, exponent or kind, for other bytes than everybody writes, and for one to
    which nothing can be sealed: on trial.
    """
    seal_rsa_box(public, b"", bytes(_SECRET_BYTES))


def _loaded(public: bytes) -> RSAPublicKey:
    if len(public) != RSA_PUBLIC_BYTES:
        raise MalformedPacket("it is no RSA key of this suite")
    try:
        key = load_der_public_key(public)
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise MalformedPacket("it is no RSA key of this suite") from cause
    if (
        not isinstance(key, RSAPublicKey)
        or (key.key_size, key.public_numbers().e) != (_BITS, _EXPONENT)
        or key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public
    ):
        raise MalformedPacket("it is no RSA key of this suite")
    return key


def _oaep(info: bytes) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(SHA256()), SHA256(), label=info)


def seal_half(seed: bytes, account_id: bytes, generation: int, rsa_hash: bytes, half: bytes) -> bytes:
    """The private half, for whoever has the seed of the account's generation."""
    return AESGCM(_half_key(seed, account_id, generation, rsa_hash)).encrypt(_ONCE, half, None)


def open_half(seed: bytes, account_id: bytes, generation: int, rsa_hash: bytes, sealed: bytes) -> bytes | None:
    try:
        return AESGCM(_half_key(seed, account_id, generation, rsa_hash)).decrypt(_ONCE, sealed, None)
    except (InvalidTag, ValueError):
        return None


def _half_key(seed: bytes, account_id: bytes, generation: int, rsa_hash: bytes) -> bytes:
    return expand(seed, RSA + account_id + generation.to_bytes(4, "big") + rsa_hash)

"""RSA keys of the suite `rsa`: only such keys are taken, and a box opens for its key and its use alone."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lanline.crypto.groups.rsa import (
    RSA_BOX_BYTES,
    RSA_PUBLIC_BYTES,
    RsaKey,
    check_rsa_public,
    open_half,
    seal_half,
    seal_rsa_box,
)
from lanline.errors import MalformedPacket

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def key() -> RsaKey:
    return RsaKey.generate()


def public_of(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def test_a_box_opens_for_its_key_and_its_use_alone(key: RsaKey) -> None:
    box = seal_rsa_box(key.public_bytes, b"use", SECRET)
    assert (len(key.public_bytes), len(box)) == (RSA_PUBLIC_BYTES, RSA_BOX_BYTES)
    assert key.open(box, b"use") == SECRET
    assert key.open(box, b"another use") is None
    assert RsaKey.generate().open(box, b"use") is None
    for damaged in (b"", box[:-1], box + b"\0", bytes(384), b"\xff" * 384, box[:-1] + bytes([box[-1] ^ 1])):
        assert key.open(damaged, b"use") is None
    assert key.open(seal_rsa_box(key.public_bytes, b"use", b"short"), b"use") is None


def test_the_private_half_comes_back_by_its_seed_alone(key: RsaKey) -> None:
    seed, account, rsa_hash = bytes(32), b"a" * 32, b"h" * 32
    sealed = seal_half(seed, account, 2, rsa_hash, key.half)
    assert len(sealed) == 400
    again = RsaKey.of_half(open_half(seed, account, 2, rsa_hash, sealed) or b"")
    assert again is not None
    assert again.public_bytes == key.public_bytes
    assert open_half(seed, account, 3, rsa_hash, sealed) is None
    assert open_half(b"x" * 32, account, 2, rsa_hash, sealed) is None
    for wrong in (b"", bytes(384), b"\xff" * 384, key.half[:-1] + bytes([key.half[-1] ^ 2]), key.half[:192] * 2):
        assert RsaKey.of_half(wrong) is None


@pytest.mark.parametrize("kind", ["none", "zeros", "2048 bits", "exponent 3", "a curve", "longer", "cut", "unknown"])
def test_other_keys_are_refused(kind: str, key: RsaKey) -> None:
    public = {
        "none": lambda: b"",
        "zeros": lambda: bytes(RSA_PUBLIC_BYTES),
        "2048 bits": lambda: public_of(generate_rsa(65537, 2048)),
        "exponent 3": lambda: public_of(generate_rsa(3, 3072)),
        "a curve": lambda: public_of(generate_private_key(SECP256R1())),
        "longer": lambda: key.public_bytes + b"\0",
        "unknown": lambda: key.public_bytes[:7] + bytes([key.public_bytes[7] ^ 1]) + key.public_bytes[8:],
        "cut": lambda: key.public_bytes[:30] + bytes(392),
    }[kind]()
    with pytest.raises(MalformedPacket):
        check_rsa_public(public)
    with pytest.raises(MalformedPacket):
        seal_rsa_box(public, b"use", SECRET)


def test_a_key_that_loads_and_to_which_nothing_can_be_sealed_is_refused(key: RsaKey) -> None:
    """With one, a member could keep all others of a room from beginning an epoch."""
    even = bytearray(key.public_bytes)
    even[-6] &= 0xFE  # the last byte of the modulus
    for use in (check_rsa_public, lambda public: seal_rsa_box(public, b"use", SECRET)):
        with pytest.raises(MalformedPacket):
            use(bytes(even))

"""A host's key: kept as PEM, shown as a certificate, known by its fingerprint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from lanline.crypto.identity import Identity, fingerprint_of_certificate
from lanline.errors import IdentityProblem

SOMEBODY = Identity.generate()
CERTIFICATE = x509.load_der_x509_certificate(SOMEBODY.certificate)


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b""
) -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def test_identity_comes_back_from_its_pem() -> None:
    again = Identity.from_pem(SOMEBODY.to_pem())
    assert again.fingerprint == SOMEBODY.fingerprint
    assert again.private_key.private_numbers() == SOMEBODY.private_key.private_numbers()


def test_certificate_made_anew_keeps_the_fingerprint() -> None:
    again = Identity.from_private_key(SOMEBODY.private_key)
    assert again.certificate != SOMEBODY.certificate
    assert (
        fingerprint_of_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, again.certificate))
        == SOMEBODY.fingerprint
        == again.fingerprint
    )
    assert len(SOMEBODY.fingerprint) == 32


def test_two_identities_differ() -> None:
    assert Identity.generate().fingerprint != SOMEBODY.fingerprint


@pytest.mark.parametrize("changed", [(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"), (b"200101", b"209901")])
def test_odd_certificate_has_the_fingerprint_of_its_key(changed: tuple[bytes, bytes]) -> None:
    certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, SOMEBODY.certificate.replace(*changed, 1))
    assert fingerprint_of_certificate(certificate) == SOMEBODY.fingerprint


def test_certificate_without_a_key_that_can_be_read_is_a_problem() -> None:
    curve = bytes.fromhex("06082a8648ce3d030107")
    certificate = crypto.load_certificate(
        crypto.FILETYPE_ASN1, SOMEBODY.certificate.replace(curve, curve[:-1] + b"\x63", 1)
    )
    with pytest.raises(IdentityProblem):
        fingerprint_of_certificate(certificate)


def test_certificate_is_signed_by_its_own_key() -> None:
    CERTIFICATE.verify_directly_issued_by(CERTIFICATE)


def test_certificate_says_nothing_of_anybody_and_never_ends() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lanline")])
    assert (CERTIFICATE.subject, CERTIFICATE.issuer, CERTIFICATE.serial_number) == (name, name, 1)
    assert (CERTIFICATE.not_valid_before_utc.year, CERTIFICATE.not_valid_after_utc.year) == (2020, 9999)
    assert CERTIFICATE.version is x509.Version.v3
    assert not list(CERTIFICATE.extensions)


@pytest.mark.parametrize(
    "make_text",
    [
        lambda: b"",
        lambda: b"not a key",
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        lambda: SOMEBODY.to_pem()[:100],
        lambda: pem(SOMEBODY.private_key, b"secret"),
        lambda: pem(ec.generate_private_key(ec.SECP384R1())),
        lambda: pem(rsa.generate_private_key(65537, 2048)),
        lambda: pem(ed25519.Ed25519PrivateKey.generate()),
        lambda: CERTIFICATE.public_bytes(serialization.Encoding.PEM),
    ],
    ids=["nothing", "words", "short", "cut", "locked", "another curve", "rsa", "ed25519", "certificate"],
)
def test_file_that_holds_no_such_key_is_a_problem(make_text: Callable[[], bytes]) -> None:
    with pytest.raises(IdentityProblem, match="The key file holds"):
        Identity.from_pem(make_text())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_problem_and_nothing_worse(text: bytes) -> None:
    with pytest.raises(IdentityProblem):
        Identity.from_pem(text)


def test_derived_keys_are_the_same_after_a_restart_and_one_for_each_purpose() -> None:
    again = Identity.from_pem(SOMEBODY.to_pem())
    assert again.derive_key(b"reset") == SOMEBODY.derive_key(b"reset")
    assert (
        len({SOMEBODY.derive_key(b"reset"), SOMEBODY.derive_key(b"other"), Identity.generate().derive_key(b"reset")})
        == 3
    )

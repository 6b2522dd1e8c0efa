"""A long-lived P-256 key, the self-signed certificate that shows it to a peer, and its fingerprint.

The fingerprint is the SHA-256 of the public key (SubjectPublicKeyInfo), so a certificate made anew keeps it.
P-256 and not Ed25519, because OpenSSL offers no DTLS 1.2 cipher to a server whose certificate is Ed25519.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID
from OpenSSL import crypto

from lanline.errors import IdentityProblem

_VALID_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_VALID_UNTIL = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""RFC 5280, 4.1.2.5: a certificate with no good end. Trust comes from the pinned key, and clocks at sea are wrong."""


@dataclass(frozen=True, slots=True)
class Identity:
    private_key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    fingerprint: bytes

    @classmethod
    def generate(cls) -> Identity:
        return cls.from_private_key(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_private_key(cls, key: ec.EllipticCurvePrivateKey) -> Identity:
        return cls(key, _self_signed(key), fingerprint_of(key.public_key().public_bytes(*_SPKI)))

    @classmethod
    def from_pem(cls, pem: bytes) -> Identity:
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
            raise IdentityProblem("The key file holds no key that can be read.") from cause
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise IdentityProblem("The key file holds a key of another kind than P-256.")
        return cls.from_private_key(key)

    def to_pem(self) -> bytes:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def derive_key(self, purpose: bytes) -> bytes:
        """32 bytes that only this identity can make, the same after every restart."""
        seed = self.private_key.private_numbers().private_value.to_bytes(32, "big")
        return HKDF(SHA256(), 32, salt=None, info=b"lanline " + purpose).derive(seed)


_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_P256_INFO_BEGINS = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""RFC 5480, 2: id-ecPublicKey, secp256r1, and a point that is not compressed; its two coordinates follow."""
_P256_INFO_BYTES = len(_P256_INFO_BEGINS) + 64


def fingerprint_of(public_key_info: bytes) -> bytes:
    return hashlib.sha256(public_key_info).digest()


def fingerprint_of_certificate(certificate: crypto.X509) -> bytes:
    """By OpenSSL alone: it takes certificates from peers that a second, stricter parser would stumble over."""
    try:
        public_key_info = crypto.dump_publickey(crypto.FILETYPE_ASN1, certificate.get_pubkey())
    except crypto.Error as cause:
        raise IdentityProblem("The peer's certificate holds no key that can be read.") from cause
    if len(public_key_info) != _P256_INFO_BYTES or not public_key_info.startswith(_P256_INFO_BEGINS):
        raise IdentityProblem("The peer's key is of another kind than P-256.")
    return fingerprint_of(public_key_info)


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lanline")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_UNTIL)
        .sign(key, SHA256())
    )

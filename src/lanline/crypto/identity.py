"""A long-lived P-256 key, the self-signed certificate that shows it to a peer, and its fingerprint.

The fingerprint is the SHA-256 of the public key (SubjectPublicKeyInfo), so a certificate made anew keeps it.
P-256 and not Ed25519, because OpenSSL offers no DTLS 1.2 cipher to a server whose certificate is Ed25519.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lanline.crypto.openssl import crypto
from lanline.errors import IdentityProblem

_SIGNED_WITH = bytes.fromhex("300a06082a8648ce3d040302")
"""RFC 5758, 3.2: ecdsa-with-SHA256."""
_NAME = bytes.fromhex("30123110300e06035504030c07") + b"lanline"
_CERTIFICATE_BEGINS = (
    bytes.fromhex("3081b9a003020102020101") + _SIGNED_WITH + _NAME
    + bytes.fromhex("3020170d") + b"200101000000Z" + bytes.fromhex("180f") + b"99991231235959Z" + _NAME
)  # fmt: skip
"""RFC 5280, 4.1: version 3, serial number 1, issuer, from when until when, subject; the public key follows. 4.1.2.5: a
certificate with no good end. Trust comes from the pinned key, and clocks at sea are wrong.
"""


@dataclass(frozen=True, slots=True)
class Identity:
    private_key: ec.EllipticCurvePrivateKey
    certificate: bytes
    """DER."""
    fingerprint: bytes

    @classmethod
    def generate(cls) -> Identity:
        return cls.from_private_key(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_private_key(cls, key: ec.EllipticCurvePrivateKey) -> Identity:
        info = key.public_key().public_bytes(*_SPKI)
        return cls(key, _self_signed(key, info), fingerprint_of(info))

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


def _self_signed(key: ec.EllipticCurvePrivateKey, public_key_info: bytes) -> bytes:
    signed = _CERTIFICATE_BEGINS + public_key_info
    signature = key.sign(signed, ec.ECDSA(SHA256()))
    bits = b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    content = signed + _SIGNED_WITH + bits
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content

"""Owns what a peer has to show in a handshake: one certificate, with a P-256 key. Not whether that key is trusted.

Nobody is known yet when these checks run, so they come before the work that a stranger could make expensive: OpenSSL
verifies no chain, and no signature or key agreement of a kind that Lanline does not use.
"""

from __future__ import annotations

from lanline.crypto.identity import fingerprint_of_certificate
from lanline.crypto.openssl import SSL, crypto, lib
from lanline.errors import IdentityProblem

_SIGNATURES = b"ECDSA+SHA256"


def restrict(context: SSL.Context, groups: bytes, verify_mode: int) -> None:
    """Only the signatures and the groups of Lanline's own programs. pyOpenSSL has no calls for the first two."""
    lib.SSL_CTX_set1_sigalgs_list(context._context, _SIGNATURES)  # noqa: SLF001
    lib.SSL_CTX_set1_curves_list(context._context, groups)  # noqa: SLF001
    context.set_verify(verify_mode, accept_certificate)


def show_certificate(context: SSL.Context, certificate: bytes) -> None:
    """To the peer. pyOpenSSL wants a type of the package that is not loaded."""
    loaded = crypto.load_certificate(crypto.FILETYPE_ASN1, certificate)
    if lib.SSL_CTX_use_certificate(context._context, loaded._x509) != 1:  # noqa: SLF001
        raise IdentityProblem("The certificate of this host cannot be used.")


def accept_certificate(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """Called by OpenSSL once it has a chain, before it checks the signatures in it. Names and dates mean nothing."""
    if depth:
        return False
    if connection.get_app_data() is None:
        try:
            connection.set_app_data(fingerprint_of_certificate(certificate))
        except IdentityProblem:
            return False
    return True


def fingerprint_shown(connection: SSL.Connection) -> bytes | None:
    """None: the peer has shown no certificate."""
    fingerprint: bytes | None = connection.get_app_data()
    return fingerprint


def has_more_certificates(connection: SSL.Connection, *, is_server: bool) -> bool:
    """Whether the peer sent any besides its own. OpenSSL counts the own one on the client's side only."""
    return len(connection.get_peer_cert_chain() or ()) > (0 if is_server else 1)


def has_extended_master_secret(connection: SSL.Connection) -> bool:
    """RFC 7627. Without it two handshakes of TLS 1.2 can be made to share their exported values."""
    return bool(lib.SSL_get_extms_support(connection._ssl) == 1)  # noqa: SLF001

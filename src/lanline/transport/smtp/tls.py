"""Owns TLS over a connection: whose certificate is believed, and what it means when one is not."""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import ssl
import time
from collections.abc import Iterator
from functools import lru_cache

from lanline.errors import InvalidInput, MailDeferred, MailProblem, MailRefused, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Security, Server
from lanline.model.mail.text import explained
from lanline.proto.smtp.events import ConnectionBroke
from lanline.transport.smtp.connecting import AGAIN, Interrupt

ANY_FINGERPRINT = "any"
"""To look at what a server offers, and nothing else: no password goes over such a connection."""

# X509_V_ERR_* of OpenSSL's x509_vfy.h: stable numbers where the texts are not.
_DISTRUST = {
    9: "is not valid yet; check the clock of this machine.",
    10: "has expired; its owner has to renew it.",
    **dict.fromkeys(
        (62, 64),
        "is for another name than HOST; give --smtp-host the name that stands in it (`lanline smtp check` shows it).",
    ),
    **dict.fromkeys(
        (18, 19),
        "is self-signed or comes from a private authority; if it is yours, name its certificate with --ca-file.",
    ),
    **dict.fromkeys(
        (2, 20, 21),
        "comes from an authority that is not trusted here; if it is yours, name the authority's with --ca-file.",
    ),
}


@lru_cache(maxsize=16)
def verifying_context(server: Server) -> ssl.SSLContext:
    """TLS 1.2 or newer, chain and name checked. With a `ca_file`, its certificates are trusted and no others."""
    if server.security is Security.NONE:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody, and takes no time to make
    with _pem(f"The file {server.ca_file} of --ca-file", "holds no certificate"):
        context = ssl.create_default_context(cafile=server.ca_file)
    if server.ca_file is not None:  # the server's own certificate will do, and a private authority may be no pedant
        context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.fingerprint is not None:  # which is looked at after the handshake, and alone decides
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server.client_cert is not None:
        with _pem(f"The certificate {server.client_cert} of --tls-cert, or its key,", "is no pair without a password"):
            context.load_cert_chain(server.client_cert, server.client_key, password="")  # never asks at a terminal
    return context


@contextlib.contextmanager
def _pem(what: str, objection: str) -> Iterator[None]:
    with explained(f"{what} cannot be used"):
        try:
            yield
        except ssl.SSLError as cause:
            raise InvalidInput(f"{what} {objection} in PEM form.") from cause


def shake_hands(found: socket.socket, server: Server, interrupt: Interrupt, limit_s: float) -> ssl.SSLSocket:
    """The same connection from here on under TLS. Raises MailProblem, and closes it then."""
    try:
        context = verifying_context(server)
        found = secure = context.wrap_socket(found, server_hostname=server.host, do_handshake_on_connect=False)
        _advance(secure, server, interrupt, time.monotonic() + limit_s)
    except BaseException as cause:
        found.close()
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            is_in_clear = cause.reason == "WRONG_VERSION_NUMBER" and server.security is Security.SMTPS
            raise (wrong_start(server) if is_in_clear else tls_problem(server, cause)) from cause
        if isinstance(cause, OSError):
            raise ConnectionBroke(f"The connection to {server} broke at the TLS handshake. {AGAIN}") from cause
        raise
    shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    if server.fingerprint not in {None, ANY_FINGERPRINT, shown}:
        secure.close()
        text = f"The certificate of {server} has the fingerprint {shown}, not that of --tls-fingerprint."
        raise ServerUntrusted(f"{text} Nothing was sent.")
    return secure


def _advance(secure: ssl.SSLSocket, server: Server, interrupt: Interrupt, deadline: float) -> None:
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            return secure.do_handshake()
        except ssl.SSLWantReadError:
            interrupt.wait_or_stop({secure: select.POLLIN}, left_s)
    raise MailDeferred(f"{server} did not answer in time at the TLS handshake. {AGAIN}")


def wrong_start(server: Server) -> MailRefused:
    if server.security is Security.SMTPS:
        return MailRefused(
            f"{server} starts in clear and goes over to TLS later (STARTTLS): leave out --smtps with this port, or use"
            " the port for TLS from the start, usually 465. Nothing was sent."
        )
    return MailRefused(
        f"{server} speaks TLS from the start: use --smtps with this port, or the port for STARTTLS, usually 587."
        " Nothing was sent."
    )


def tls_problem(server: Server, error: ssl.SSLError) -> MailProblem:
    if isinstance(error, ssl.SSLCertVerificationError):
        otherwise = f"cannot be trusted: {one_line(error.verify_message)}."
        reason = _DISTRUST.get(error.verify_code, otherwise).replace("HOST", server.host)
        return ServerUntrusted(f"The certificate of {server} {reason} Nothing was sent.")
    reason = one_line((error.reason or str(error)).replace("_", " ").lower())
    return MailRefused(f"TLS with {server} failed ({reason}). Nothing was sent.")

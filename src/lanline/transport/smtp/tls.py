"""Owns TLS over a connection: whose certificate is believed, and what it means when one is not."""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
import time

from lanline.errors import InvalidInput, MailDeferred, MailProblem, MailRefused, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Security, Server
from lanline.proto.smtp.events import ConnectionBroke
from lanline.transport.smtp.connecting import Interrupt

# X509_V_ERR_* of OpenSSL's x509_vfy.h: stable numbers where the texts are not.
_EXPIRED, _NOT_YET_VALID = 10, 9
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME = (62, 64)


def verifying_context(server: Server) -> ssl.SSLContext:
    """TLS 1.2 or newer, chain and name checked. With a `ca_file`, its certificates are trusted and no others."""
    if server.security is Security.NONE:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody, and takes no time to make
    context = _trusting(server.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.fingerprint is not None:  # which is compared after the handshake, and alone decides
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server.client_cert is not None:
        try:
            context.load_cert_chain(server.client_cert, server.client_key, password="")  # never asks at a terminal
        except (OSError, ssl.SSLError, ValueError) as cause:
            reason = cause.strerror if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None
            raise InvalidInput(
                f"The certificate {server.client_cert} of --tls-cert, or its key, cannot be used:"
                f" {reason or 'not a pair in PEM form without a password'}."
            ) from cause
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except FileNotFoundError as cause:
        raise InvalidInput(f"The file {ca_file} of --ca-file does not exist.") from cause
    except ssl.SSLError as cause:
        raise InvalidInput(f"The file {ca_file} of --ca-file holds no certificate in PEM form.") from cause
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise InvalidInput(f"The file {ca_file} of --ca-file cannot be read: {reason}.") from cause
    if ca_file is not None:  # the server's own certificate will do, and a private authority may be no pedant
        context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


def unverifying_context() -> ssl.SSLContext:
    """To look at what a server offers, and nothing else: no password goes over such a connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shake_hands(
    found: socket.socket, context: ssl.SSLContext, server: Server, interrupt: Interrupt, limit_s: float
) -> ssl.SSLSocket:
    """The same connection from here on under TLS. Raises MailProblem, and closes it then."""
    try:
        found = secure = context.wrap_socket(found, server_hostname=server.host, do_handshake_on_connect=False)
        _advance(secure, server, interrupt, time.monotonic() + limit_s)
        _check_fingerprint(secure, server)
    except ssl.SSLEOFError as cause:
        found.close()
        raise _broke(server) from cause
    except ssl.SSLError as cause:
        found.close()
        if cause.reason == "WRONG_VERSION_NUMBER" and server.security is Security.SMTPS:
            raise wrong_start(server) from cause
        raise tls_problem(server, cause) from cause
    except OSError as cause:
        found.close()
        raise _broke(server) from cause
    except BaseException:
        found.close()
        raise
    return secure


def _advance(secure: ssl.SSLSocket, server: Server, interrupt: Interrupt, deadline: float) -> None:
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            return secure.do_handshake()
        except ssl.SSLWantReadError:
            interrupt.wait_or_stop({secure: select.POLLIN}, left_s)
    raise MailDeferred(f"{server} did not answer in time at the TLS handshake. Nothing was sent; try again later.")


def _check_fingerprint(secure: ssl.SSLSocket, server: Server) -> None:
    shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    if server.fingerprint not in {None, shown}:
        text = f"The certificate of {server} has the fingerprint {shown}, not that of --tls-fingerprint."
        raise ServerUntrusted(f"{text} Nothing was sent.")


def _broke(server: Server) -> ConnectionBroke:
    return ConnectionBroke(f"The connection to {server} broke at the TLS handshake. Nothing was sent; try again later.")


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
        return ServerUntrusted(f"{_distrust(server, error)} Nothing was sent.")
    reason = one_line((error.reason or str(error)).replace("_", " ").lower())
    return MailRefused(f"TLS with {server} failed ({reason}). Nothing was sent.")


def _distrust(server: Server, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return f"The certificate of {server} has expired; its owner has to renew it."
    if error.verify_code == _NOT_YET_VALID:
        return f"The certificate of {server} is not valid yet; check the clock of this machine."
    if error.verify_code in _WRONG_NAME:
        return (
            f"The certificate of {server} is for another name than {server.host}; give --smtp-host the name that stands"
            " in it (`lanline smtp check` shows it)."
        )
    own = "is self-signed or comes from a private authority; if it is yours, name its certificate with --ca-file."
    other = "comes from an authority that is not trusted here; if it is yours, name the authority's with --ca-file."
    if error.verify_code in (*_SELF_SIGNED, *_UNKNOWN_ISSUER):
        return f"The certificate of {server} {own if error.verify_code in _SELF_SIGNED else other}"
    return f"The certificate of {server} cannot be trusted: {one_line(error.verify_message)}."

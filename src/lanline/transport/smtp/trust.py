"""Whose certificate is believed, and what it means when one is not."""

from __future__ import annotations

import ssl

from lanline.errors import InvalidInput, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Server

# X509_V_ERR_* of OpenSSL's x509_vfy.h: stable numbers where the texts are not.
_EXPIRED, _NOT_YET_VALID = 10, 9
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME = (62, 64)


def verifying_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, chain and name checked. With `ca_file`, its certificates are trusted and no others."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except FileNotFoundError as cause:
        raise InvalidInput(f"The file {ca_file} of --ca-file does not exist.") from cause
    except ssl.SSLError as cause:
        raise InvalidInput(f"The file {ca_file} of --ca-file holds no certificate in PEM form.") from cause
    except OSError as cause:
        raise InvalidInput(f"The file {ca_file} of --ca-file cannot be read: {cause.strerror}.") from cause
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def untrusted(server: Server, error: ssl.SSLCertVerificationError) -> ServerUntrusted:
    return ServerUntrusted(f"{_distrust(server, error)} Nothing was sent.")


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
    if error.verify_code in _SELF_SIGNED:
        return (
            f"The certificate of {server} is self-signed or comes from a private authority; if it is yours, name its"
            " certificate with --ca-file."
        )
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            f"The certificate of {server} comes from an authority that is not trusted here; if it is yours, name the"
            " authority's certificate with --ca-file."
        )
    return f"The certificate of {server} cannot be trusted: {one_line(error.verify_message)}."

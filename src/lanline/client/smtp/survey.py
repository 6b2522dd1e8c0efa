"""Owns what a mail server offers, found out without sending anything: TLS, certificates, ways to sign in, limits."""

from __future__ import annotations

import contextlib
import datetime as dt

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from lanline.client.smtp.sending import Passage
from lanline.errors import MailDeferred, MailRefused, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Security, Server, is_ip_address
from lanline.proto.smtp.client import Offer, megabytes
from lanline.proto.smtp.transcript import Transcript
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import Session, tls_ready_socket
from lanline.transport.smtp.tls import unverifying_context, verifying_context

_VERSIONS = {
    "TLS 1.0": SSL.TLS1_VERSION,
    "TLS 1.1": SSL.TLS1_1_VERSION,
    "TLS 1.2": SSL.TLS1_2_VERSION,
    "TLS 1.3": SSL.TLS1_3_VERSION,
}
_SOON_DAYS = 21
_START = {
    Security.STARTTLS: "STARTTLS: in clear at first, then TLS",
    Security.SMTPS: "SMTPS: TLS from the first byte",
    Security.NONE: "without TLS: everybody on the way can read and change the mail",
}


class Survey(msgspec.Struct, frozen=True):
    """`objection` is why mail would not be sent there; empty when it would."""

    server: Server
    objection: str
    offer: Offer
    versions: tuple[str, ...]
    chain: tuple[x509.Certificate, ...]
    signed_in: bool


def survey(passage: Passage, transcript: Transcript, interrupt: Interrupt) -> Survey:
    """Raises MailDeferred where nobody answers, and MailRefused where it is no mail server, or not started this way."""
    objection, signed_in, server = "", False, passage.server
    try:
        session = Session(server, verifying_context(server), passage.patience, interrupt, transcript)
    except ServerUntrusted as refusal:
        objection = str(refusal)
        session = Session(server, unverifying_context(), passage.patience, interrupt, transcript)
    try:
        if passage.credentials is not None and not objection:
            session.sign_in(passage.credentials, passage.auth)
            signed_in = True
    except MailRefused as refusal:
        objection = str(refusal)
    finally:
        session.close()
    chains = {}
    if server.security is not Security.NONE:
        chains = {name: handshake(server, interrupt, passage.patience.reply_s, name) for name in _VERSIONS}
    spoken = tuple(name for name, chain in chains.items() if chain is not None)
    return Survey(server, objection, session.offer, spoken, (spoken and chains[spoken[-1]]) or (), signed_in)


def handshake(
    server: Server, interrupt: Interrupt, limit_s: float, version: str
) -> tuple[x509.Certificate, ...] | None:
    """The chain that is shown with this version of TLS; None when the server does not want it.

    By OpenSSL itself, because `ssl` neither shows the chain of an untrusted server nor speaks old versions.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")  # or OpenSSL would not even ask for the old ones
    context.set_min_proto_version(_VERSIONS[version])
    context.set_max_proto_version(_VERSIONS[version])
    connection = SSL.Connection(context, None)
    if not is_ip_address(server.host):
        connection.set_tlsext_host_name(server.host.encode())
    connection.set_connect_state()
    found = tls_ready_socket(server, interrupt, limit_s)
    if found is None:
        return None
    with found:
        found.settimeout(limit_s)
        while True:
            try:
                connection.do_handshake()
                return tuple(connection.get_peer_cert_chain(as_cryptography=True) or ())
            except SSL.WantReadError:
                with contextlib.suppress(SSL.WantReadError, OSError):
                    found.sendall(connection.bio_read(65_536))
            except SSL.Error:
                return None
            try:
                received = found.recv(65_536)
            except TimeoutError as cause:
                raise MailDeferred(f"{server} broke off while its TLS was looked at; try again later.") from cause
            except OSError:
                return None
            if not received:
                return None
            connection.bio_write(received)


def in_words(found: Survey, now: dt.datetime) -> list[str]:
    """Line by line, for a person."""
    lines = [f"Server          {found.server}, {_START[found.server.security]}"]
    if found.server.security is not Security.NONE:
        old = {"TLS 1.0", "TLS 1.1"}.intersection(found.versions)
        broken = "; 1.0 and 1.1 are broken and should be switched off there" if old else ""
        lines.append(f"TLS             {', '.join(found.versions) or 'none'}{broken}")
    for place, certificate in enumerate(found.chain, 1):
        lines += _certificate(place, certificate, now)
    offer, limit = found.offer, found.offer.size_limit_bytes
    return [
        *lines,
        f"Sign-in         {_listed(offer.sign_ins) or 'none offered: it takes mail without, or not from here'}",
        f"Size            {f'at most {megabytes(limit)} a message, as sent' if limit else 'no limit named'}",
        f"International   addresses outside ASCII: {'yes (SMTPUTF8)' if 'smtputf8' in offer.extensions else 'no'}",
        f"Extensions      {one_line(' '.join(sorted(offer.extensions)).upper()) or 'none'}",
        *(["Sign-in tried   user name and password are accepted"] if found.signed_in else []),
        f"Verdict         {found.objection or 'mail can be sent here.'}",
    ]


def _listed(words: tuple[str, ...]) -> str:
    return one_line(", ".join(words).upper())


def _certificate(place: int, certificate: x509.Certificate, now: dt.datetime) -> list[str]:
    until = certificate.not_valid_after_utc
    days = (until - now).days
    when = f"valid until {until:%Y-%m-%d}"
    if until <= now:
        when = f"EXPIRED on {until:%Y-%m-%d}"
    elif certificate.not_valid_before_utc > now:
        when = f"NOT VALID before {certificate.not_valid_before_utc:%Y-%m-%d}"
    elif days < _SOON_DAYS:
        when += f", in {days} days: renew it soon"
    issuer = "itself" if certificate.issuer == certificate.subject else _name(certificate.issuer)
    lines = [f"Certificate {place}   {_name(certificate.subject)}, {when}, issued by {issuer}"]
    if place == 1:
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        lines += [f"  for           {_names(certificate)}", f"  fingerprint   {fingerprint}"]
    return lines


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return one_line(str(common[0].value)) if common else one_line(name.rfc4514_string()) or "(no name)"


def _names(certificate: x509.Certificate) -> str:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "no host name at all"
    return one_line(", ".join(str(name.value) for name in alternative)) or "no host name at all"

"""Owns what a mail server offers, found out without sending anything: TLS, certificates, ways to sign in, limits."""

from __future__ import annotations

import contextlib
import datetime as dt
import select
import time
from collections.abc import Callable

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from lanline.errors import MailDeferred, MailRefused, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Security, Server, is_ip_address
from lanline.proto.smtp.events import Offer, megabytes
from lanline.transport.smtp.connecting import Interrupt
from lanline.transport.smtp.session import MailSession, Passage
from lanline.transport.smtp.tls import ANY_FINGERPRINT

_NUMBERS = (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION, SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
_VERSIONS = {f"TLS 1.{minor}": number for minor, number in enumerate(_NUMBERS)}
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


def survey(passage: Passage, sink: Callable[[str], None], interrupt: Interrupt) -> Survey:
    """Raises MailDeferred where nobody answers, and MailRefused where it is no mail server, or not started this way."""
    objection, signed_in, server = "", False, passage.server
    try:
        session = MailSession(passage, interrupt, sink)
    except ServerUntrusted as refusal:
        objection, anyone = str(refusal), msgspec.structs.replace(server, ca_file=None, fingerprint=ANY_FINGERPRINT)
        session = MailSession(msgspec.structs.replace(passage, server=anyone), interrupt, sink)
    try:
        if passage.credentials is not None and not objection:
            session.sign_in()
            signed_in = True
    except MailRefused as refusal:
        objection = str(refusal)
    finally:
        session.close()
    versions = () if server.security is Security.NONE else _VERSIONS
    chains = {name: chain for name in versions if (chain := shown_chain(passage, interrupt, name)) is not None}
    newest = next(reversed(chains.values()), ())
    return Survey(server, objection, session.offer, tuple(chains), newest, signed_in)


def shown_chain(passage: Passage, interrupt: Interrupt, version: str) -> tuple[x509.Certificate, ...] | None:
    """The certificates that are shown with this version of TLS; None when the server does not want it."""
    try:
        glance = _Glance(passage, interrupt, version)
    except MailRefused:
        return None
    glance.abort()
    return glance.chain


class _Glance(MailSession):
    """Goes as far as the TLS handshake, and no further.

    By OpenSSL itself, because `ssl` neither shows the chain of an untrusted server nor speaks old versions.
    """

    def __init__(self, passage: Passage, interrupt: Interrupt, version: str) -> None:
        self._version = _VERSIONS[version]
        self.chain: tuple[x509.Certificate, ...] | None = None
        super().__init__(passage, interrupt)

    def _open(self) -> None:
        if self._server.security is Security.STARTTLS:
            self._machine.open(self._own_name(), time.monotonic())
            self._first_event()
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")  # or OpenSSL would not even ask for the old ones
        context.set_min_proto_version(self._version)
        context.set_max_proto_version(self._version)
        if (own := self._server.client_cert) is not None:
            context.use_certificate_chain_file(own)
            context.use_privatekey_file(self._server.client_key or own)
        connection = SSL.Connection(context, self._socket)
        if not is_ip_address(self._server.host):
            connection.set_tlsext_host_name(self._server.host.encode())
        connection.set_connect_state()
        with contextlib.suppress(SSL.Error):
            self._shake_hands(connection)
            self.chain = tuple(connection.get_peer_cert_chain(as_cryptography=True) or ())

    def _shake_hands(self, connection: SSL.Connection) -> None:
        while True:
            try:
                return connection.do_handshake()
            except SSL.WantReadError:
                if not self._interrupt.wait_or_stop({self._socket: select.POLLIN}, self._limit_s):
                    text = f"{self._server} broke off while its TLS was looked at; try again later."
                    raise MailDeferred(text) from None


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
    sign_ins = one_line(", ".join(offer.sign_ins).upper())
    return [
        *lines,
        f"Sign-in         {sign_ins or 'none offered: it takes mail without, or not from here'}",
        f"Size            {f'at most {megabytes(limit)} a message, as sent' if limit else 'no limit named'}",
        f"International   addresses outside ASCII: {'yes (SMTPUTF8)' if 'smtputf8' in offer.extensions else 'no'}",
        f"Extensions      {one_line(' '.join(sorted(offer.extensions)).upper()) or 'none'}",
        *(["Sign-in tried   user name and password are accepted"] if found.signed_in else []),
        f"Verdict         {found.objection or 'mail can be sent here.'}",
    ]


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
        lines += [f"  for           {_host_names(certificate)}", f"  fingerprint   {fingerprint}"]
    return lines


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return one_line(str(common[0].value) if common else name.rfc4514_string()) or "(no name)"


def _host_names(certificate: x509.Certificate) -> str:
    names = ""
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = one_line(", ".join(str(name.value) for name in alternative))
    return names or "no host name at all"

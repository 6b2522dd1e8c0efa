"""What a mail server offers, found out without sending anything: TLS, certificates, ways to sign in, limits."""

from __future__ import annotations

import datetime as dt
import ssl

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from lanline.client.smtp.courier import Passage
from lanline.errors import MailRefused, ServerUntrusted
from lanline.model.mail.refusal import one_line
from lanline.model.mail.server import Security, Server
from lanline.transport.smtp.delivery import megabytes
from lanline.transport.smtp.handshake import VERSIONS, shake_hands
from lanline.transport.smtp.session import Offer, Session
from lanline.transport.smtp.transcript import Transcript
from lanline.transport.smtp.trust import verifying_context

_OLD = frozenset(("TLS 1.0", "TLS 1.1"))
_SOON_DAYS = 21


class Survey(msgspec.Struct, frozen=True):
    """`objection` is why mail would not be sent there; empty when it would."""

    server: Server
    objection: str
    offer: Offer
    versions: tuple[str, ...]
    chain: tuple[x509.Certificate, ...]
    signed_in: bool


async def survey(passage: Passage, transcript: Transcript) -> Survey:
    """Raises MailDeferred where nobody answers, and MailRefused where it is no mail server, or not started this way."""
    objection, signed_in = "", False
    try:
        session = await Session.open(
            passage.server, verifying_context(passage.server.ca_file), passage.patience, transcript
        )
    except ServerUntrusted as refusal:
        objection = str(refusal)
        session = await Session.open(passage.server, _unverifying_context(), passage.patience, transcript)
    try:
        if passage.credentials is not None and not objection:
            await session.sign_in(passage.credentials, passage.auth)
            signed_in = True
    except MailRefused as refusal:
        objection = str(refusal)
    finally:
        await session.close()
    versions, chain = await _tls(passage)
    return Survey(passage.server, objection, session.offer, versions, chain, signed_in)


def _unverifying_context() -> ssl.SSLContext:
    """To read what a server offers, and nothing else: no password goes over such a connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _tls(passage: Passage) -> tuple[tuple[str, ...], tuple[x509.Certificate, ...]]:
    server, timeout_s = passage.server, passage.patience.reply_s
    if server.security is Security.NONE:
        return (), ()
    versions: list[str] = []
    chain: tuple[x509.Certificate, ...] = ()
    for name, number in VERSIONS.items():
        handshake = await shake_hands(server, timeout_s, number)
        if handshake is not None:
            versions.append(name)
            chain = handshake.chain
    return tuple(versions), chain


def in_words(found: Survey, now: dt.datetime) -> list[str]:
    """Line by line, for a person."""
    lines = [f"Server          {found.server}, {_START[found.server.security]}"]
    if found.server.security is not Security.NONE:
        lines.append(f"TLS             {_versions_in_words(found.versions)}")
    lines += [
        line for place, certificate in enumerate(found.chain, 1) for line in _certificate(place, certificate, now)
    ]
    lines += _offer_in_words(found.offer)
    if found.signed_in:
        lines.append("Sign-in tried   user name and password are accepted")
    lines.append(f"Verdict         {found.objection or 'mail can be sent here.'}")
    return lines


_START = {
    Security.STARTTLS: "STARTTLS: in clear at first, then TLS",
    Security.SMTPS: "SMTPS: TLS from the first byte",
    Security.NONE: "without TLS: everybody on the way can read and change the mail",
}


def _versions_in_words(versions: tuple[str, ...]) -> str:
    if not versions:
        return "none"
    old = _OLD.intersection(versions)
    return ", ".join(versions) + ("; 1.0 and 1.1 are broken and should be switched off there" if old else "")


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
        lines.append(f"  for           {_names(certificate)}")
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


def _offer_in_words(offer: Offer) -> list[str]:
    limit = offer.size_limit_bytes
    international = "yes (SMTPUTF8)" if "smtputf8" in offer.extensions else "no"
    sign_ins = one_line(", ".join(offer.sign_ins).upper())
    return [
        f"Sign-in         {sign_ins or 'none offered: it takes mail without, or not from here'}",
        f"Size            {f'at most {megabytes(limit)} a message, as sent' if limit else 'no limit named'}",
        f"International   addresses outside ASCII: {international}",
        f"Extensions      {one_line(' '.join(sorted(offer.extensions)).upper()) or 'none'}",
    ]

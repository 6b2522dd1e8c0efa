"""Where mail is handed over: host, port, and how the way there is protected."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from enum import Enum

import idna
import msgspec

from lanline.errors import InvalidInput
from lanline.model.mail.text import checked_unicode, shown

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


class Security(Enum):
    STARTTLS = "starttls"
    """Plain at first, then TLS by request (RFC 3207). Required: without it nothing is sent."""
    SMTPS = "smtps"
    """TLS from the first byte (RFC 8314)."""
    NONE = "none"


DEFAULT_PORTS = {Security.STARTTLS: 587, Security.SMTPS: 465, Security.NONE: 25}


class Server(msgspec.Struct, frozen=True):
    host: str
    port: int
    security: Security
    ca_file: str | None = None
    fingerprint: str | None = None
    """SHA-256 of its certificate, in hex: where it is given, it alone decides."""
    client_cert: str | None = None
    client_key: str | None = None
    ehlo_name: str | None = None
    source_address: str | None = None
    proxy: tuple[str, int] | None = None
    """A SOCKS5 server, which also looks the host up."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SignIn(Enum):
    """How the password is shown to the server (RFC 4954)."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    SCRAM_SHA_256 = "scram-sha-256"
    EXTERNAL = "external"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


class Credentials(msgspec.Struct, frozen=True):
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


def checked_credentials(username: str, password: str) -> Credentials:
    """RFC 4616 separates the parts by NUL, and a line break would end the command."""
    for text, what in ((username, "The user name"), (password, "The password")):
        if not text:
            raise InvalidInput(f"{what} is empty.")
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise InvalidInput(f"{what} has a line break or another control character in it.")
        checked_unicode(text, what)
    return Credentials(username, password)


def checked_host(text: str) -> str:
    """A name or an address, in ASCII; other letters by IDNA 2008, as in addresses of people."""
    host = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    if not host:
        raise InvalidInput("The host is empty; give a name or an address such as smtp.example.org.")
    if is_ip_address(host):
        return host
    if "://" in host or host.count(":") == 1:
        raise InvalidInput(f"{shown(text)} is more than a host; give the name alone, and the port with --smtp-port.")
    with contextlib.suppress(UnicodeError):
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode()
        ascii_host = ascii_host.removesuffix(".")  # certificates do not have it
        if len(ascii_host) <= 253 and all(_LABEL.fullmatch(label) for label in ascii_host.split(".")):
            return ascii_host
    raise InvalidInput(f"{shown(text)} is not a host name.")


def checked_port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise InvalidInput(f"{port} is not a port; ports go from 1 to 65535.")
    return port


def checked_fingerprint(text: str) -> str:
    """As OpenSSL, msmtp and browsers print it: with or without colons, in either case."""
    plain = text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not re.fullmatch("[0-9a-f]{64}", plain):
        raise InvalidInput(f"{shown(text)} is no SHA-256 fingerprint: 64 hexadecimal digits, colons or not.")
    return plain


def checked_proxy(text: str) -> tuple[str, int]:
    host, _, port = text.removeprefix("socks5h://").removeprefix("socks5://").rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or "@" in host or "/" in host:
        raise InvalidInput(f"{shown(text)} is no SOCKS5 proxy; give it as socks5://HOST:PORT.")
    return checked_host(host), checked_port(int(port))


def checked_address(text: str) -> str:
    if not is_ip_address(text):
        raise InvalidInput(f"{shown(text)} is not an address of this machine; --source-address takes an IP address.")
    return text


def is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Where mail is handed over: host, port, and how the way there is protected."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum

from lanline.errors import InvalidInput
from lanline.model.mail.text import shown

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


class Security(Enum):
    STARTTLS = "starttls"
    """Plain at first, then TLS by request (RFC 3207). Required: without it nothing is sent."""
    SMTPS = "smtps"
    """TLS from the first byte (RFC 8314)."""
    NONE = "none"


DEFAULT_PORTS = {Security.STARTTLS: 587, Security.SMTPS: 465, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    security: Security
    ca_file: str | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SignIn(Enum):
    """How the password is shown to the server (RFC 4954)."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


def checked_credentials(username: str, password: str) -> Credentials:
    """RFC 4616 separates the parts by NUL, and a line break would end the command."""
    for text, what in ((username, "user name"), (password, "password")):
        if not text:
            raise InvalidInput(f"The {what} is empty.")
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise InvalidInput(f"The {what} has a line break or another control character in it.")
        try:
            text.encode()
        except UnicodeEncodeError as cause:
            raise InvalidInput(f"The {what} is not valid UTF-8 text.") from cause
    return Credentials(username, password)


def checked_host(text: str) -> str:
    """A name or an address, in ASCII."""
    host = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    if not host:
        raise InvalidInput("The SMTP host is empty; give --smtp-host a name or an address such as smtp.example.org.")
    if is_ip_address(host):
        return host
    if "://" in host or host.count(":") == 1:
        raise InvalidInput(f"{shown(text)} is more than a host; give the name alone, and the port with --smtp-port.")
    try:
        ascii_host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError as cause:
        raise InvalidInput(f"{shown(text)} is not a host name.") from cause
    ascii_host = ascii_host.removesuffix(".")  # certificates do not have it
    labels = ascii_host.split(".")
    if len(ascii_host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(f"{shown(text)} is not a host name.")
    return ascii_host


def checked_port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise InvalidInput(f"{port} is not a port; ports go from 1 to 65535.")
    return port


def is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Invites: the right to make an account, and the link that carries it together with the server's fingerprint.

    lanline://HOST:PORT/#FINGERPRINT.TOKEN

Both are in base32, small letters, unpadded, though base64url would be a fifth shorter. A link is read aloud, typed from
a wall and pasted through other chats: base32 does not mind capitals, has no 0/O and 1/l to mistake, is one word to a
double click, and has no '-' or '_' at its end for a program to leave behind or take for formatting.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re

import msgspec

from lanline.errors import InvalidInput
from lanline.model.accounts import FINGERPRINT_BYTES, AccountId, DeviceId

DEFAULT_PORT = 5265
TOKEN_BYTES = 16
"""Of the server's machine: the right to arrive, and to ask to be let in."""
MEMBERS_TOKEN_BYTES = 32
"""Of a member: docs/protocol/sealing.md, 6. The server never sees it."""
DEVICE_TOKEN_BYTES = 20
"""Of another device of the same account: docs/protocol/sealing.md, 6. The server never sees it."""
SCHEME = "lanline://"

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?", re.IGNORECASE | re.ASCII)
_MAX_HOST_LENGTH = 253
_BASE32 = re.compile(r"[a-z2-7]*", re.IGNORECASE | re.ASCII)


_SHOWN_DIGITS = 8


def shown_id(token_hash: bytes) -> str:
    """By which an admin names an invite."""
    return token_hash.hex()[:_SHOWN_DIGITS]


class Invite(msgspec.Struct, frozen=True):
    """As the server keeps it: who reads the server's disk can invite nobody."""

    token_hash: bytes
    uses_left: int
    expires_ms: int | None
    grants_admin: bool
    creator: AccountId | None
    """None: made by the server itself, at its first start."""
    created_ms: int
    invite_id: bytes | None = None
    """In the chain of the group; None: it lets in to ask only."""
    made_from: DeviceId | None = None
    """The device of its creator."""

    def is_usable(self, now_ms: int) -> bool:
        return self.uses_left > 0 and not self.is_expired(now_ms)

    def is_expired(self, now_ms: int) -> bool:
        return self.expires_ms is not None and now_ms >= self.expires_ms


class InviteLink(msgspec.Struct, frozen=True):
    host: str
    port: int
    fingerprint: bytes
    token: bytes

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}/#{base32_text(self.fingerprint)}.{base32_text(self.token)}"

    def reached_at(self, place: str) -> InviteLink:
        """The same invite, for people who reach the server under another HOST or HOST:PORT. Raises InvalidInput."""
        host, port = _parse_place(place, self.port)
        return InviteLink(host, port, self.fingerprint, self.token)

    @classmethod
    def parse(cls, text: str) -> InviteLink:
        """Raises InvalidInput. The text of the error never holds the token: it may be logged."""
        text = text.strip()
        if not text.lower().startswith(SCHEME):
            raise InvalidInput(f"An invite begins with {SCHEME}.")
        place, found, secrets = text[len(SCHEME) :].partition("#")
        fingerprint, dot, token = secrets.partition(".")
        if not found or not dot:
            raise InvalidInput("The invite is cut off: after its '#' stand a fingerprint, a '.' and a token.")
        host, port = _parse_place(place.removesuffix("/"))
        return cls(
            host,
            port,
            _parse_base32(fingerprint, FINGERPRINT_BYTES, "fingerprint"),
            _parse_token(token),
        )


def invite_token_hash(token: bytes) -> bytes:
    """Tokens are random, so that one plain hash is enough."""
    return hashlib.sha256(b"lanline invite\0" + token).digest()


def _parse_place(place: str, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    if place.startswith("["):
        host, closed, rest = place[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise InvalidInput("The invite's IPv6 address stands in brackets, with the port behind them: [::1]:5265.")
        return _checked_ipv6(host), _parse_port(rest[1:]) if rest else default_port
    if place.count(":") > 1:
        raise InvalidInput("An IPv6 address in an invite stands in brackets: [::1]:5265.")
    host, colon, port = place.partition(":")
    if not _HOST_NAME.fullmatch(host) or len(host) > _MAX_HOST_LENGTH:
        raise InvalidInput("The invite names no server: after lanline:// stands a host name or an address.")
    return host.lower(), _parse_port(port) if colon else default_port


def _checked_ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as cause:
        raise InvalidInput("What stands in the invite's brackets is not an IPv6 address.") from cause
    if address.scope_id is not None:
        raise InvalidInput("The invite's address holds the name of a network card, which only its own host knows.")
    return address.compressed


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise InvalidInput("The port in the invite is not a number from 1 to 65535.")
    return int(text)


def base32_text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _parse_token(text: str) -> bytes:
    sizes = (MEMBERS_TOKEN_BYTES, DEVICE_TOKEN_BYTES, TOKEN_BYTES)
    size_bytes = next((each for each in sizes if len(text) >= _length_of(each) - 2), TOKEN_BYTES)  # some may be missing
    return _parse_base32(text, size_bytes, "token")


def _length_of(size_bytes: int) -> int:
    return -(-size_bytes * 8 // 5)


def _parse_base32(text: str, size_bytes: int, what: str) -> bytes:
    length = _length_of(size_bytes)
    if len(text) != length or not _BASE32.fullmatch(text):
        raise InvalidInput(
            f"The {what} in the invite is {length} letters and digits (a-z, 2-7); this one is cut off or mistyped."
        )
    data = base64.b32decode(text.upper() + "=" * (-length % 8))
    if base32_text(data) != text.lower():
        # The last letter has bits to spare; other spellings of the same bytes would be other links to the same invite.
        raise InvalidInput(f"The {what} in the invite is mistyped at its end.")
    return data

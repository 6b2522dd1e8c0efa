"""Watch links: where a broadcast is, and the fingerprint of who sends it.

    lanline-video://HOST:PORT/#FINGERPRINT

The fingerprint is written as in an invite, in base32, small letters, unpadded; there is no secret in it.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

from lanline.errors import InvalidInput
from lanline.model.accounts import FINGERPRINT_BYTES

SCHEME = "lanline-video://"
DEFAULT_PORT = 6000

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?", re.IGNORECASE | re.ASCII)
_FINGERPRINT = re.compile(r"[a-z2-7]{52}", re.IGNORECASE | re.ASCII)


class WatchLink(msgspec.Struct, frozen=True):
    host: str
    port: int
    fingerprint: bytes

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}/#{_base32(self.fingerprint)}"

    @classmethod
    def parse(cls, text: str) -> WatchLink:
        """Raises InvalidInput."""
        text = text.strip()
        if not text.lower().startswith(SCHEME):
            raise InvalidInput(f"A watch link begins with {SCHEME}.")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as cause:
            raise InvalidInput("The watch link names no host and port that there can be.") from cause
        if parts.username is not None or parts.query or parts.path not in {"", "/"} or not _is_host(host):
            raise InvalidInput(f"After {SCHEME} stands a host name or an address, and a port.")
        if port == 0:
            raise InvalidInput("The port in the watch link is not a number from 1 to 65535.")
        return cls(host, port or DEFAULT_PORT, _parse_fingerprint(parts.fragment))


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST_NAME.fullmatch(host) is not None and len(host) <= 253
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _parse_fingerprint(text: str) -> bytes:
    if _FINGERPRINT.fullmatch(text):
        data = base64.b32decode(text.upper() + "====")
        # The last letter has bits to spare; another spelling of the same bytes is a slip of the hand.
        if len(data) == FINGERPRINT_BYTES and _base32(data) == text.lower():
            return data
    raise InvalidInput(
        "The fingerprint in the watch link is 52 letters and digits (a-z, 2-7): it is cut off or mistyped."
    )

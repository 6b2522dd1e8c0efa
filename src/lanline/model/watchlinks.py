"""Watch links: where a broadcast is, the fingerprint of who sends it, and the secret that lets a viewer in.

    lanline-video://HOST:PORT/#FINGERPRINT.SECRET

Both are written as in an invite, in base32, small letters, unpadded.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

from lanline.errors import InvalidInput
from lanline.model.accounts import FINGERPRINT_BYTES
from lanline.model.invites import base32_text

SCHEME = "lanline-video://"
DEFAULT_PORT = 6000
SECRET_BYTES = 16

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?", re.IGNORECASE | re.ASCII)
_WRITTEN = re.compile(r"[a-z2-7]+", re.IGNORECASE | re.ASCII)


class WatchLink(msgspec.Struct, frozen=True):
    host: str
    port: int
    fingerprint: bytes
    secret: bytes

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}/#{base32_text(self.fingerprint)}.{base32_text(self.secret)}"

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
        fingerprint, dot, secret = parts.fragment.partition(".")
        if not dot:
            raise InvalidInput(
                "The watch link has no secret: it is cut off, or of an older version. The server shows the whole link."
            )
        return cls(
            host,
            port or DEFAULT_PORT,
            _parse("fingerprint", fingerprint, FINGERPRINT_BYTES),
            _parse("secret", secret, SECRET_BYTES),
        )


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST_NAME.fullmatch(host) is not None and len(host) <= 253
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _parse(what: str, text: str, size_bytes: int) -> bytes:
    letters = -(-size_bytes * 8 // 5)
    if len(text) == letters and _WRITTEN.fullmatch(text):
        data = base64.b32decode(text.upper() + "=" * (-letters % 8))
        # The last letter has bits to spare; another spelling of the same bytes is a slip of the hand.
        if base32_text(data) == text.lower():
            return data
    raise InvalidInput(
        f"The {what} in the watch link is {letters} letters and digits (a-z, 2-7): it is cut off or mistyped."
    )

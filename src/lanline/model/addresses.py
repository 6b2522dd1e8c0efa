"""Where somebody is, as people read it: `192.0.2.1:5265`, `[2001:db8::1]:5265`."""

from __future__ import annotations

MAPPED_PREFIX = "::ffff:"
"""RFC 4291, 2.5.5.2: how a socket of both families sees IPv4."""


def address_text(address: tuple[str, int]) -> str:
    host = address[0].removeprefix(MAPPED_PREFIX)
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"

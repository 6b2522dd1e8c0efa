"""Where somebody is, as people read it (`192.0.2.1:5265`, `[2001:db8::1]:5265`) and as limits count it."""

from __future__ import annotations

import ipaddress

MAPPED_PREFIX = "::ffff:"
"""RFC 4291, 2.5.5.2: how a socket of both families sees IPv4."""
_LINE_BITS = 64


def address_text(address: tuple[str, int]) -> str:
    host = address[0].removeprefix(MAPPED_PREFIX)
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def network_of(host: str) -> str:
    """Who counts as one asker: an IPv6 line has at least 2**64 addresses to itself (RFC 6177, 2), an IPv4 line one."""
    host = host.removeprefix(MAPPED_PREFIX).partition("%")[0]
    if ":" not in host:
        return host
    return str(ipaddress.IPv6Network((host, _LINE_BITS), strict=False))


def is_this_machine(host: str) -> bool:
    """Everybody behind a tunnel or a relay on this machine calls from such an address."""
    host = host.removeprefix(MAPPED_PREFIX)
    return host == "::1" or host.startswith("127.")

"""Where somebody is, as people read it (`192.0.2.1:5265`, `[2001:db8::1]:5265`) and as limits count it."""

from __future__ import annotations

import ipaddress
from enum import Enum
from functools import lru_cache

MAPPED_PREFIX = "::ffff:"
"""RFC 4291, 2.5.5.2: how a socket of both families sees IPv4."""
_LINE_BITS = 64
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    )
)
"""RFC 1918, 3927, 4193, 4291."""


class Reach(Enum):
    """From where an address can be called."""

    THIS_MACHINE = "this machine"
    """Also everybody who comes through a tunnel or a relay on it."""
    PRIVATE = "private"
    PUBLIC = "public"


def address_text(address: tuple[str, int]) -> str:
    host = address[0].removeprefix(MAPPED_PREFIX)
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def network_of(host: str) -> str:
    """Who counts as one asker: an IPv6 line has at least 2**64 addresses to itself (RFC 6177, 2), an IPv4 line one."""
    host = host.removeprefix(MAPPED_PREFIX).partition("%")[0]
    if ":" not in host:
        return host
    return str(ipaddress.IPv6Network((host, _LINE_BITS), strict=False))


@lru_cache(maxsize=4096)
def reach_of(host: str) -> Reach:
    """Whatever is no private address counts as public."""
    try:
        address = ipaddress.ip_address(host.removeprefix(MAPPED_PREFIX).partition("%")[0])
    except ValueError:
        return Reach.PUBLIC
    if address.is_loopback:
        return Reach.THIS_MACHINE
    return Reach.PRIVATE if any(address in network for network in _PRIVATE) else Reach.PUBLIC


def host_of(text: str) -> str:
    """Of what `address_text` made."""
    return text.rpartition(":")[0].strip("[]")


def is_this_machine(host: str) -> bool:
    """Everybody behind a tunnel or a relay on this machine calls from such an address."""
    return reach_of(host) is Reach.THIS_MACHINE

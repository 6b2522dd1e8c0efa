"""Who watches in the plain format: who said hello from where, and for how long that holds. No socket, no clock.

A hello is five bytes that anybody can send in anybody's name, and what it asks for is megabits. So it counts only from
loopback, private and link-local addresses, unless the person who serves has said otherwise. It holds for ten seconds,
and has to be repeated. How many may watch is bounded, and how many of them on one host.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from lanline.model.addresses import network_of

Address = tuple[str, int]

LEASE_S = 10.0
MOST_VIEWERS = 500
MOST_PER_HOST = 32
_NEAR = [
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
]


class Answer(Enum):
    WELCOME = "is new"
    KNOWN = "watches already"
    FULL = "there is no room for more"
    HOST_FULL = "there are enough on that host"
    NOT_NEAR = "its address is on no private network"


@dataclass(slots=True)
class _Viewer:
    last_hello: float
    unreachable_since: float = 0.0
    last_unreachable: float = float("-inf")

    def is_overdue(self, now: float) -> bool:
        return now - self.last_hello > LEASE_S


class PlainViewers:
    def __init__(
        self, most: int = MOST_VIEWERS, most_per_host: int = MOST_PER_HOST, *, is_public: bool = False
    ) -> None:
        """`is_public`: hellos from any address count."""
        self._is_public = is_public
        self._most = most
        self._most_per_host = most_per_host
        self._viewers: dict[Address, _Viewer] = {}
        self._on_host: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def addresses(self) -> list[Address]:
        return list(self._viewers)

    def hello(self, address: Address, now: float) -> Answer:
        viewer = self._viewers.get(address)
        if viewer is not None:
            viewer.last_hello = now
            return Answer.KNOWN
        if not self._is_public and not is_near(address[0]):
            return Answer.NOT_NEAR
        if len(self._viewers) >= self._most:
            return Answer.FULL
        host = _asker(address[0])
        if self._on_host.get(host, 0) >= self._most_per_host:
            return Answer.HOST_FULL
        self._viewers[address] = _Viewer(now)
        self._on_host[host] = self._on_host.get(host, 0) + 1
        return Answer.WELCOME

    def refused(self, address: Address, now: float, *, is_certain: bool) -> bool:
        """Nothing listens there, or there is no way to it; True when it is forgotten for that. A way may be gone for a
        moment: it has to stay so for as long as a hello holds.
        """
        viewer = self._viewers.get(address)
        if viewer is None:
            return False
        if now - viewer.last_unreachable > LEASE_S / 2:
            viewer.unreachable_since = now
        viewer.last_unreachable = now
        if not is_certain and now - viewer.unreachable_since < LEASE_S:
            return False
        self._forget(address)
        return True

    def expire(self, now: float) -> list[Address]:
        """Forget whose time is over."""
        over = [address for address, viewer in self._viewers.items() if viewer.is_overdue(now)]
        for address in over:
            self._forget(address)
        return over

    def _forget(self, address: Address) -> None:
        del self._viewers[address]
        host = _asker(address[0])
        self._on_host[host] -= 1
        if not self._on_host[host]:
            del self._on_host[host]


def _asker(host: str) -> str:
    """Near by, each address is a machine; from afar, an IPv6 line has as many as it likes."""
    return host if is_near(host) else network_of(host)


@lru_cache(maxsize=4096)
def is_near(host: str) -> bool:
    """Kept, for whoever floods is looked at with each hello."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _NEAR)

"""Owns how many links there may be on which nobody has signed in yet: in all, and from one place.

Anybody who reaches the port can open them. A client that is refused one calls again by itself, later each time.
"""

from __future__ import annotations

from collections import Counter

from lanline.gateways.lanline.session import Session
from lanline.model.addresses import MAPPED_PREFIX, network_of
from lanline.model.settings import ServerSettings


class Admission:
    def __init__(self, settings: ServerSettings) -> None:
        self._most = settings.most_strangers
        self._most_of_network = settings.most_strangers_of_network
        self._networks: dict[Session, str] = {}
        self._links_of: Counter[str] = Counter()

    def has_room(self, host: str) -> bool:
        if len(self._networks) >= self._most:
            return False
        # Everybody behind a tunnel or a relay on this machine calls from its own address.
        return _is_this_machine(host) or self._links_of[network_of(host)] < self._most_of_network

    def add(self, session: Session) -> None:
        """Counted where it called from, wherever it moves."""
        network = self._networks[session] = network_of(session.address[0])
        self._links_of[network] += 1

    def drop(self, session: Session) -> None:
        """It has signed in, or is gone."""
        network = self._networks.pop(session, None)
        if network is None:
            return
        self._links_of[network] -= 1
        if not self._links_of[network]:
            del self._links_of[network]


def _is_this_machine(host: str) -> bool:
    host = host.removeprefix(MAPPED_PREFIX)
    return host == "::1" or host.startswith("127.")

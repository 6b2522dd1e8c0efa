"""Owns who may hold a connection before it is a link, who yields when there are too many, and whose handshake begins
next. Not the connections.

TCP has shown where a caller is, and nothing else is known of it. So a network gets a share of the places and of the
handshakes, and in each of them the newest comes in: whoever fills the places pushes out their own callers first, and a
member behind another address, who needs a place for a few round trips only, finishes in peace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from lanline.model.addresses import is_this_machine, network_of
from lanline.model.networks import NetworkShares

MAX_CALLERS = 512
MAX_CALLERS_OF_NETWORK = 256
"""Of all who call from an address of this machine, as through a tunnel, only the sum is bounded."""
HANDSHAKES_PER_S = 100
HANDSHAKES_AT_ONCE = 250
"""Of strangers: a fifth of a core, when all are finished. When a server comes back, its members call in one crowd."""

_HANDSHAKE_S = 1 / HANDSHAKES_PER_S
_AHEAD_S = (HANDSHAKES_AT_ONCE - 0.5) * _HANDSHAKE_S
"""Half a handshake less than they take together, so that rounding never decides."""

K = TypeVar("K", bound=Hashable)


class Callers(Generic[K]):
    def __init__(self) -> None:
        self._held: NetworkShares[K] = NetworkShares()
        self._waiting: dict[str, deque[K]] = {}
        """Who has sent something, by network; the network whose turn it is comes first. Some may be gone."""
        self._full_at = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def admit(self, caller: K, host: str) -> K | None:
        """Returns the one that has to yield, if one has to."""
        yields: K | None = None
        if not is_this_machine(host) and self._held.held_near(host) >= MAX_CALLERS_OF_NETWORK:
            yields = self._held.oldest_near(host)
        elif len(self._held) >= MAX_CALLERS:
            yields = self._held.oldest_of_fullest()
        if yields is not None:
            self._held.drop(yields)
        self._held.add(caller, host)
        return yields

    def yield_one(self) -> K | None:
        """Where something else has run out than the places."""
        if not self._held:
            return None
        oldest = self._held.oldest_of_fullest()
        self._held.drop(oldest)
        return oldest

    def drop(self, caller: K) -> None:
        """It has become a link, or is gone."""
        self._held.drop(caller)

    def give_back(self) -> None:
        """A handshake that led to somebody who is known: it does not count."""
        self._full_at -= _HANDSHAKE_S

    def all(self) -> list[K]:
        """The oldest first."""
        return list(self._held)

    # Handshakes.

    def want_handshake(self, caller: K, host: str) -> None:
        self._waiting.setdefault(network_of(host), deque()).append(caller)

    def next_handshake(self, now: float) -> K | None:
        """Whose handshake begins now. None: nobody waits, or there have been enough; then ask again later."""
        while self._waiting and self._full_at - now < _AHEAD_S:
            network = next(iter(self._waiting))
            queue = self._waiting.pop(network)
            caller = queue.popleft()
            if queue:
                self._waiting[network] = queue
            if caller in self._held:
                self._full_at = max(self._full_at, now) + _HANDSHAKE_S
                return caller
        return None

    @property
    def want_handshakes(self) -> bool:
        return bool(self._waiting)

"""Owns how many things each network holds, and which network holds the most. Not what they are, nor how many it may."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from lanline.model.addresses import network_of

K = TypeVar("K", bound=Hashable)


class NetworkShares(Generic[K]):
    """Whatever is asked, the answer costs the same with one network and with a thousand: floods ask often."""

    def __init__(self) -> None:
        self._network_of: dict[K, str] = {}
        self._held_by: dict[str, dict[K, None]] = {}
        self._networks_with: list[dict[str, None]] = [{}]
        """At n: the networks that hold n. The last is not empty, unless it is the first."""

    def __len__(self) -> int:
        return len(self._network_of)

    def __contains__(self, key: K) -> bool:
        return key in self._network_of

    def __iter__(self) -> Iterator[K]:
        """The oldest first."""
        return iter(self._network_of)

    def add(self, key: K, host: str) -> None:
        """Counted where it came from, wherever it moves."""
        network = self._network_of[key] = network_of(host)
        held = self._held_by.setdefault(network, {})
        self._move(network, len(held), len(held) + 1)
        held[key] = None

    def drop(self, key: K) -> None:
        network = self._network_of.pop(key, None)
        if network is None:
            return
        held = self._held_by[network]
        self._move(network, len(held), len(held) - 1)
        del held[key]
        if not held:
            del self._held_by[network]

    def _move(self, network: str, before: int, after: int) -> None:
        networks_with = self._networks_with
        networks_with[before].pop(network, None)
        if after == len(networks_with):
            networks_with.append({})
        if after:
            networks_with[after][network] = None
        while len(networks_with) > 1 and not networks_with[-1]:
            networks_with.pop()

    def held_near(self, host: str) -> int:
        return len(self._held_by.get(network_of(host), ()))

    @property
    def held_by_fullest(self) -> int:
        return len(self._networks_with) - 1

    def oldest_near(self, host: str) -> K:
        return next(iter(self._held_by[network_of(host)]))

    def oldest_of_fullest(self) -> K:
        return next(iter(self._held_by[next(iter(self._networks_with[-1]))]))

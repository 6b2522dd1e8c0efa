"""Owns how many handshakes may begin, and be unfinished, by where the callers are. Not the proof of their addresses.

A handshake costs a server about half a millisecond and 75 kB. Networks of people who are trusted stand outside of what
strangers can use up; each has its own limit, however many addresses it has.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from lanline.model.addresses import network_of
from lanline.proto.link.profile import LinkProfile

T = TypeVar("T", bound=Hashable)

BURST_S = 2.5
"""So much of a rate may be used at once."""
BUSY_SHARE = 0.1
"""Of its rate, what one network has left while strangers have used more than half of what all of them may."""
MAX_UNFINISHED = 384
MAX_UNFINISHED_OF_NETWORK = 64
MAX_UNFINISHED_KNOWN = 256
UNDISTURBED_S = 2.0
"""Where all places are taken, who has had one for so long goes for the next. Honest callers are done by then."""
_MAX_REMEMBERED = 4096


class Bucket:
    """Fills up with time, and pays for what is done. A new one is full."""

    __slots__ = ("_at", "_content")

    def __init__(self, burst: float) -> None:
        self._at = 0.0
        self._content = burst

    def content(self, now: float, rate: float, burst: float) -> float:
        self._content = min(burst, self._content + max(0.0, now - self._at) * rate)
        self._at = now
        return self._content

    def take(self, now: float, rate: float, burst: float) -> bool:
        if self.content(now, rate, burst) < 1:
            return False
        self._content -= 1
        return True


class HandshakeLimits(Generic[T]):
    def __init__(self, profile: LinkProfile) -> None:
        self._rate = profile.handshakes_per_s
        self._network_rate = profile.handshakes_of_network_per_s
        self._all = Bucket(BURST_S * self._rate)
        self._networks: dict[str, Bucket] = {}
        self._known: dict[str, Bucket] = {}
        self._unfinished: dict[T, float] = {}
        """Those of strangers, each with the time it began, the oldest first."""
        self._unfinished_known: dict[T, float] = {}
        self._of_network: dict[str, dict[T, float]] = {}
        self._network_of: dict[T, str] = {}

    def remember(self, host: str) -> None:
        """Somebody who is trusted is there, or was."""
        _use(self._known, network_of(host), BURST_S * self._network_rate)

    def is_known(self, host: str) -> bool:
        return network_of(host) in self._known

    def may_begin(self, host: str, now: float) -> bool:
        rate, burst = self._network_rate, BURST_S * self._network_rate
        network = network_of(host)
        known = self._known.get(network)
        if known is not None:
            return _has_place(self._unfinished_known, MAX_UNFINISHED_KNOWN, now) and known.take(now, rate, burst)
        of_network = self._of_network.get(network, {})
        if not (
            _has_place(of_network, MAX_UNFINISHED_OF_NETWORK, now) and _has_place(self._unfinished, MAX_UNFINISHED, now)
        ):
            return False
        burst_of_all = BURST_S * self._rate
        if 2 * self._all.content(now, self._rate, burst_of_all) < burst_of_all:
            rate, burst = BUSY_SHARE * rate, max(1.0, BUSY_SHARE * burst)
        bucket = _use(self._networks, network, burst)
        return bucket.take(now, rate, burst) and self._all.take(now, self._rate, burst_of_all)

    def begin(self, link: T, host: str, now: float) -> T | None:
        """One that `may_begin`; returns the one that has to go for it."""
        network = network_of(host)
        if network in self._known:
            self._unfinished_known[link] = now
            return _oldest_beyond(self._unfinished_known, MAX_UNFINISHED_KNOWN)
        self._network_of[link] = network
        of_network = self._of_network.setdefault(network, {})
        of_network[link] = self._unfinished[link] = now
        return _oldest_beyond(of_network, MAX_UNFINISHED_OF_NETWORK) or _oldest_beyond(self._unfinished, MAX_UNFINISHED)

    def end(self, link: T) -> None:
        """It is finished, or given up."""
        self._unfinished_known.pop(link, None)
        self._unfinished.pop(link, None)
        network = self._network_of.pop(link, None)
        if network is not None:
            of_network = self._of_network[network]
            del of_network[link]
            if not of_network:
                del self._of_network[network]


def _has_place(links: dict[T, float], most: int, now: float) -> bool:
    return len(links) < most or now - next(iter(links.values())) >= UNDISTURBED_S


def _oldest_beyond(links: dict[T, float], most: int) -> T | None:
    return next(iter(links)) if len(links) > most else None


def _use(buckets: dict[str, Bucket], key: str, burst: float) -> Bucket:
    """What was not used for longest is forgotten: it is as good as new."""
    bucket = buckets.pop(key, None)
    if bucket is None:
        bucket = Bucket(burst)
    buckets[key] = bucket
    if len(buckets) > _MAX_REMEMBERED:
        del buckets[next(iter(buckets))]
    return bucket

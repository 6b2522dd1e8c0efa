"""Two endpoints (or more) on a virtual clock, with real DTLS between them and a script for what the network does.

A stand-in for tests of links and endpoints: quiet and exact, where `tests/sim` is wild and seeded. Every step is one
arrival or one deadline, then a full drain, as the real driver does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from functools import cache
from heapq import heappop, heappush
from typing import TypeVar

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Address, Link, LinkState
from lanline.proto.link.profile import LinkProfile

CLIENT, SERVER, STRANGER = ("10.0.0.1", 1000), ("10.0.0.2", 2000), ("10.0.0.3", 3000)
MOVED = ("192.0.2.9", 9999)

Script = Callable[[int, bytes], Iterable[tuple[float, bytes]]]
"""What becomes of a host's datagram, given its number from 1: the copies that arrive, each with its extra delay."""

Event = TypeVar("Event", bound=LinkEvent)

_MOST_STEPS = 2_000_000
_MOST_AT_ONE_INSTANT = 10_000


@cache
def identity(name: str) -> Identity:
    """Made once for all tests: nothing depends on the key itself."""
    del name
    return Identity.generate()


@cache
def keys(name: str) -> DtlsKeys:
    return DtlsKeys(identity(name))


def drop(*numbers: int) -> Script:
    return lambda number, data: [] if number in numbers else [(0.0, data)]


def drop_all(number: int, data: bytes) -> list[tuple[float, bytes]]:
    del number, data
    return []


def pass_all(number: int, data: bytes) -> list[tuple[float, bytes]]:
    del number
    return [(0.0, data)]


def lose(rate: float, seed: int) -> Script:
    luck = random.Random(seed)
    return lambda _, data: [] if luck.random() < rate else [(0.0, data)]


class Host:
    def __init__(self, name: str, address: Address, profile: LinkProfile | None, **settings: object) -> None:
        self.name = name
        self.address = address
        self.settings = {"profile": profile, **settings}
        self.script: Script = pass_all
        self.sent: list[tuple[float, bytes]] = []
        self.received_bytes = 0
        self.happened: list[tuple[float, Link, LinkEvent]] = []
        self.releases = True
        self.endpoint: Endpoint
        self.restart(0)

    def restart(self, life: int) -> None:
        """The process is new, the identity is not: every link is forgotten."""
        self.endpoint = Endpoint(
            exchanges=keys(self.name),
            reset_key=identity(self.name).derive_key(b"reset"),
            entropy=random.Random(f"{self.name} {self.address} {life}").randbytes,
            **self.settings,  # type: ignore[arg-type]
        )

    @property
    def events(self) -> list[LinkEvent]:
        return [event for _, _, event in self.happened]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def messages(self, channel: Channel = Channel.CHAT) -> list[bytes]:
        return [event.payload for event in self.of(MessageReceived) if event.channel is channel]

    @property
    def closed(self) -> LinkClosed:
        (event,) = self.of(LinkClosed)
        return event

    def time_of(self, kind: type[LinkEvent]) -> float:
        return next(time for time, _, event in self.happened if isinstance(event, kind))

    def delivered(self, channel: Channel = Channel.CHAT) -> int:
        return max((each.through for each in self.of(MessagesDelivered) if each.channel is channel), default=0)

    @property
    def link(self) -> Link:
        (link,) = self.endpoint.links
        return link

    @property
    def sent_bytes(self) -> int:
        return sum(len(data) for _, data in self.sent)


class Pair:
    def __init__(
        self,
        profile: LinkProfile | None = None,
        *,
        server_profile: LinkProfile | None = None,
        delay_s: float = 0.010,
        **server_settings: object,
    ) -> None:
        self.now = 100.0
        self.delay_s = delay_s
        self.client = Host("client", CLIENT, profile)
        self.server = Host("server", SERVER, server_profile or profile, **server_settings)
        self.hosts = [self.client, self.server]
        self._under_way: list[tuple[float, int, bytes, Address, Address]] = []
        self._order = 0

    def add(self, name: str, address: Address, profile: LinkProfile | None = None, **settings: object) -> Host:
        host = Host(name, address, profile, **settings)
        self.hosts.append(host)
        return host

    # What tests ask for.

    def connect(self, expected_fingerprint: bytes | None = None) -> Link:
        return self.client.endpoint.connect(SERVER, self.now, expected_fingerprint)

    def establish(self) -> tuple[Link, Link]:
        """Both ends of a link, with all that follows the handshake settled."""
        link = self.connect()
        self.run_until(lambda: len(self.server.endpoint.links) == 1 and self.server.link.is_confirmed)
        self.run_for(1.0)
        assert link.state is LinkState.ESTABLISHED
        return link, self.server.link

    def move_client(self, address: Address = MOVED) -> None:
        self.client.address = address

    def inject(self, data: bytes, source: Address, host: Host) -> list[tuple[Address, bytes]]:
        """A datagram out of nowhere; what leaves the host in the same turn is returned, and sent."""
        host.received_bytes += len(data)
        host.endpoint.receive_datagram(data, source, self.now)
        return self.drain(host)

    def close(self, link: Link, code: CloseCode = CloseCode.DONE, reason: str = "bye") -> None:
        link.close(code, reason, self.now)

    # The clock.

    def run_for(self, duration_s: float) -> None:
        self.run_until(lambda: False, duration_s, must_hold=False)

    def run_until(self, condition: Callable[[], bool], limit_s: float = 60.0, *, must_hold: bool = True) -> None:
        end = self.now + limit_s
        self.drain_all()
        at_one_instant = 0
        for _ in range(_MOST_STEPS):
            if condition():
                return
            before = self.now
            if not self._step(end):
                self.now = end
                assert not must_hold, f"the condition does not hold after {limit_s} s"
                return
            at_one_instant = at_one_instant + 1 if self.now == before else 0
            assert at_one_instant < _MOST_AT_ONE_INSTANT, "time stands still"
        raise AssertionError("too many steps")

    def _step(self, end: float) -> bool:
        arrival_at = self._under_way[0][0] if self._under_way else math.inf
        deadlines = [(host.endpoint.next_deadline(), host) for host in self.hosts]
        deadline_at, next_host = min(
            ((at, host) for at, host in deadlines if at is not None), key=lambda each: each[0], default=(math.inf, None)
        )
        earliest = min(arrival_at, deadline_at)
        if earliest > end or earliest == math.inf:
            return False
        self.now = max(self.now, earliest)
        if arrival_at <= deadline_at:
            self._deliver()
        else:
            assert next_host is not None
            next_host.endpoint.handle_timer(self.now)
            self.drain(next_host)
        return True

    def _deliver(self) -> None:
        _, _, data, source, destination = heappop(self._under_way)
        for host in self.hosts:
            if host.address == destination:
                host.received_bytes += len(data)
                host.endpoint.receive_datagram(data, source, self.now)
                self.drain(host)

    def drain_all(self) -> None:
        for host in self.hosts:
            self.drain(host)

    def drain(self, host: Host) -> list[tuple[Address, bytes]]:
        everything: list[tuple[Address, bytes]] = []
        endpoint = host.endpoint
        while True:
            while (happened := endpoint.next_event()) is not None:
                link, event = happened
                host.happened.append((self.now, link, event))
                if type(event) is MessageReceived and host.releases:
                    link.release(event.channel, len(event.payload))
            bursts = endpoint.datagrams_to_send(self.now)
            if not bursts:
                return everything
            for address, datagrams in bursts:
                for data in datagrams:
                    everything.append((address, data))
                    self._send(host, data, address)

    def _send(self, host: Host, data: bytes, destination: Address) -> None:
        host.sent.append((self.now, data))
        for extra_s, copy in host.script(len(host.sent), data):
            self._order += 1
            heappush(self._under_way, (self.now + self.delay_s + extra_s, self._order, copy, host.address, destination))


TICKS_S = 0.012
"""Timers of an endpoint ring together, each a little late."""

CHAT, BULK, MEDIA, CONTROL = Channel.CHAT, Channel.BULK, Channel.MEDIA, Channel.CONTROL


def seal(link: Link, payload: bytes) -> bytes:
    """A packet as this end would send it, with whatever in it."""
    return link._outgoing._seal(payload)


def numbered(count: int, size: int = 20) -> list[bytes]:
    return [number.to_bytes(4, "big").ljust(size, b".") for number in range(count)]


def drop_next(host: Host, *ahead: int) -> None:
    host.script = drop(*(len(host.sent) + each for each in ahead))

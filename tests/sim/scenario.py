"""One seed of the link simulation: a server, a few clients, bad weather, and a checker of what was promised.

The promise: a message reported as delivered had arrived; every channel is in order and without a double; and in the end
each link has delivered everything or has said that it failed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode, LinkNotOpen, MessageTooLarge, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.handshake import KeyExchanges
from lanline.proto.link.link import Link
from lanline.proto.link.profile import LinkProfile
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address
from lanline.testing.world import SimNode, SimWorld
from sim.exchange import SeededExchanges
from sim.weather import random_conditions, random_events, schedule

SERVER: Address = ("server", 5265)
_CHANNELS = (Channel.CONTROL, Channel.CHAT, Channel.BULK)
_REAL_DTLS_EVERY = 8
_CALM_LIMIT_S = 900.0
_CALLS = 3

_dtls: list[DtlsKeys] = []


class PromiseBroken(AssertionError):
    pass


class FlatEndpoint:
    """The endpoint as the world wants it: one datagram at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.receive_datagram = endpoint.receive_datagram
        self.handle_timer = endpoint.handle_timer
        self.next_event = endpoint.next_event
        self.next_deadline = endpoint.next_deadline

    def datagrams_to_send(self, now: float) -> Iterable[tuple[bytes, Address]]:
        return [
            (datagram, address) for address, datagrams in self.endpoint.datagrams_to_send(now) for datagram in datagrams
        ]


class Conversation:
    """One direction of one link, as its checker sees it: what was sent, what came, what was reported."""

    def __init__(self) -> None:
        self.sent: dict[Channel, list[bytes]] = defaultdict(list)
        self.received: dict[Channel, list[bytes]] = defaultdict(list)
        self.delivered: dict[Channel, int] = defaultdict(int)
        self.is_closed = False

    def on_received(self, channel: Channel, payload: bytes) -> None:
        received = self.received[channel]
        received.append(payload)
        if channel is Channel.MEDIA:
            if payload not in self.sent[channel] or received.count(payload) > 1:
                raise PromiseBroken(f"a datagram came twice or from nowhere: {payload[:16]!r}")
        elif self.sent[channel][len(received) - 1 : len(received)] != [payload]:
            raise PromiseBroken(f"message {len(received)} on {channel.name} is not the one that was sent")

    def on_delivered(self, channel: Channel, through: int) -> None:
        if through > len(self.received[channel]):
            raise PromiseBroken(
                f"{through} messages on {channel.name} are reported as delivered; {len(self.received[channel])} are"
            )
        if through <= self.delivered[channel]:
            raise PromiseBroken(f"the delivered mark on {channel.name} went back")
        self.delivered[channel] = through

    @property
    def is_settled(self) -> bool:
        return self.is_closed or all(self.delivered[channel] == len(self.sent[channel]) for channel in _CHANNELS)


class Scenario:
    def __init__(self, seed: int, *, keep_records: bool = False) -> None:
        self.seed = seed
        self.rng = random.Random(f"scenario {seed}")
        rng = self.rng
        self.network = SimNetwork(seed, random_conditions(rng), keep_records=keep_records, keep_digest=True)
        self.world = SimWorld(self.network)
        self.conversations: dict[tuple[bytes, bool], Conversation] = {}
        self.links: dict[tuple[bytes, bool], Link] = {}
        self.calls: dict[Address, int] = defaultdict(int)
        self.opened = 0
        self.failed = 0
        self.profile = self._draw_profile()
        self.duration_s = rng.uniform(2, 40)
        self.server_key = rng.randbytes(32)
        self.server = self._add("server", SERVER, self.server_key)
        clients: list[Address] = [(f"client{number}", 40000 + number) for number in range(rng.randint(1, 3))]
        self.nodes = [self._add(address[0], address, rng.randbytes(32)) for address in clients]
        for node in self.nodes:
            self._call(node)
        schedule(self.world, random_events(rng, self.duration_s, [SERVER, *clients][1:]))
        self._plan_traffic()
        if rng.random() < 0.15:
            self.world.at(rng.uniform(0, self.duration_s), self._kill_server)

    def _draw_profile(self) -> LinkProfile:
        rng = self.rng
        if rng.random() < 0.05:
            return LinkProfile.stop_and_wait()
        return LinkProfile(
            dead_after_s=rng.choice([10.0, 30.0, 90.0]),
            handshake_timeout_s=rng.choice([10.0, 30.0]),
            keepalive_s=rng.choice([5.0, 15.0]),
            receive_window_bytes=rng.choice([16, 64, 1024]) * 1024,
            mtu_bytes=rng.choice([1200, 1200, 1452]),
            repeats_on_lossy_links=rng.random() < 0.8,
        )

    def _exchanges(self) -> KeyExchanges:
        if self.seed % _REAL_DTLS_EVERY:
            return SeededExchanges(self.rng)
        if len(_dtls) < 4:
            _dtls.append(DtlsKeys(Identity.generate()))
        return _dtls[len(self.world.nodes) % len(_dtls)]

    def _add(self, name: str, address: Address, reset_key: bytes) -> SimNode:
        endpoint = Endpoint(
            exchanges=self._exchanges(), reset_key=reset_key, entropy=self.rng.randbytes, profile=self.profile
        )
        node = self.world.add(name, FlatEndpoint(endpoint), address)
        node.on_event = lambda event, now: self._on_event(node, event, now)
        return node

    def _call(self, node: SimNode) -> None:
        self.calls[node.address] += 1
        endpoint = node.endpoint
        assert isinstance(endpoint, FlatEndpoint)
        endpoint.endpoint.connect(SERVER, self.world.now)

    def _kill_server(self) -> None:
        """Kill -9, and a start without a memory: only the key is the same."""
        self.world.remove(self.server)
        for key in [key for key in self.links if not key[1]]:
            self.conversations[key].is_closed = True
            del self.links[key]
        self.server = self._add("server", SERVER, self.server_key)

    # ---- traffic ----

    def _plan_traffic(self) -> None:
        rng = self.rng
        for number in range(rng.randint(20, 300)):
            self.world.at(rng.uniform(0, self.duration_s), lambda number=number: self._send(number))

    def _send(self, number: int) -> None:
        rng = self.rng
        key = rng.choice(sorted(self.links)) if self.links else None
        channel = rng.choice([*_CHANNELS, Channel.CHAT, Channel.CHAT, Channel.MEDIA])
        size = rng.choice([0, 1, 200, 200, 200, 1000, 5000, 60000 if channel is Channel.BULK else 300])
        if key is None:
            return
        payload = number.to_bytes(4, "big") + rng.randbytes(min(size, 64)) * (size // 64 + 1)
        conversation = self.conversations[key]
        try:
            self.links[key].send_message(channel, payload)
        except MessageTooLarge:
            return
        except SendBufferFull:
            return
        except LinkNotOpen:
            if not conversation.is_closed:
                raise PromiseBroken("a link refuses messages and has not said that it is closed") from None
            return
        conversation.sent[channel].append(payload)

    # ---- events ----

    def _on_event(self, node: SimNode, item: tuple[Link, LinkEvent], now: float) -> None:
        link, event = item
        key = (link.binding, link.is_client)
        match event:
            case LinkEstablished():
                self.opened += 1
                self.links[key] = link
                self.conversations[key] = Conversation()
            case MessageReceived(channel, payload):
                self.conversations[link.binding, not link.is_client].on_received(channel, payload)
                self._release_soon(node, link, channel, len(payload))
            case MessagesDelivered(channel, through):
                self.conversations[key].on_delivered(channel, through)
            case LinkClosed(code):
                self._on_closed(node, link, code)
            case _:
                pass

    def _release_soon(self, node: SimNode, link: Link, channel: Channel, size: int) -> None:
        if self.rng.random() < 0.7:
            link.release(channel, size)
        else:
            later = self.world.now + self.rng.uniform(0, 0.5)
            self.world.at(later, lambda: link.release(channel, size))

    def _on_closed(self, node: SimNode, link: Link, code: CloseCode) -> None:
        self.failed += 1
        if code is CloseCode.PROTOCOL_VIOLATION:
            raise PromiseBroken(f"{node.name} was told of a violation by an honest peer")
        key = (link.binding, link.is_client)
        if key in self.conversations:
            self.conversations[key].is_closed = True
            self.links.pop(key, None)
        elif link.is_client and self.calls[node.address] < _CALLS:
            self.world.at(self.world.now + 1, lambda: self._call(node), node)

    # ---- the run ----

    def run(self) -> Scenario:
        try:
            self.world.run_for(self.duration_s)
            self.network.heal()
            self.world.run_until(self._is_settled, _CALM_LIMIT_S)
            self._check_settled()
        except PromiseBroken as broken:
            raise PromiseBroken(f"seed {self.seed}, at {self.world.now:.3f} s: {broken}") from broken
        return self

    def _check_settled(self) -> None:
        open_ones = [key[0].hex()[:8] for key, each in self.conversations.items() if not each.is_settled]
        if open_ones:
            raise PromiseBroken(f"links neither deliver nor fail: {open_ones}")

    def _is_settled(self) -> bool:
        return all(conversation.is_settled for conversation in self.conversations.values())

    @property
    def delivered(self) -> int:
        return sum(sum(each.delivered.values()) for each in self.conversations.values())

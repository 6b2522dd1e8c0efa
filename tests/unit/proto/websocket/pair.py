"""Two links joined in memory, and puppets that speak to one link as no honest peer would.

Time stands still unless it is moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from OpenSSL import SSL
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from lanline.crypto.identity import Identity
from lanline.crypto.tls import TlsSession, client_context, server_context
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, MessagesDelivered
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.upgrade import client_protocol, server_protocol

SERVER_IDENTITY = Identity.generate()
CLIENT_IDENTITY = Identity.generate()
SERVER_CONTEXT = server_context(SERVER_IDENTITY)
CLIENT_CONTEXT = client_context(CLIENT_IDENTITY)
ADDRESS = ("lanline.test", 7667)

Cutter = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    yield data


class End:
    """One link with what it reported, in order."""

    def __init__(self, link: WebSocketLink) -> None:
        self.link = link
        self.events: list[LinkEvent] = []
        self.received: dict[Channel, list[bytes]] = defaultdict(list)
        self.delivered: dict[Channel, int] = defaultdict(int)
        self.established: LinkEstablished | None = None
        self.closed: LinkClosed | None = None
        self.releases = True

    def drain(self) -> None:
        while (event := self.link.next_event()) is not None:
            assert self.closed is None, f"{event} after {self.closed}"
            self.events.append(event)
            if isinstance(event, MessageReceived):
                self.received[event.channel].append(event.payload)
                if self.releases:
                    self.link.release(event.channel, len(event.payload))
            elif isinstance(event, MessagesDelivered):
                self.delivered[event.channel] = event.through
            elif isinstance(event, LinkEstablished):
                self.established = event
            elif isinstance(event, LinkClosed):
                self.closed = event


def make_client(
    profile: WebSocketProfile | None = None, expected_fingerprint: bytes | None = None, now: float = 0.0
) -> End:
    profile = profile or WebSocketProfile()
    return End(
        WebSocketLink.connect(CLIENT_CONTEXT, ADDRESS, now, expected_fingerprint=expected_fingerprint, profile=profile)
    )


def make_server(profile: WebSocketProfile | None = None, now: float = 0.0) -> End:
    return End(WebSocketLink.accept(SERVER_CONTEXT, now, profile=profile or WebSocketProfile()))


class Pair:
    def __init__(
        self,
        profile: WebSocketProfile | None = None,
        *,
        expected_fingerprint: bytes | None = None,
        cut: Cutter = whole,
        room: int | None = None,
    ) -> None:
        self.now = 0.0
        self.client = make_client(profile, expected_fingerprint)
        self.server = make_server(profile)
        self.cut = cut
        self.room = room
        self.transferred = 0
        self.largest_write = 0

    @property
    def ends(self) -> tuple[End, End]:
        return self.client, self.server

    def move(self, source: End, target: End, room: int | None = None) -> int:
        """One turn of the source: everything that it has to say now, to the target."""
        source.drain()
        data = source.link.bytes_to_send(self.now, self.room if room is None else room)
        source.drain()
        self.transferred += len(data)
        self.largest_write = max(self.largest_write, len(data))
        for piece in self.cut(data):
            target.link.receive_bytes(piece, self.now)
            target.drain()
        if source.link.has_ended_output and not target.link.is_closed:
            target.link.receive_eof(self.now)
            target.drain()
        return len(data)

    def settle(self, rounds: int = 10_000) -> None:
        for _ in range(rounds):
            if not self.move(self.client, self.server) + self.move(self.server, self.client):
                return
        raise AssertionError("the links talk without end")

    def establish(self) -> Pair:
        self.settle()
        assert self.client.established is not None
        assert self.server.established is not None
        return self

    def advance(self, seconds: float, *, connected: bool = True) -> None:
        """Move the clock from deadline to deadline."""
        until = self.now + seconds
        for _ in range(10_000):
            deadlines = [d for end in self.ends if (d := end.link.next_deadline()) is not None]
            self.now = min([until, *deadlines])
            for end in self.ends:
                end.link.handle_timer(self.now)
                end.drain()
            if connected:
                self.settle()
            if self.now >= until:
                return
        raise AssertionError("a deadline that is met comes back at once")


class PuppetClient:
    """TLS and WebSocket done right, and whatever a test wants said over it."""

    def __init__(
        self, server: End, subprotocols: tuple[str, ...] = ("lanline.1",), identity: Identity | None = CLIENT_IDENTITY
    ) -> None:
        context = CLIENT_CONTEXT if identity is CLIENT_IDENTITY else anonymous_context()
        self.peer = server
        self.tls = TlsSession(context, is_server=False)
        self.protocol = client_protocol(*ADDRESS)
        self.protocol.available_subprotocols = [Subprotocol(name) for name in subprotocols] or None
        self.events: list[Frame | Request | Response] = []
        self.plaintext = b""

    def exchange(self, now: float = 0.0) -> None:
        for _ in range(10):
            data = self.tls.bytes_to_send()
            self.peer.link.receive_bytes(data, now)
            self.peer.drain()
            answer = self.peer.link.bytes_to_send(now)
            for record in self.tls.receive_bytes(answer) if answer else ():
                self.plaintext += record
                self.protocol.receive_data(record)
                self.events += self.protocol.events_received()
            if not data and not answer:
                return

    def secure(self) -> None:
        self.exchange()
        assert self.tls.established

    def send_plaintext(self, data: bytes) -> None:
        self.tls.send_plaintext(data)
        self.exchange()

    def flush(self) -> None:
        self.send_plaintext(b"".join(self.protocol.data_to_send()))

    def open(self) -> None:
        self.secure()
        self.protocol.send_request(self.protocol.connect())
        self.flush()

    def send_unit(self, unit: bytes) -> None:
        self.protocol.send_binary(unit)
        self.flush()


class PuppetServer:
    def __init__(self, client: End, answer: Callable[[ServerProtocol, Request], Response] | None = None) -> None:
        self.peer = client
        self.tls = TlsSession(SERVER_CONTEXT, is_server=True)
        self.protocol = server_protocol()
        self.answer = answer or (lambda protocol, request: protocol.accept(request))
        self.received = b""

    def exchange(self, now: float = 0.0) -> None:
        for _ in range(10):
            data = self.peer.link.bytes_to_send(now)
            if not self.take_in(data, now) and not data:
                return

    def take_in(self, data: bytes, now: float = 0.0) -> int:
        """Take the client's bytes and answer them; how much was answered."""
        self.received += data
        for record in self.tls.receive_bytes(data) if data else ():
            self.protocol.receive_data(record)
            for event in self.protocol.events_received():
                if isinstance(event, Request):
                    self.protocol.send_response(self.answer(self.protocol, event))
        out = b"".join(self.protocol.data_to_send())
        if out:
            self.tls.send_plaintext(out)
        sent = self.tls.bytes_to_send()
        self.peer.link.receive_bytes(sent, now)
        self.peer.drain()
        return len(sent)


def anonymous_context() -> Any:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    return context

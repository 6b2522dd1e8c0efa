"""The WebSocket link over real sockets on loopback, and other people's programs at its port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
import uvloop
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import InvalidStatus

from lanline.crypto.identity import Identity
from lanline.crypto.tls import client_context, server_context
from lanline.errors import AddressUnavailable, CloseCode, LinkError
from lanline.proto.channels import Channel
from lanline.proto.events import (
    LinkClosed,
    LinkEstablished,
    LinkEvent,
    MessageReceived,
    MessagesDelivered,
    SendBufferDrained,
)
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.websocket import WebSocketTransport, connect, listen

SERVER, CLIENT = Identity.generate(), Identity.generate()
LIMIT_S = 20.0
T = TypeVar("T")

RUNNERS = [asyncio.run, uvloop.run]


class End:
    """What one side of a link has seen."""

    def __init__(self) -> None:
        self.transport: WebSocketTransport | None = None
        self.established: LinkEstablished | None = None
        self.closed: LinkClosed | None = None
        self.received: dict[Channel, list[bytes]] = defaultdict(list)
        self.order: list[Channel] = []
        self.delivered: dict[Channel, int] = defaultdict(int)
        self.changed = asyncio.Event()

    @property
    def link(self) -> Any:
        assert self.transport is not None
        return self.transport.link

    def see(self, event: LinkEvent) -> None:
        if isinstance(event, LinkEstablished):
            self.established = event
        elif isinstance(event, LinkClosed):
            self.closed = event
        elif isinstance(event, MessageReceived):
            self.received[event.channel].append(event.payload)
            self.order.append(event.channel)
            if self.transport is not None:
                self.link.release(event.channel, len(event.payload))
        elif isinstance(event, MessagesDelivered):
            self.delivered[event.channel] = event.through
        self.changed.set()

    def send(self, channel: Channel, payload: bytes) -> None:
        self.link.send_message(channel, payload)
        assert self.transport is not None
        self.transport.turn()

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        assert self.transport is not None
        self.link.close(code, reason, asyncio.get_running_loop().time())
        self.transport.turn()

    async def wait_until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def wait_disconnected(self) -> None:
        assert self.transport is not None
        async with asyncio.timeout(LIMIT_S):
            await self.transport.disconnected.wait()


class Listener:
    def __init__(self) -> None:
        self.ends: list[End] = []
        self.port = 0

    def accept(self, transport: WebSocketTransport) -> Callable[[LinkEvent], None]:
        end = End()
        end.transport = transport
        self.ends.append(end)
        return end.see


@asynccontextmanager
async def listening(profile: WebSocketProfile | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await listen(
        "127.0.0.1", 0, server_context(SERVER), listener.accept, profile=profile or WebSocketProfile()
    )
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for end in listener.ends:
            end.close(CloseCode.GOING_AWAY)
            await end.wait_disconnected()
        await server.wait_closed()


@asynccontextmanager
async def linked(
    listener: Listener, expected_fingerprint: bytes | None = None, **settings: Any
) -> AsyncIterator[tuple[End, End]]:
    client = End()
    client.transport = await connect(
        "127.0.0.1",
        listener.port,
        client_context(CLIENT),
        client.see,
        expected_fingerprint=expected_fingerprint,
        profile=WebSocketProfile(**settings),
    )
    try:
        await client.wait_until(lambda: client.established or client.closed)
        yield client, listener.ends[-1]
    finally:
        client.close()
        await client.wait_disconnected()


@asynccontextmanager
async def hole_in_the_wire(port: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A way to the port that passes everything on, until it is cut: then it takes nothing more and says nothing."""
    cut, over = asyncio.Event(), asyncio.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not cut.is_set() and (data := await reader.read(16_384)):
            if not cut.is_set():
                writer.write(data)
        if cut.is_set():
            await over.wait()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        for end in (writer, far_writer):
            end.transport.abort()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], cut
    finally:
        over.set()
        server.close()
        await server.wait_closed()


def run(
    runner: Callable[[Coroutine[Any, Any, T]], T],
    scenario: Callable[[Listener], Coroutine[Any, Any, T]],
    **settings: Any,
) -> T:
    async def main() -> T:
        async with listening(WebSocketProfile(**settings)) as listener:
            return await scenario(listener)

    return runner(main())


def stranger_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("runner", RUNNERS)
def test_two_links_talk_and_part(runner: Any) -> None:
    async def scenario(listener: Listener) -> None:
        async with linked(listener, SERVER.fingerprint, close_timeout_s=60.0) as (client, server):
            assert client.established
            client.send(Channel.CHAT, b"hello")
            await server.wait_until(lambda: server.received[Channel.CHAT])
            server.send(Channel.CHAT, b"hello yourself")
            await client.wait_until(lambda: client.received[Channel.CHAT] and client.delivered[Channel.CHAT] == 1)
            assert server.established is not None
            assert client.established.binding == server.established.binding
            assert server.established.peer_fingerprint == CLIENT.fingerprint
            client.close(CloseCode.DONE, "good night")
            await server.wait_until(lambda: server.closed)
            assert server.closed == LinkClosed(CloseCode.DONE, "good night", by_peer=True)
            await server.wait_disconnected()
            await client.wait_disconnected()

    # Nobody waits for a timeout in an orderly parting.
    run(runner, scenario, close_timeout_s=60.0)


@pytest.mark.parametrize("runner", RUNNERS)
def test_chat_arrives_while_bulk_is_under_way(runner: Any) -> None:
    async def scenario(listener: Listener) -> None:
        async with linked(listener) as (client, server):
            for _ in range(3):
                payload = bytes(16 * 1024 * 1024)
                client.send(Channel.BULK, payload)
                client.send(Channel.CHAT, b"me first")
                await server.wait_until(lambda: server.received[Channel.BULK])
                assert server.order[-2:] == [Channel.CHAT, Channel.BULK]
                assert server.received[Channel.BULK].pop() == payload

    run(runner, scenario)


def test_a_wrong_server_is_rejected() -> None:
    async def scenario(listener: Listener) -> None:
        async with linked(listener, CLIENT.fingerprint) as (client, server):
            assert client.closed is not None
            assert client.closed.code is CloseCode.IDENTITY_REJECTED
            await server.wait_until(lambda: server.closed)
            assert server.established is None

    run(asyncio.run, scenario)


def test_a_connection_that_breaks_is_reported_on_both_sides() -> None:
    async def scenario(listener: Listener) -> None:
        async with linked(listener) as (client, server):
            await server.wait_until(lambda: server.established)
            client.transport._transport.abort()  # type: ignore[union-attr]
            await server.wait_until(lambda: server.closed)
            await client.wait_until(lambda: client.closed)
            for end in (client, server):
                assert end.closed is not None
                assert end.closed.code is CloseCode.RESET

    run(asyncio.run, scenario)


def test_a_connection_that_goes_silent_is_given_up_with_bytes_still_waiting() -> None:
    profile = WebSocketProfile(keepalive_s=0.1, dead_after_s=0.3, close_timeout_s=0.1)

    async def scenario(listener: Listener) -> None:
        async with hole_in_the_wire(listener.port) as (port, cut):
            client = End()
            client.transport = await connect("127.0.0.1", port, client_context(CLIENT), client.see, profile=profile)
            await client.wait_until(lambda: client.established)
            cut.set()
            while client.link.is_writable(Channel.BULK):
                client.send(Channel.BULK, bytes(100_000))
            await client.wait_until(lambda: client.closed)
            assert client.closed is not None
            assert client.closed.code is CloseCode.UNREACHABLE
            await client.wait_disconnected()

    run(asyncio.run, scenario)


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no limit on unsent bytes")
def test_the_kernel_holds_little_that_chat_cannot_overtake() -> None:
    async def scenario(listener: Listener) -> int:
        async with linked(listener) as (_, server):
            tcp = server.transport._transport.get_extra_info("socket")  # type: ignore[union-attr]
            return tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)

    assert run(asyncio.run, scenario) == WebSocketProfile().max_ahead_bytes


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_goodbye_said_when_room_is_reported_goes_out_at_once(runner: Any) -> None:
    async def scenario(listener: Listener) -> None:
        async with linked(listener) as (client, server):
            assert client.transport is not None
            see = client.see

            def leave_when_drained(event: LinkEvent) -> None:
                see(event)
                if isinstance(event, SendBufferDrained):
                    client.close(CloseCode.GOING_AWAY)

            client.transport.on_event = leave_when_drained
            client.send(Channel.BULK, bytes(2_000_000))
            await server.wait_until(lambda: server.closed)
            assert server.closed == LinkClosed(CloseCode.GOING_AWAY, "", by_peer=True)

    run(runner, scenario, close_timeout_s=60.0)


def test_a_caller_that_says_nothing_is_hung_up_on() -> None:
    async def scenario(listener: Listener) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        async with asyncio.timeout(LIMIT_S):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert run(asyncio.run, scenario, handshake_timeout_s=0.05) == b""


@pytest.mark.parametrize("subprotocols", [None, ["lanline.1"], ["mqtt"]])
def test_a_common_websocket_client_is_refused_politely(subprotocols: Any) -> None:
    async def scenario(listener: Listener) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as refusal:
            await websockets_connect(
                f"wss://127.0.0.1:{listener.port}/", ssl=stranger_context(), subprotocols=subprotocols, proxy=None
            )
        response = refusal.value.response
        return response.status_code, bytes(response.body).decode()

    status, text = run(asyncio.run, scenario)
    assert status == (403 if subprotocols == ["lanline.1"] else 426)
    assert text.startswith("This is a Lanline server")


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_browser_is_told_where_it_has_landed(encrypted: bool) -> None:
    async def scenario(listener: Listener) -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=stranger_context() if encrypted else None
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer

    answer = run(asyncio.run, scenario)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"This is a Lanline server. It talks to Lanline clients only" in answer


@pytest.mark.parametrize("garbage", [b"\x00" * 100, b"SSH-2.0-OpenSSH_9\r\n", b"\xff" * 100_000])
def test_garbage_is_hung_up_on_and_the_next_caller_is_served(garbage: bytes) -> None:
    async def scenario(listener: Listener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(garbage)
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        async with linked(listener) as (client, _):
            assert client.established

    run(asyncio.run, scenario)


def test_a_port_that_is_taken_is_named() -> None:
    async def scenario(listener: Listener) -> None:
        with pytest.raises(AddressUnavailable, match=str(listener.port)):
            await listen("127.0.0.1", listener.port, server_context(SERVER), listener.accept)

    run(asyncio.run, scenario)


def test_nobody_there_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match="Nothing answers"):
            asyncio.run(connect("127.0.0.1", port, client_context(CLIENT), lambda _event: None))


def test_an_unknown_host_is_a_clear_error() -> None:
    with pytest.raises(AddressUnavailable, match="unknown"):
        asyncio.run(connect("nobody.invalid", 1, client_context(CLIENT), lambda _event: None))

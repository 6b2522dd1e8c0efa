"""The WebSocket link over real sockets on loopback, and other people's programs at its port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
import uvloop
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import InvalidStatus

from e2e.end import LIMIT_S, End
from lanline.crypto.identity import Identity
from lanline.errors import AddressUnavailable, CloseCode, LinkError
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, SendBufferDrained
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.websocket import WebSocketTransport, connect
from lanline.transport.websockethost import WebSocketHost, listen

SERVER, CLIENT = Identity.generate(), Identity.generate()
T = TypeVar("T")

RUNNERS = [asyncio.run, uvloop.run]


class Listener:
    """A listening host with what its callers have sent. It keeps the transports of both sides to look at."""

    def __init__(self, profile: WebSocketProfile) -> None:
        self.host = WebSocketHost(SERVER, self.accept, profile)
        self.ends: list[End] = []
        self.callers: list[WebSocketTransport] = []

    @property
    def port(self) -> int:
        return self.host.address[1]

    def accept(self, connection: Connection, _address: Address) -> None:
        self.ends.append(End(connection))

    async def call(
        self, port: int | None = None, expected_fingerprint: bytes | None = None, **settings: Any
    ) -> WebSocketTransport:
        address = ("127.0.0.1", port or self.port)
        transport = await WebSocketTransport.call(address, CLIENT, expected_fingerprint, WebSocketProfile(**settings))
        self.callers.append(transport)
        return transport


@asynccontextmanager
async def listening(profile: WebSocketProfile | None = None) -> AsyncIterator[Listener]:
    listener = Listener(profile or WebSocketProfile())
    await listener.host.open("127.0.0.1", 0)
    try:
        yield listener
    finally:
        for caller in listener.callers:
            caller.connection.close()
        listener.host.close()
        async with asyncio.timeout(LIMIT_S):
            await listener.host.wait_closed()
            for caller in listener.callers:
                await caller.disconnected.wait()


async def linked(listener: Listener, expected_fingerprint: bytes | None = None, **settings: Any) -> tuple[End, End]:
    async with asyncio.timeout(LIMIT_S):
        transport = await listener.call(expected_fingerprint=expected_fingerprint, **settings)
        await transport.connection.wait_established()
    return End(transport.connection), listener.ends[-1]


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
        client, server = await linked(listener, SERVER.fingerprint, close_timeout_s=60.0)
        client.connection.send_nowait(Channel.CHAT, b"hello")
        await server.wait_until(lambda: server.received[Channel.CHAT])
        server.connection.send_nowait(Channel.CHAT, b"hello yourself")
        await client.wait_until(lambda: client.received[Channel.CHAT] and client.delivered[Channel.CHAT] == 1)
        assert client.connection.binding == server.connection.binding
        assert server.connection.peer_fingerprint == CLIENT.fingerprint
        client.connection.close(CloseCode.DONE, "good night")
        await server.wait_until(lambda: server.closed)
        assert server.closed == LinkClosed(CloseCode.DONE, "good night", by_peer=True)

    # Nobody waits for a timeout in an orderly parting.
    run(runner, scenario, close_timeout_s=60.0)


@pytest.mark.parametrize("runner", RUNNERS)
def test_chat_arrives_while_bulk_is_under_way(runner: Any) -> None:
    async def scenario(listener: Listener) -> None:
        client, server = await linked(listener)
        for _ in range(3):
            payload = bytes(16 * 1024 * 1024)
            client.connection.send_nowait(Channel.BULK, payload)
            client.connection.send_nowait(Channel.CHAT, b"me first")
            await server.wait_until(lambda: server.received[Channel.BULK])
            assert server.order[-2:] == [Channel.CHAT, Channel.BULK]
            assert server.received[Channel.BULK].pop() == payload

    run(runner, scenario)


def test_a_wrong_server_is_rejected() -> None:
    async def scenario(listener: Listener) -> None:
        transport = await listener.call(expected_fingerprint=CLIENT.fingerprint)
        closed = await transport.connection.receive()
        assert isinstance(closed, LinkClosed)
        assert closed.code is CloseCode.IDENTITY_REJECTED
        async with asyncio.timeout(LIMIT_S):
            await transport.disconnected.wait()
        assert not listener.ends

    run(asyncio.run, scenario)


def test_a_connection_that_breaks_is_reported_on_both_sides() -> None:
    async def scenario(listener: Listener) -> None:
        client, server = await linked(listener)
        listener.callers[0]._transport.abort()  # type: ignore[union-attr]
        for end in (client, server):
            await end.wait_until(lambda end=end: end.closed)  # type: ignore[misc]
            assert end.closed is not None
            assert end.closed.code is CloseCode.RESET

    run(asyncio.run, scenario)


def test_a_connection_that_goes_silent_is_given_up_with_bytes_still_waiting() -> None:
    async def scenario(listener: Listener) -> None:
        async with hole_in_the_wire(listener.port) as (port, cut):
            transport = await listener.call(port, keepalive_s=0.1, dead_after_s=0.3, close_timeout_s=0.1)
            client = End(await transport.connection.wait_established())
            cut.set()
            while client.connection.is_writable(Channel.BULK):
                client.connection.send_nowait(Channel.BULK, bytes(100_000))
            await client.wait_until(lambda: client.closed)
            assert client.closed is not None
            assert client.closed.code is CloseCode.UNREACHABLE
            async with asyncio.timeout(LIMIT_S):
                await transport.disconnected.wait()

    run(asyncio.run, scenario)


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no limit on unsent bytes")
def test_the_kernel_holds_little_that_chat_cannot_overtake() -> None:
    async def scenario(listener: Listener) -> list[int]:
        await linked(listener)
        ends = [*listener.callers, *listener.host._transports]
        tcp = [end._transport.get_extra_info("socket") for end in ends]  # type: ignore[union-attr]
        return [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) for each in tcp]

    assert run(asyncio.run, scenario) == 2 * [WebSocketProfile().max_ahead_bytes]


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_goodbye_said_when_room_is_reported_goes_out_at_once(runner: Any) -> None:
    async def scenario(listener: Listener) -> None:
        client, server = await linked(listener)

        def leave_when_drained(event: LinkEvent) -> None:
            if isinstance(event, SendBufferDrained):
                client.connection.close(CloseCode.GOING_AWAY)

        client.connection.set_handler(leave_when_drained)
        client.connection.send_nowait(Channel.BULK, bytes(2_000_000))
        assert not client.connection.is_writable(Channel.BULK)
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
        client, _ = await linked(listener)
        assert client.connection.peer_fingerprint == SERVER.fingerprint

    run(asyncio.run, scenario)


def test_a_port_that_is_taken_is_named() -> None:
    async def scenario(listener: Listener) -> None:
        with pytest.raises(AddressUnavailable, match=f"TCP port {listener.port} on 127.0.0.1 is taken"):
            await listen("127.0.0.1", listener.port, SERVER, listener.accept)

    run(asyncio.run, scenario)


def test_nobody_there_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match="Nothing answers"):
            asyncio.run(connect(("127.0.0.1", port), CLIENT))


def test_an_unknown_host_is_a_clear_error() -> None:
    with pytest.raises(AddressUnavailable, match=r"'nobody\.invalid' is not known"):
        asyncio.run(connect(("nobody.invalid", 1), CLIENT))


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_host_that_hangs_up_at_once_is_a_clear_error(runner: Any) -> None:
    """Its goodbye may arrive before the caller has begun to listen for it."""

    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with server, asyncio.timeout(LIMIT_S):
            with pytest.raises(LinkError, match=r"ended during the handshake|Nothing answers"):
                await connect(server.sockets[0].getsockname()[:2], CLIENT)

    runner(scenario())


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_host_that_accepts_and_is_silent_is_given_up_in_time(runner: Any) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(LinkError, match="too long"):
                    await connect(silent.getsockname(), CLIENT, profile=WebSocketProfile(handshake_timeout_s=0.1))

    runner(scenario())


def test_a_call_that_is_cancelled_leaves_no_connection() -> None:
    async def scenario() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.setblocking(False)
            call = asyncio.create_task(connect(silent.getsockname(), CLIENT, profile=WebSocketProfile()))
            loop = asyncio.get_running_loop()
            caller, _ = await loop.sock_accept(silent)
            with caller:
                assert await loop.sock_recv(caller, 65_536)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                async with asyncio.timeout(LIMIT_S):
                    return await loop.sock_recv(caller, 65_536)

    assert asyncio.run(scenario()) == b""


def test_closing_the_host_says_goodbye_to_all() -> None:
    async def scenario(listener: Listener) -> None:
        first, second = (await linked(listener))[0], (await linked(listener))[0]
        listener.host.close("back at noon")
        for end in (first, second):
            await end.wait_until(lambda end=end: end.closed)  # type: ignore[misc]
            assert end.closed == LinkClosed(CloseCode.GOING_AWAY, "back at noon", by_peer=True)
        await listener.host.wait_closed()
        assert not listener.host._transports
        with pytest.raises(LinkError, match="Nothing answers"):
            await connect(listener.host.address, CLIENT)

    run(asyncio.run, scenario, close_timeout_s=60.0)


def test_closing_the_host_hangs_up_on_callers_in_the_middle_of_a_handshake() -> None:
    async def scenario(listener: Listener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"\x16")
        # A link that was called later is established: so the host has seen this caller too.
        await linked(listener)
        assert len(listener.host._transports) == 2
        listener.host.close()
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
            await listener.host.wait_closed()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    run(asyncio.run, scenario, close_timeout_s=0.05, handshake_timeout_s=60.0)

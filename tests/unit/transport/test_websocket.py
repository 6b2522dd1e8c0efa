"""The glue to TCP, with a stand-in for the connection: it takes as much as the test says."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, SendBufferDrained
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.websocket import WebSocketTransport, _queueing_s
from unit.proto.websocket.pair import CLIENT_CONTEXT, End, make_server

MAX_AHEAD = 65_536


class Connection:
    """Keeps what is written until the test takes it away."""

    def __init__(self) -> None:
        self.socket = socket.socket()
        self.waiting = b""
        self.said_eof = 0
        self.end = ""
        self.ended = asyncio.Event()

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self.socket

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        assert 0 < low < high < MAX_AHEAD

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write(self, data: bytes) -> None:
        assert not self.said_eof
        self.waiting += data

    def is_closing(self) -> bool:
        return bool(self.end)

    def write_eof(self) -> None:
        if self.end:
            raise RuntimeError("as uvloop's, which is closed by a write that fails")
        self.said_eof += 1

    def close(self) -> None:
        self.end = self.end or "closed"
        self.ended.set()

    def abort(self) -> None:
        self.end = self.end or "aborted"
        self.ended.set()


class Client:
    """A transport at one end, and the peer's machine fed by hand at the other."""

    def __init__(self, profile: WebSocketProfile, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        link = WebSocketLink.connect(CLIENT_CONTEXT, ("lanline.test", 1), loop.time(), profile=profile)
        self.transport = WebSocketTransport(link, MAX_AHEAD)
        self.transport.on_event = self.see
        self.events: list[LinkEvent] = []
        self.connection = connection
        self.server: End = make_server(now=loop.time())
        self.transport.connection_made(connection)  # type: ignore[arg-type]

    def see(self, event: LinkEvent) -> None:
        self.events.append(event)

    def carry(self, back: bool = True) -> int:
        now = asyncio.get_running_loop().time()
        data, self.connection.waiting = self.connection.waiting, b""
        self.server.link.receive_bytes(data, now)
        self.server.drain()
        if back and (answer := self.server.link.bytes_to_send(now)):
            self.transport.data_received(answer)
        return len(data)

    def establish(self) -> None:
        while self.carry():
            pass
        assert self.events


@contextmanager
def connection() -> Iterator[Connection]:
    stand_in = Connection()
    with stand_in.socket:
        yield stand_in


async def _ready(stand_in: Connection, **settings: Any) -> Client:
    client = Client(WebSocketProfile(**settings), stand_in)
    client.establish()
    return client


def test_what_is_written_ahead_is_bounded_and_goes_on_when_there_is_room() -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in)
        client.transport.link.send_message(Channel.BULK, bytes(600_000))
        client.transport.turn()
        for _ in range(50):
            await asyncio.sleep(0)
            assert len(stand_in.waiting) <= MAX_AHEAD + 500
        # No answer comes back: only the connection itself says that there is room.
        for _ in range(20):
            client.carry(back=False)
            client.transport.resume_writing()
        assert client.server.received[Channel.BULK] == [bytes(600_000)]
        client.transport.connection_lost(None)

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


def test_what_the_connection_takes_at_once_is_followed_in_a_later_turn() -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in)
        client.transport.link.send_message(Channel.BULK, bytes(600_000))
        for _ in range(3):
            client.transport.turn()
        for _ in range(20):
            client.carry(back=False)
            await asyncio.sleep(0)
        assert client.server.received[Channel.BULK] == [bytes(600_000)]
        client.transport.connection_lost(None)

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


def test_room_that_writing_makes_is_reported_in_the_same_turn() -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in, send_buffer_bytes=10_000)
        client.transport.link.send_message(Channel.CHAT, bytes(20_000))
        assert not client.transport.link.is_writable(Channel.CHAT)
        client.transport.turn()
        assert SendBufferDrained(Channel.CHAT) in client.events
        client.transport.connection_lost(None)

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


def test_a_goodbye_on_a_connection_that_has_just_broken_is_none() -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in)
        client.transport.link.close(CloseCode.DONE, "", asyncio.get_running_loop().time())
        stand_in.abort()
        client.transport.turn()
        client.transport.connection_lost(None)
        assert stand_in.said_eof == 0

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


@pytest.mark.parametrize("peer_reads", [True, False])
def test_a_goodbye_ends_the_stream_once_and_then_the_connection(peer_reads: bool) -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in, close_timeout_s=0.0)
        client.transport.link.close(CloseCode.DONE, "", asyncio.get_running_loop().time())
        client.transport.turn()
        client.transport.turn()
        assert stand_in.said_eof == 1
        assert stand_in.end == ""
        if peer_reads:
            client.carry()
            assert client.server.closed is not None
        await asyncio.wait_for(stand_in.ended.wait(), 60.0)
        assert stand_in.end == ("closed" if peer_reads else "aborted")
        client.transport.connection_lost(None)
        assert client.transport.disconnected.is_set()

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


def test_a_lost_connection_leaves_no_timer_behind() -> None:
    async def scenario(stand_in: Connection) -> None:
        client = await _ready(stand_in)
        assert client.transport.driver._timer is not None
        client.transport.connection_lost(ConnectionResetError())
        assert client.transport.driver._timer is None
        client.transport.turn()

    with connection() as stand_in:
        asyncio.run(scenario(stand_in))


def test_what_round_trips_vary_by_is_no_queue() -> None:
    class Tcp:
        def __init__(self, round_trip_us: int, varies_us: int, least_us: int) -> None:
            told = bytearray(152)
            struct.pack_into("=II", told, 68, round_trip_us, varies_us)
            struct.pack_into("=I", told, 148, least_us)
            self.told = bytes(told)

        def getsockopt(self, *_: int) -> bytes:
            return self.told

    if sys.platform != "linux":
        pytest.skip("the kernel does not tell")
    assert _queueing_s(Tcp(70_000, 5_000, 44_000)) == pytest.approx(0.016)  # type: ignore[arg-type]
    assert _queueing_s(Tcp(60_000, 9_000, 44_000)) == 0.0  # type: ignore[arg-type]

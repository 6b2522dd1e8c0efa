"""A chat server in a thread of the test, which counts what strangers make it do: function calls, bytes, objects.

Counts and no times, so that a busy machine changes nothing. Calls are those of the server's own thread, into Python and
into C; work inside of one call into C does not show in them, queues that grow do.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from OpenSSL import SSL

from attacks.handmade import TCP_HEADERS_BYTES, UDP_HEADERS_BYTES
from chatcrowds.lanline import keys_path
from chatservers.lanline import prepared
from lanline.config import Limits, ServerConfig
from lanline.crypto.identity import Identity
from lanline.gateways.lanline.session import Session
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.server.app import serving
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import WebSocketTransport
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, SignedIn, SignIn

T = TypeVar("T")
Address = tuple[str, int]
LIMIT_S = 60.0
_PACKETS_OF_A_CONNECTION = 4


class AttackedServer:
    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._config = ServerConfig(host="127.0.0.1", port=0, limits=limits)
        self._data = prepared(folder, 2)
        self._is_ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self.address: Address = ("", 0)
        self.calls = 0
        self.bytes: Counter[str] = Counter()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._is_ready.wait(LIMIT_S)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._data, self._config) as server:
            self.address = server.address
            self._is_ready.set()
            sys.setprofile(self._count)
            await self._end.wait()
            sys.setprofile(None)

    def _count(self, _frame: Any, event: str, _argument: Any) -> None:
        if event in {"call", "c_call"}:
            self.calls += 1

    def ask(self, question: Callable[[], T]) -> T:
        """Answered on the server's thread, after all that it has to do now."""

        async def answer() -> T:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(LIMIT_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(LIMIT_S)

    def live(self, kind: type[T]) -> list[T]:
        def find() -> list[T]:
            gc.collect()
            return [found for found in gc.get_objects() if type(found) is kind]

        return self.ask(find)

    @property
    def links(self) -> list[Link]:
        """Those it was called on; those of callers in this process are not its own."""
        return [link for link in self.live(Link) if not link.is_client and link.state.name != "CLOSED"]

    @property
    def sessions(self) -> int:
        return len(self.live(Session))

    def let_known_device_in(self, *, over_udp: bool) -> None:
        """Raises when the server does not."""
        asyncio.run(self._sign_in(over_udp))

    async def _sign_in(self, over_udp: bool) -> None:
        identity = Identity.from_pem(keys_path(self._folder, 1).read_bytes())
        async with asyncio.timeout(LIMIT_S):
            if over_udp:
                host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), identity)
                await _be_let_in(await host.connect(self.address))
                host.close()
                return
            transport = await WebSocketTransport.call(self.address, identity, None, WebSocketProfile())
            await _be_let_in(await transport.connection.wait_established())
            transport.connection.close()
            await transport.disconnected.wait()


async def _be_let_in(connection: Connection) -> None:
    for message in (Hello(VERSIONS, "test"), SignIn(1)):
        connection.send_nowait(Channel.CHAT, encode_message(message))
    while True:
        event = await connection.receive()
        if isinstance(event, MessageReceived) and isinstance(decode_server_message(event.payload), SignedIn):
            return


@contextlib.contextmanager
def attacked_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits | None = None
) -> Iterator[AttackedServer]:
    server = AttackedServer(folder, limits or Limits())
    try:
        _count_bytes(server.bytes, monkeypatch)
        yield server
    finally:
        server.close()


def _count_bytes(counts: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the state machines of the server take them in, headers of IP and UDP or TCP included."""

    def of_datagram(endpoint: Endpoint, data: bytes, address: Address, now: float) -> None:
        if endpoint._accepts:
            counts["in"] += len(data) + UDP_HEADERS_BYTES
        receive_datagram(endpoint, data, address, now)

    def of_stream(link: WebSocketLink, data: bytes, now: float) -> None:
        counts["in"] += len(data) + TCP_HEADERS_BYTES
        receive_bytes(link, data, now)

    def of_connection(context: SSL.Context, now: float, **settings: Any) -> WebSocketLink:
        counts["in"] += _PACKETS_OF_A_CONNECTION * TCP_HEADERS_BYTES
        return accept(context, now, **settings)

    receive_datagram, receive_bytes, accept = (
        Endpoint.receive_datagram,
        WebSocketLink.receive_bytes,
        WebSocketLink.accept,
    )
    monkeypatch.setattr(Endpoint, "receive_datagram", of_datagram)
    monkeypatch.setattr(WebSocketLink, "receive_bytes", of_stream)
    monkeypatch.setattr(WebSocketLink, "accept", of_connection)

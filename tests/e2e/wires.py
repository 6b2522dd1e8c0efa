"""Every kind of link there is, each with a host that listens and a caller, behind the same few calls."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import uvloop

from e2e.end import LIMIT_S, End
from lanline.crypto.identity import Identity
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.linkhost import LinkHost
from lanline.transport.memory import MemoryNetwork
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import WebSocketTransport
from lanline.transport.websockethost import WebSocketHost

HOST_IDENTITY, CALLER_IDENTITY = Identity.generate(), Identity.generate()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


UDP_KINDS = [
    "udp",
    "udp without offload",
    pytest.param("udp over ipv6", marks=pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")),
    "udp on uvloop",
]
DATAGRAM_KINDS = [*UDP_KINDS, "memory"]
WEBSOCKET_KINDS = ["websocket", "websocket on uvloop"]
KINDS = [*DATAGRAM_KINDS, *WEBSOCKET_KINDS]


class Wire:
    """`listens` decides what becomes of who calls: by default an `End` with a handler is made for each."""

    def __init__(self) -> None:
        self.address: Address = ("", 0)
        self.nobody: Address = ("", 0)
        self.ends: list[End] = []
        self.accepted: list[tuple[Connection, Address]] = []
        self.reads = True
        self._news = asyncio.Event()

    async def call(self, address: Address | None = None, expected_fingerprint: bytes | None = None) -> Connection:
        raise NotImplementedError

    def accept(self, connection: Connection, address: Address) -> None:
        self.accepted.append((connection, address))
        if self.reads:
            self.ends.append(End(connection))
        self._news.set()

    async def wait_accepted(self, count: int = 1) -> list[Connection]:
        async with asyncio.timeout(LIMIT_S):
            while len(self.accepted) < count:
                self._news.clear()
                await self._news.wait()
        return [connection for connection, _ in self.accepted]

    async def link(self) -> tuple[End, End]:
        """A new link: the caller's end and the host's."""
        count = len(self.accepted)
        caller = End(await self.call())
        await self.wait_accepted(count + 1)
        return caller, self.ends[-1]


class DatagramWire(Wire):
    def __init__(self, host: DatagramSocket, caller: DatagramSocket, nobody: Address, profile: LinkProfile) -> None:
        super().__init__()
        self.host = LinkHost(host, HOST_IDENTITY, profile=profile, on_accept=self.accept)
        self.caller = LinkHost(caller, CALLER_IDENTITY, profile=profile)
        self.address, self.nobody = self.host.address, nobody

    async def call(self, address: Address | None = None, expected_fingerprint: bytes | None = None) -> Connection:
        return await self.caller.connect(address or self.address, expected_fingerprint)

    async def close(self) -> None:
        self.caller.close()
        self.host.close()


class WebSocketWire(Wire):
    def __init__(self, nobody: Address, profile: WebSocketProfile) -> None:
        super().__init__()
        self.host = WebSocketHost(HOST_IDENTITY, self.accept, profile)
        self.nobody = nobody
        self._profile = profile
        self._callers: list[WebSocketTransport] = []

    async def open(self) -> None:
        await self.host.open("127.0.0.1", 0)
        self.address = self.host.address

    async def call(self, address: Address | None = None, expected_fingerprint: bytes | None = None) -> Connection:
        transport = await WebSocketTransport.call(
            address or self.address, CALLER_IDENTITY, expected_fingerprint, self._profile
        )
        self._callers.append(transport)
        return await transport.connection.wait_established()

    async def close(self) -> None:
        for caller in self._callers:
            caller.connection.close()
        self.host.close()
        async with asyncio.timeout(LIMIT_S):
            await self.host.wait_closed()
            for caller in self._callers:
                await caller.disconnected.wait()


@asynccontextmanager
async def wire(kind: str, **settings: Any) -> AsyncIterator[Wire]:
    """The settings are those that both profiles have."""
    known = {each.name for each in dataclasses.fields(LinkProfile)}
    if "receive_window_bytes" in settings:
        bulk_window = {"bulk_receive_window_bytes": settings["receive_window_bytes"]}
    else:
        bulk_window = {}
    assert set(settings) <= known & set(WebSocketProfile.__struct_fields__), settings
    host = "::1" if kind == "udp over ipv6" else "127.0.0.1"
    family = socket.AF_INET6 if kind == "udp over ipv6" else socket.AF_INET
    # Bound and not listening, so that nobody else answers there meanwhile.
    is_stream = kind.startswith("websocket")
    with socket.socket(family, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM) as silent:
        silent.bind((host, 0))
        nobody = silent.getsockname()[:2]
        made: DatagramWire | WebSocketWire
        if is_stream:
            made = WebSocketWire(nobody, msgspec.structs.replace(WebSocketProfile(), **settings))
            await made.open()
        else:
            profile = LinkProfile(**settings, **bulk_window)
            if kind == "memory":
                network = MemoryNetwork()
                sockets: list[DatagramSocket] = [network.bind(("memory", number)) for number in (1, 2)]
                nobody = ("memory", 3)
            else:
                sockets = [await UdpSocket.bind(host, 0, offload=kind != "udp without offload") for _ in range(2)]
            made = DatagramWire(sockets[0], sockets[1], nobody, profile)
        try:
            yield made
        finally:
            await made.close()


def run(kind: str, scenario: Callable[[Wire], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        async with wire(kind, **settings) as made, asyncio.timeout(3 * LIMIT_S):
            await scenario(made)

    (uvloop.run if kind.endswith("uvloop") else asyncio.run)(main())

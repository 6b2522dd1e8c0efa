"""Attackers who fill the places of strangers: they finish the handshake, and never say who they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from lanline.crypto.identity import Identity
from lanline.errors import LinkError
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import WebSocketTransport

_BYTES_OF_LINK = 3000
"""What opening one sends, about."""
_HEARD_S = 0.05


@asynccontextmanager
async def calling(address: tuple[str, int], identity: Identity) -> AsyncIterator[Connection]:
    """A link over TCP whose socket is gone at the end."""
    transport = await WebSocketTransport.call(address, identity, None, WebSocketProfile())
    try:
        yield await transport.connection.wait_established()
    finally:
        transport.connection.close()
        await transport.disconnected.wait()


class Crowd:
    """Links of strangers over UDP and over TCP in turn, all with the same key, held until it leaves."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.counts: Counter[str] = Counter()
        self._address = address
        self._identity = Identity.generate()
        self._host: LinkHost | None = None
        self._connections: list[Connection] = []
        self._transports: list[WebSocketTransport] = []

    @property
    def held(self) -> int:
        return sum(connection.closed is None for connection in self._connections)

    async def call(self) -> None:
        self._host = self._host or LinkHost(await UdpSocket.bind("127.0.0.1", 0), self._identity)
        self.counts["called"] += 1
        with suppress(LinkError):
            if self.counts["called"] % 2:
                connection = await self._host.connect(self._address)
            else:
                transport = await WebSocketTransport.call(self._address, self._identity, None, WebSocketProfile())
                self._transports.append(transport)
                connection = await transport.connection.wait_established()
            self._connections.append(connection)
        self.counts["sent_bytes"] += _BYTES_OF_LINK

    async def fill(self) -> None:
        """Until the server lets nobody else stay."""
        while self.held == len(self._connections):
            await self.call()
            await asyncio.sleep(_HEARD_S if self.counts["called"] % 16 == 0 else 0)

    async def leave(self) -> None:
        if self._host is not None:
            self._host.close()
        for transport in self._transports:
            transport.connection.close()
        for transport in self._transports:
            await transport.disconnected.wait()


def attack(address: tuple[str, int], stop_after_s: float, bits_per_s: float) -> Counter[str]:
    """`called` is how often; `most_held` how many links were held at once."""
    return asyncio.run(_attack(address, stop_after_s, bits_per_s))


async def _attack(address: tuple[str, int], stop_after_s: float, bits_per_s: float) -> Counter[str]:
    crowd = Crowd(address)
    with suppress(TimeoutError):
        async with asyncio.timeout(stop_after_s):
            while True:
                await crowd.call()
                crowd.counts["most_held"] = max(crowd.counts["most_held"], crowd.held)
                await asyncio.sleep(_BYTES_OF_LINK * 8 / bits_per_s)
    await crowd.leave()
    return crowd.counts

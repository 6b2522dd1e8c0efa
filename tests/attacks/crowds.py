"""Attackers who fill the places of strangers: they finish the handshake, and never say who they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from lanline.crypto.identity import Identity
from lanline.errors import LinkError
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import connect

_BYTES_OF_LINK = 3000
"""What opening one sends, about."""
_HEARD_S = 0.05


class Crowd:
    """Links of strangers over UDP and over TCP in turn, all with the same key, held until it leaves."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.counts: Counter[str] = Counter()
        self._address = address
        self._identity = Identity.generate()
        self._host: LinkHost | None = None
        self._connections: list[Connection] = []

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
                connection = await connect(self._address, self._identity)
            self._connections.append(connection)
        self.counts["sent_bytes"] += _BYTES_OF_LINK

    async def fill(self) -> None:
        """Until the server lets nobody else stay."""
        while self.held == len(self._connections):
            await self.call()
            await asyncio.sleep(_HEARD_S if self.counts["called"] % 16 == 0 else 0)

    def leave(self) -> None:
        for connection in self._connections:
            if connection.closed is None:
                connection.close()
        if self._host is not None:
            self._host.close()


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
    crowd.leave()
    return crowd.counts

"""What the Lanline rows share: established links to peers in another process, each at an address of its own.

A batch is framed once, and the same bytes go to every link. What is sent counts as under way until the peer's link has
acknowledged it; only so many batches are under way to each peer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from child import ChildFailed
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessagesDelivered
from lanline.proto.framing import frame_messages
from lanline.proto.link.profile import LinkProfile
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from linkpeers import link_peers

WARM_UP_BATCHES = 100
WARM_UP_BATCH = [bytes(200)] * 50
"""Long enough for every link to have found the largest datagram that passes."""


class LanlineFanOut:
    def __init__(self, connections: Sequence[Connection], most_under_way: int) -> None:
        self._connections = connections
        self._most_under_way = most_under_way
        self._written = 0
        """Messages on each link before the current run; the same for all."""
        self._batch = 1
        self._arrived = [0] * len(connections)
        """Batches of the current run, for each peer."""
        self._awaited: list[int] = []
        """For each batch of the current run, how many peers have not acknowledged it."""
        self._settled = 0
        """Batches that every peer has acknowledged."""
        self._goal = 0
        self._reached: asyncio.Future[None] | None = None
        for number, connection in enumerate(connections):
            connection.set_handler(partial(self._on_event, number))

    async def cpu_s(self, messages: Sequence[bytes], batches: int) -> float:
        self._batch = len(messages)
        self._arrived = [0] * len(self._connections)
        self._awaited = []
        self._settled = 0
        before = time.process_time()
        for _ in range(batches):
            framed = frame_messages(messages)
            for connection in self._connections:
                connection.send_framed_nowait(Channel.CHAT, framed, len(messages))
            self._awaited.append(len(self._connections))
            await asyncio.sleep(0)
            await self._wait_settled(len(self._awaited) - self._most_under_way + 1)
        await self._wait_settled(batches)
        used_s = time.process_time() - before
        self._written += batches * len(messages)
        return used_s

    async def _wait_settled(self, goal: int) -> None:
        if self._settled < goal:
            self._goal = goal
            self._reached = asyncio.get_running_loop().create_future()
            await self._reached
            self._reached = None

    def _on_event(self, peer: int, event: LinkEvent) -> None:
        if type(event) is MessagesDelivered:
            self._on_delivered(peer, (event.through - self._written) // self._batch)
        elif type(event) is LinkClosed and self._reached is not None and not self._reached.done():
            self._reached.set_exception(ChildFailed(event.reason))

    def _on_delivered(self, peer: int, arrived: int) -> None:
        awaited = self._awaited
        for batch in range(self._arrived[peer], arrived):
            awaited[batch] -= 1
        self._arrived[peer] = arrived
        while self._settled < len(awaited) and not awaited[self._settled]:
            self._settled += 1
        if self._reached is not None and self._settled >= self._goal and not self._reached.done():
            self._reached.set_result(None)


@asynccontextmanager
async def open_links(profile: LinkProfile, most_under_way: int, peers: int) -> AsyncIterator[LanlineFanOut]:
    connections: list[Connection] = []
    host = LinkHost(
        await UdpSocket.bind("127.0.0.1", 0),
        Identity.generate(),
        profile=profile,
        on_accept=lambda connection, _address: connections.append(connection),
    )
    async with link_peers(host.address[1], peers, sockets=peers):
        fan_out = LanlineFanOut(connections, most_under_way)
        await fan_out.cpu_s(WARM_UP_BATCH, WARM_UP_BATCHES)
        yield fan_out

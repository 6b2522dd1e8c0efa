"""One side of a link with what it has seen, for tests over real sockets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived, MessagesDelivered
from lanline.transport.connection import Connection

LIMIT_S = 60.0


class End:
    """What one side of a link has seen."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.received: dict[Channel, list[bytes]] = defaultdict(list)
        self.order: list[Channel] = []
        self.events: list[LinkEvent] = []
        self.delivered: dict[Channel, int] = defaultdict(int)
        self.changed = asyncio.Event()
        connection.set_handler(self.see)

    @property
    def closed(self) -> LinkClosed | None:
        return self.connection.closed

    def see(self, event: LinkEvent) -> None:
        self.events.append(event)
        if isinstance(event, MessageReceived):
            self.received[event.channel].append(event.payload)
            self.order.append(event.channel)
        elif isinstance(event, MessagesDelivered):
            self.delivered[event.channel] = event.through
        self.changed.set()

    async def wait_until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

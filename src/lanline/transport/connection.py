"""What a session holds of a link, whichever link it is: send now, receive when it comes, close."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from lanline.errors import CloseCode, LinkNotOpen
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived, SendBufferDrained
from lanline.proto.messagelink import MessageLink
from lanline.transport.driver import Driver

EventHandler = Callable[[LinkEvent], None]


class Connection:
    """Events go to the handler, in the turn they happen in; without a handler they wait for `receive`."""

    __slots__ = ("_driver", "_handler", "_link", "_waiting", "_wakers", "binding", "closed", "peer_fingerprint")

    def __init__(self, link: MessageLink, driver: Driver) -> None:
        self._link = link
        self._driver = driver
        self._handler: EventHandler | None = None
        self._waiting: deque[LinkEvent] | None = None
        self._wakers: list[asyncio.Future[None]] | None = None
        self.peer_fingerprint = b""
        self.binding = b""
        self.closed: LinkClosed | None = None

    def set_handler(self, handler: EventHandler) -> None:
        self._handler = handler
        while self._waiting:
            self._hand_over(self._waiting.popleft(), handler)

    # Sending.

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        """Queue a message and return its number in the channel. Raises LinkNotOpen, SendBufferFull, MessageTooLarge."""
        number = self._link.send_message(channel, payload)
        self._driver.request_turn()
        return number

    def send_framed_nowait(self, channel: Channel, framed: bytes, count: int) -> int:
        number = self._link.send_framed(channel, framed, count)
        self._driver.request_turn()
        return number

    def is_writable(self, channel: Channel) -> bool:
        return self._link.is_writable(channel)

    async def wait_writable(self, channel: Channel) -> None:
        while not self._link.is_writable(channel):
            if self.closed is not None:
                raise LinkNotOpen(self.closed.reason)
            await self._wait_for_event()

    # Receiving.

    async def receive(self) -> LinkEvent:
        """The next event. After `LinkClosed` there is none, and asking again raises LinkNotOpen."""
        while not self._waiting:
            if self.closed is not None:
                raise LinkNotOpen(self.closed.reason)
            await self._wait_for_event()
        event = self._waiting.popleft()
        self._release(event)
        return event

    async def _wait_for_event(self) -> None:
        waker = asyncio.get_running_loop().create_future()
        if self._wakers is None:
            self._wakers = []
        self._wakers.append(waker)
        await waker

    def handle_event(self, event: LinkEvent) -> None:
        """For the transport: an event of this link."""
        if type(event) is LinkEstablished:
            self.peer_fingerprint = event.peer_fingerprint
            self.binding = event.binding
        elif type(event) is LinkClosed:
            self.closed = event
        if self._handler is not None:
            self._hand_over(event, self._handler)
        elif type(event) is not SendBufferDrained:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(event)
        if self._wakers:
            wakers, self._wakers = self._wakers, None
            for waker in wakers:
                if not waker.done():
                    waker.set_result(None)

    def _hand_over(self, event: LinkEvent, handler: EventHandler) -> None:
        handler(event)
        self._release(event)

    def _release(self, event: LinkEvent) -> None:
        if type(event) is MessageReceived:
            self._link.release(event.channel, len(event.payload))
            self._driver.request_turn()

    # The end.

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        self._driver.turn(lambda now: self._link.close(code, reason, now))

    async def wait_closed(self) -> LinkClosed:
        while self.closed is None:
            await self._wait_for_event()
        return self.closed

"""What a session holds of a link, whichever link it is: send now, receive when it comes, close."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from lanline.errors import CloseCode, LinkError, LinkNotOpen
from lanline.proto.channels import UNRELIABLE_CHANNELS, Channel
from lanline.proto.events import (
    LinkClosed,
    LinkEstablished,
    LinkEvent,
    MessageReceived,
    MessagesDelivered,
    SendBufferDrained,
)
from lanline.proto.messagelink import MessageLink
from lanline.transport.datagrams import Address
from lanline.transport.driver import Driver
from lanline.transport.streams import MessageStreams, PacketHandler, StreamWay

EventHandler = Callable[[LinkEvent], None]
AcceptHandler = Callable[["Connection", Address], None]
_UNREAD_MEDIA_BYTES = 256 * 1024
"""Media has no flow control: what nobody reads has to end somewhere."""
_EVENT_COST_BYTES = 128


class Connection:
    """Events go to the handler, in the turn they happen in; without a handler they wait for `receive`."""

    __slots__ = (
        "_driver",
        "_handler",
        "_link",
        "_streams",
        "_unread_media_bytes",
        "_waiting",
        "_wakers",
        "binding",
        "closed",
        "measure_queueing",
        "on_trust",
        "peer_fingerprint",
    )

    def __init__(self, link: MessageLink, driver: Driver, streams: StreamWay | None = None) -> None:
        self._link = link
        self._streams = streams or MessageStreams(link, driver)
        self._driver = driver
        self._handler: EventHandler | None = None
        self._waiting: deque[LinkEvent] | None = None
        self._wakers: list[asyncio.Future[None]] | None = None
        self._unread_media_bytes = 0
        self.on_trust: Callable[[], None] | None = None
        """For the transport: called when the peer has shown who it is."""
        self.measure_queueing: Callable[[], float | None] | None = None
        """For the transport: where it knows what the link cannot."""
        self.peer_fingerprint = b""
        self.binding = b""
        self.closed: LinkClosed | None = None

    def set_handler(self, handler: EventHandler) -> None:
        self._handler = handler
        while self._waiting:
            self._hand_over(self._take_waiting(self._waiting), handler)
        self._waiting = None

    async def wait_established(self) -> Connection:
        """For the transport: the outcome of a call. Whoever stops waiting for it has hung up."""
        try:
            event = await self.receive()
        except asyncio.CancelledError:
            self.close()
            raise
        if isinstance(event, LinkClosed):
            raise LinkError(event.reason, event.code)
        return self

    def introduce(self, on_accept: AcceptHandler, address: Address) -> None:
        """For the transport: hand a caller in."""
        try:
            on_accept(self, address)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is one session's and no other link's
            self._report(error)

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

    @property
    def largest_datagram_bytes(self) -> int:
        return self._link.largest_datagram_bytes

    @property
    def queueing_s(self) -> float | None:
        """How long what is sent waits in queues on the way, as far as is known: beyond the shortest round trip."""
        return self._link.queueing_s if self.measure_queueing is None else self.measure_queueing()

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
        event = self._take_waiting(self._waiting)
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
        if type(event) is MessageReceived and event.channel is Channel.MEDIA and self._streams.take(event.payload):
            return
        if type(event) is LinkEstablished:
            self.peer_fingerprint = event.peer_fingerprint
            self.binding = event.binding
        elif type(event) is LinkClosed:
            self.closed = event
        handler = self._handler
        if handler is not None:
            self._hand_over(event, handler)
        elif type(event) is not SendBufferDrained:
            self._keep(event)
        if self._wakers:
            wakers, self._wakers = self._wakers, None
            for waker in wakers:
                if not waker.done():
                    waker.set_result(None)
        if type(event) is LinkClosed:
            # A session and its link hold each other, and neither is of use any more.
            self._handler = self.on_trust = None

    def _keep(self, event: LinkEvent) -> None:
        """Until somebody asks. The window of a channel bounds reliable messages; the rest is bounded here."""
        if self._waiting is None:
            self._waiting = deque()
        waiting = self._waiting
        if type(event) is MessageReceived and event.channel in UNRELIABLE_CHANNELS:
            size = len(event.payload) + _EVENT_COST_BYTES
            if self._unread_media_bytes + size > _UNREAD_MEDIA_BYTES:
                return
            self._unread_media_bytes += size
        elif type(event) is MessagesDelivered:
            _drop_outdated(waiting, event.channel)
        waiting.append(event)

    def _take_waiting(self, waiting: deque[LinkEvent]) -> LinkEvent:
        event = waiting.popleft()
        if type(event) is MessageReceived and event.channel in UNRELIABLE_CHANNELS:
            self._unread_media_bytes -= len(event.payload) + _EVENT_COST_BYTES
        return event

    def _hand_over(self, event: LinkEvent, handler: EventHandler) -> None:
        try:
            handler(event)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is one session's and no other link's
            self._report(error)
        if type(event) is MessageReceived:
            self._link.release(event.channel, len(event.payload))
            self._driver.request_turn()

    def _report(self, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a session failed at an event of its link", "exception": error}
        )

    def _release(self, event: LinkEvent) -> None:
        if type(event) is MessageReceived:
            self._link.release(event.channel, len(event.payload))
            self._driver.request_turn()

    def trust(self) -> None:
        """The peer has shown who it is: take as much as the profile of the link says."""
        self._link.trust()
        if self.on_trust is not None:
            self.on_trust()
        self._driver.request_turn()

    # Streams of packets that were sealed once for many, beside the channels. docs/protocol/media.md, 2.

    def send_stream(self, packets: list[bytes]) -> None:
        """A burst, at once. What cannot be sent now is lost."""
        self._streams.send(packets)

    def receive_stream(self, stream_id: bytes, handler: PacketHandler) -> None:
        """Packets with this id that come from the peer go to the handler, whatever else happens on the link."""
        self._streams.open(stream_id, handler)

    def stop_stream(self, stream_id: bytes) -> None:
        self._streams.close(stream_id)

    # The end.

    def close(self, code: CloseCode = CloseCode.DONE, reason: str = "") -> None:
        self._driver.turn(lambda now: self._link.close(code, reason, now))

    async def wait_closed(self) -> LinkClosed:
        while self.closed is None:
            await self._wait_for_event()
        return self.closed


def _drop_outdated(waiting: deque[LinkEvent], channel: Channel) -> None:
    """The later number says all that the earlier one did. Only the latest events are looked at: one a channel."""
    for index in range(len(waiting) - 1, -1, -1):
        event = waiting[index]
        if type(event) is not MessagesDelivered:
            return
        if event.channel is channel:
            del waiting[index]
            return

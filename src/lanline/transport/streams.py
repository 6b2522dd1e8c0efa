"""How stream packets travel beside a link. They are sealed already, once for all who receive them, so a burst goes out
as it is: over UDP from the link's own socket to the address that the peer has proven, and nowhere else; over WebSocket
as messages on MEDIA.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from lanline.errors import LinkError
from lanline.proto.channels import Channel
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.proto.link.preamble import CONNECTION_ID_BYTES
from lanline.proto.messagelink import MessageLink
from lanline.transport.datagrams import Address, DatagramSocket
from lanline.transport.driver import Driver

PacketHandler = Callable[[bytes], None]


class StreamWay(Protocol):
    def send(self, packets: list[bytes]) -> None: ...

    def open(self, stream_id: bytes, handler: PacketHandler) -> None: ...

    def close(self, stream_id: bytes) -> None: ...

    def take(self, message: bytes) -> bool:
        """Whether this message of MEDIA is a packet of an open stream; then it has been handed over."""


class LinkStreams:
    __slots__ = ("_endpoint", "_link", "_socket")

    def __init__(self, link: Link, endpoint: Endpoint, sock: DatagramSocket) -> None:
        self._link = link
        self._endpoint = endpoint
        self._socket = sock

    def send(self, packets: list[bytes]) -> None:
        """While the peer moves, its new address is not proven, and nothing goes there: it might be a victim's."""
        address = self._link.proven_address
        if address is not None:
            self._socket.send(address, packets)

    def open(self, stream_id: bytes, handler: PacketHandler) -> None:
        def receive(data: bytes, address: Address, _now: float) -> None:
            if address == self._link.address:
                handler(data)

        self._endpoint.open_stream(stream_id, receive)

    def close(self, stream_id: bytes) -> None:
        self._endpoint.close_stream(stream_id)

    def take(self, message: bytes) -> bool:  # noqa: ARG002 -- over UDP, packets do not come as messages
        return False


class MessageStreams:
    __slots__ = ("_driver", "_handlers", "_link")

    def __init__(self, link: MessageLink, driver: Driver) -> None:
        self._link = link
        self._driver = driver
        self._handlers: dict[bytes, PacketHandler] = {}

    def send(self, packets: list[bytes]) -> None:
        for packet in packets:
            with suppress(LinkError):
                self._link.send_message(Channel.MEDIA, packet)
        self._driver.request_turn()

    def open(self, stream_id: bytes, handler: PacketHandler) -> None:
        self._handlers[stream_id] = handler

    def close(self, stream_id: bytes) -> None:
        self._handlers.pop(stream_id, None)

    def take(self, message: bytes) -> bool:
        handler = self._handlers.get(message[:CONNECTION_ID_BYTES])
        if handler is None:
            return False
        handler(message)
        return True

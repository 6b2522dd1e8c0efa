"""TCP with TLS 1.3, by asyncio and OpenSSL: messages with a length in front, TCP_NODELAY on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import cast

from contenders import OnMessage, Place
from lanline.proto.framing import MessageParser, frame_message

TITLE = "TCP + TLS 1.3"
CARRIER = "ip"
PARTS = ("latency", "bulk", "goodput")
DATAGRAM = "the device's MTU"
"""64 KiB on loopback, 1500 B on a TUN device."""

LONGEST_MESSAGE_BYTES = 1 << 20


class TlsLink(asyncio.Protocol):
    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._parser = MessageParser(LONGEST_MESSAGE_BYTES)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        for message in self._parser.feed(data):
            self._on_message(self, message)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lost = True
        self._writable.set()

    def send(self, message: bytes) -> None:
        if self._lost or self._transport is None:
            raise ConnectionError("the TCP connection is gone")
        self._transport.write(frame_message(message))

    async def drain(self) -> None:
        await self._writable.wait()
        if self._lost:
            raise ConnectionError("the TCP connection is gone")


async def listen(place: Place, on_message: OnMessage) -> object:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(place.certificate, place.key)
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: TlsLink(on_message), place.host, place.port, ssl=context)


async def connect(place: Place, on_message: OnMessage) -> TlsLink:
    context = ssl.create_default_context(cafile=str(place.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _, link = await asyncio.get_running_loop().create_connection(
        lambda: TlsLink(on_message), place.host, place.port, ssl=context, server_hostname="localhost"
    )
    return link

"""QUIC by aioquic: messages with a length in front, on one bidirectional stream, CUBIC, windows that never bind.

What is sent in one turn of the loop leaves together.
"""

from __future__ import annotations

import asyncio
import ssl

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.asyncio import connect as quic_connect
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamDataReceived

from contenders import OnMessage, Place
from lanline.proto.framing import MessageParser, frame_message

TITLE = "QUIC (aioquic), one stream"
CARRIER = "udp"
PARTS = ("latency", "bulk", "goodput")
DATAGRAM = "1200 B"
LONGEST_MESSAGE_BYTES = 1 << 20
STREAM = 0
"""The first bidirectional stream that a client opens; RFC 9000 section 2.1."""


class StreamLink(QuicConnectionProtocol):
    on_message: OnMessage

    def start(self, on_message: OnMessage) -> StreamLink:
        self.on_message = on_message
        self._parser = MessageParser(LONGEST_MESSAGE_BYTES)
        self._ended = False
        self._leaving = False
        return self

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            for message in self._parser.feed(event.data):
                self.on_message(self, message)
        elif isinstance(event, ConnectionTerminated):
            self._ended = True

    def send(self, message: bytes) -> None:
        if self._ended:
            raise ConnectionError("the QUIC connection is gone")
        self._quic.send_stream_data(STREAM, frame_message(message))
        if not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        self._leaving = False
        self.transmit()

    async def drain(self) -> None:
        """Its send buffer has no bound and no signal; the harness limits what is on its way."""


def _configuration(*, is_client: bool) -> QuicConfiguration:
    return QuicConfiguration(
        is_client=is_client,
        alpn_protocols=["lanline-bench"],
        congestion_control_algorithm="cubic",
        max_data=1 << 30,
        max_stream_data=1 << 30,
    )


async def listen(place: Place, on_message: OnMessage) -> object:
    configuration = _configuration(is_client=False)
    configuration.load_cert_chain(place.certificate, place.key)
    return await serve(
        place.host,
        place.port,
        configuration=configuration,
        create_protocol=lambda *args, **kwargs: StreamLink(*args, **kwargs).start(on_message),
    )


async def connect(place: Place, on_message: OnMessage) -> StreamLink:
    configuration = _configuration(is_client=True)
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.server_name = "localhost"
    configuration.load_verify_locations(str(place.certificate))
    opening = quic_connect(
        place.host,
        place.port,
        configuration=configuration,
        create_protocol=lambda *args, **kwargs: StreamLink(*args, **kwargs).start(on_message),
    )
    link: StreamLink = await opening.__aenter__()
    link.opening = opening  # whoever drops the context manager closes the connection
    return link

"""Receives the plain format: says hello, again and again, and puts pictures together. Listens to the server only."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from lanline.client.port import open_port
from lanline.client.video.feed import Counts
from lanline.client.video.otherformat import is_of_a_link, link_hello
from lanline.errors import InvalidInput
from lanline.media.api import Codec, EncodedFrame
from lanline.media.pace import now_us
from lanline.model.addresses import address_text
from lanline.proto.media.plain import HELLO, PlainReassembler
from lanline.transport.datagrams import Address
from lanline.transport.udp import UdpSocket

HELLO_EVERY_S = 1.0
_MOST_WAITING = 64
"""Frames that a slow disk may be behind; a screen takes only the newest."""


class PlainWatch:
    def __init__(self, max_buffer_frames: int) -> None:
        self._reassembler = PlainReassembler(max_buffer_frames)
        self._socket: UdpSocket | None = None
        self._server: Address = ("", 0)
        self._frames: deque[EncodedFrame] = deque(maxlen=_MOST_WAITING)
        self._has_frames = asyncio.Event()
        self._greeting: asyncio.Task[None] | None = None
        self._bytes_received = 0
        self.is_refused = False
        self.other_format = ""

    @property
    def source(self) -> str:
        return address_text(self._server)

    async def start(self, server_host: str, server_port: int, listen_host: str, listen_port: int) -> None:
        self._socket, server = await open_port(
            listen_host, listen_port, server_host, server_port, may_fragment=True, hears_refusals=True
        )
        if server is None or server[1] == 0:
            self._socket.close()
            raise InvalidInput("A server has a port from 1 to 65535.")
        self._server = server
        self._socket.start(self._on_readable)
        self._greeting = asyncio.create_task(self._greet())

    async def _greet(self) -> None:
        assert self._socket is not None
        has_waited = False
        while True:
            self._socket.send(self._server, [HELLO])
            if has_waited and not self._bytes_received:  # whoever answers is not asked what it does not know
                self._socket.send(self._server, [link_hello()])
            await asyncio.sleep(HELLO_EVERY_S)
            has_waited = True

    def _on_readable(self) -> None:
        assert self._socket is not None
        for data, address in self._socket.receive():
            if address == self._server:
                self._on_datagram(data)
        if any(refusal.address == self._server for refusal in self._socket.refusals()):
            self.is_refused = True

    def _on_datagram(self, data: bytes) -> None:
        self.is_refused = False
        if not self._bytes_received and is_of_a_link(data):
            self.other_format = f"{self.source} serves encrypted video: leave out --plain, and use its watch link."
            return
        self.other_format = ""
        self._bytes_received += len(data)
        complete = self._reassembler.receive_datagram(data)
        if complete is not None:
            self._frames.append(EncodedFrame(Codec.JPEG, True, now_us(), complete.payload, 0, 0))
            self._has_frames.set()

    def counts(self) -> Counts:
        known = self._reassembler
        return Counts(known.frames_completed, self._bytes_received, f"{known.frames_dropped} incomplete")

    async def take(self, timeout_s: float) -> list[EncodedFrame]:
        if not self._frames:
            self._has_frames.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._has_frames.wait()
        taken = list(self._frames)
        self._frames.clear()
        return taken

    def request_key(self) -> None:
        """Every frame of the plain format is one."""

    @property
    def has_answered(self) -> bool:
        return self._bytes_received > 0

    has_sound = is_still = False
    advice = description = ""

    def limit_height(self, most_lines: int) -> None:
        """The plain format has one size."""

    def refuse_sound(self) -> None:
        """The plain format has none."""

    def close(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        if self._socket is not None:
            self._socket.close()

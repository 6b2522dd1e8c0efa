"""A live picture in the plain format, to whoever has said hello. Not encrypted: on the own wire only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lanline.client.video.budget import Budget
from lanline.client.video.capture import Capture
from lanline.client.video.linelimit import LineLimit
from lanline.client.video.plainviewers import MOST_PER_HOST, MOST_VIEWERS, Answer, PlainViewers
from lanline.errors import MessageTooLarge
from lanline.media.api import EncodedFrame
from lanline.model.addresses import address_text
from lanline.proto.media.plain import PlainPacketiser, is_hello
from lanline.transport.udp import UdpSocket

MOST_BITS_PER_S = 1e9
_STEP_S = 0.001
_DATAGRAMS_PER_STEP = 16
"""What goes out in one piece: small enough for the buffers of a switch, and a small picture is not made late."""
_MOST_COMPLAINTS = 100
_MOST_COMINGS = 20
"""Lines in ten seconds. They are counted apart: hellos are easily forged, and must not hide a complaint."""


class PlainServer:
    def __init__(
        self, capture: Capture, mtu_bytes: int, tell: Callable[[str], None], *, is_public: bool = False
    ) -> None:
        self._capture = capture
        self._packetiser = PlainPacketiser(mtu_bytes)
        self._viewers = PlainViewers(is_public=is_public)
        self._budget = Budget(MOST_BITS_PER_S)
        self._socket: UdpSocket | None = None
        self._loop = asyncio.get_running_loop()
        self._complaints = LineLimit(tell, _MOST_COMPLAINTS)
        self._comings = LineLimit(tell, _MOST_COMINGS)
        self.frames_sent = 0
        self.bytes_sent = 0

    @property
    def port(self) -> int:
        assert self._socket is not None
        return self._socket.address[1]

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    async def start(self, host: str, port: int) -> None:
        self._socket = await UdpSocket.bind(host, port, may_fragment=True, hears_refusals=True)
        self._socket.start(self._on_readable)

    def _on_readable(self) -> None:
        assert self._socket is not None
        now = self._loop.time()
        for data, address in self._socket.receive():
            if is_hello(data):
                self._on_hello((address[0], address[1]), now)
        for refusal in self._socket.refusals():
            if self._viewers.refused(refusal.address, now, is_certain=refusal.is_certain):
                self._tell_of(refusal.address, "is gone.")
        self._capture.want(bool(self._viewers))

    def _on_hello(self, address: tuple[str, int], now: float) -> None:
        match self._viewers.hello(address, now):
            case Answer.WELCOME:
                self._capture.request_key()
                self._tell_of(address, "watches.", f" Viewers: {self.viewers}.")
            case Answer.NOT_NEAR:
                self._complain(
                    f"{address_text(address)} said hello, which is on no private network: --public serves it too.",
                    "public",
                )
            case Answer.FULL:
                self._complain(
                    f"More than {MOST_VIEWERS} want to watch: {address_text(address)} was not let in.", "full"
                )
            case Answer.HOST_FULL:
                self._complain(
                    f"More than {MOST_PER_HOST} on {address[0]} want to watch: the others were not let in.", address[0]
                )

    def _complain(self, sentence: str, subject: str) -> None:
        self._complaints.tell(sentence, subject, self._loop.time())

    def _tell_of(self, address: tuple[str, int], what: str, more: str = "") -> None:
        sentence = f"{address_text(address)} {what}"
        self._comings.tell(sentence + more, sentence, self._loop.time())

    async def run(self) -> None:
        """Until the source ends, which is a MediaProblem."""
        while True:
            frame = await self._capture.next_frame()
            self._expire()
            addresses = self._viewers.addresses()
            if addresses:
                await self._send(frame, addresses)

    def _expire(self) -> None:
        for address in self._viewers.expire(self._loop.time()):
            self._tell_of(address, "has not repeated its hello, and is forgotten.")
        self._capture.want(bool(self._viewers))

    async def _send(self, frame: EncodedFrame, addresses: list[tuple[str, int]]) -> None:
        try:
            datagrams = self._packetiser.packetise(frame.payload)
        except MessageTooLarge as problem:
            self._complain(str(problem), "size")
            return
        size_bytes = sum(map(len, datagrams)) * len(addresses)
        if not self._budget.take(size_bytes, self._loop.time()):
            self._complain(
                f"{len(addresses)} viewers take more than {MOST_BITS_PER_S / 1e6:,.0f} Mbit/s: pictures are left out.",
                "rate",
            )
            return
        await self._send_paced(datagrams, addresses)
        self.frames_sent += 1
        self.bytes_sent += size_bytes

    async def _send_paced(self, datagrams: list[bytes], addresses: list[tuple[str, int]]) -> None:
        """In steps of a millisecond, of which as few as fit into half the time until the next picture."""
        assert self._socket is not None
        steps = max(1, int(0.5 / self._capture.fps / _STEP_S))
        at_once = max(_DATAGRAMS_PER_STEP, -(-len(datagrams) // steps))
        begun = self._loop.time()
        for number, start in enumerate(range(0, len(datagrams), at_once)):
            wait = begun + number * _STEP_S - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            for address in addresses:
                self._socket.send(address, datagrams[start : start + at_once])

    async def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        await self._capture.close()

"""Receives what `videosender.py` sends, decodes it, and tells at the end when which number was shown.

It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from collections.abc import Sequence

import numpy as np

from lanline.client.video.viewer import VideoViewer
from lanline.crypto.identity import Identity
from lanline.errors import DamagedFrame
from lanline.media import framenumber
from lanline.media.api import Layout, Picture
from lanline.proto.media.plain import HELLO, PlainReassembler
from lanline.proto.media.viewer import Viewer
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from parent import commands, say
from videofeed import SIZE, NumberReader, now_us

TOP_ROW_BYTES = SIZE.width * framenumber.square_size(SIZE.width)
SQUARES = framenumber.square_size(SIZE.width)


class Shown:
    """The first time that each number was shown, and what else there is to say of it."""

    def __init__(self) -> None:
        self.at_us: dict[int, int] = {}
        self.rungs: list[tuple[int, int]] = []
        self.captured: list[int] = []
        """When the frames that arrived were captured, in 32 bits of the sender's clock."""
        self._reader = NumberReader()

    def show(self, payload: bytes) -> None:
        try:
            numbers = self._reader.read(payload)
        except DamagedFrame:
            return
        for number in numbers:
            self.note(number)

    def note(self, number: int) -> None:
        self.at_us.setdefault(number, now_us())


async def receive_plain(port: int, shown: Shown) -> None:
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    sock.sendto(HELLO, ("127.0.0.1", port))
    say(event="ready")
    reassembler = PlainReassembler()
    while True:
        frame = reassembler.receive_datagram(await loop.sock_recv(sock, 65_536))
        if frame is not None:
            shown.show(frame.payload)


async def receive_sealed(port: int, shown: Shown, *, repairs: bool) -> None:
    host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), Identity.generate())

    async def call() -> Connection:
        return await host.connect(("127.0.0.1", port))

    viewer = VideoViewer(call, make_core=lambda wants: Viewer(wants, repairs=repairs))
    watching = asyncio.create_task(viewer.run())
    is_ready = False
    try:
        while viewer.end is None:
            frames = await viewer.take(0.1)
            if viewer.offer is not None and not is_ready:
                is_ready = True
                say(event="ready")
            for frame in frames:
                shown.captured.append(frame.captured_at_us & 0xFFFFFFFF)
                shown.show(frame.payload)
            if frames and viewer.statistics.rung is not None:
                shown.rungs.append((now_us(), viewer.statistics.rung))
    finally:
        watching.cancel()
        host.close()


async def receive_by_ffmpeg(arguments: Sequence[str], shown: Shown) -> None:
    """It writes the rows with the number, decoded, to its standard output."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    say(event="ready")
    try:
        while True:
            rows = np.frombuffer(await process.stdout.readexactly(TOP_ROW_BYTES), np.uint8)
            pixels = rows.reshape(SQUARES, SIZE.width)
            shown.note(framenumber.read(Picture(pixels, Layout.FULL_YUV, 0)))
    except asyncio.IncompleteReadError:
        return
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(mode: str, port: int, ffmpeg: Sequence[str]) -> None:
    shown = Shown()
    if mode == "plain":
        receiving = receive_plain(port, shown)
    elif mode == "ffmpeg":
        receiving = receive_by_ffmpeg(ffmpeg, shown)
    else:
        receiving = receive_sealed(port, shown, repairs=mode != "fec")
    task = asyncio.create_task(receiving)
    ended = asyncio.create_task((await commands()).readline())
    await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
    await ended
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    say(event="received", shown=shown.at_us, rungs=shown.rungs, captured=shown.captured)


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive numbered pictures.")
    parser.add_argument("mode", choices=("plain", "fec", "nack", "both", "adaptive", "ladder", "ffmpeg"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ffmpeg", type=json.loads, default=[], help="its command line, as JSON")
    wanted = parser.parse_args()
    asyncio.run(run(wanted.mode, wanted.port, wanted.ffmpeg))


if __name__ == "__main__":
    main()

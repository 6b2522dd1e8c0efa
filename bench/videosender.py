"""Sends numbered pictures for the video bench, in one of its manners, and tells at the end when each was captured.

It prints that it is ready, begins when it hears `begin`, and ends after so many seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import socket
from collections.abc import Sequence

from lanline.client.video.codecs import to_wire
from lanline.client.video.publisher import VideoPublisher
from lanline.client.video.rungs import RungEncoders
from lanline.crypto.identity import Identity
from lanline.media.api import Codec, EncodedFrame, Encoder, Picture, Size
from lanline.media.codecs.choice import layout_for, make_encoder
from lanline.proto.media.outgoingstream import StreamPlan
from lanline.proto.media.plain import PlainPacketiser, is_hello
from lanline.proto.media.publisher import Publisher
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.video import StreamCodec
from parent import commands, say
from videofeed import FPS, QUALITY, SIZE, Pictures, jpeg_encoder, now_us

FIXED_PARITY = 0.2
LADDER = ((240, 400_000), (480, 1_100_000), (720, 2_600_000), (1080, 5_500_000))
"""Heights, and bits a second."""
LADDER_MODES = {f"ladder-{codec.value}": codec for codec in (Codec.JPEG, Codec.H264)}


async def pictures(seconds: float, pictures: Pictures):  # noqa: ANN201 -- an async generator of numbers and pictures
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number, picture in pictures:
        if number >= seconds * FPS:
            return
        await asyncio.sleep(max(0.0, begin + number / FPS - loop.time()))
        yield number, picture.__class__(picture.pixels, picture.layout, now_us())


async def send_plain(port: int, seconds: float) -> dict[int, int]:
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", port))
    say(event="ready")
    data, viewer = await loop.sock_recvfrom(sock, 2048)
    assert is_hello(data)
    await (await commands()).readline()
    packetiser, encoder = PlainPacketiser(1200), jpeg_encoder()
    captured: dict[int, int] = {}
    async for number, picture in pictures(seconds, Pictures()):
        captured[number] = picture.captured_at_us
        for frame in encoder.encode(picture):
            for datagram in packetiser.packetise(frame.payload):
                sock.sendto(datagram, viewer)
    return captured


def _fixed_parity(total: int, _loss: float) -> int:
    return math.ceil(FIXED_PARITY * total)


def _no_parity(_total: int, _loss: float) -> int:
    return 0


PARITY = {"fec": _fixed_parity, "both": _fixed_parity, "nack": _no_parity}


async def send_sealed(port: int, seconds: float, mode: str) -> dict[int, int]:
    plan = StreamPlan(StreamCodec.JPEG, SIZE.width, SIZE.height, 5_000_000)
    core = Publisher([plan], fps=FPS, entropy=os.urandom)
    core.parity_policy = PARITY.get(mode, core.parity_policy)
    publisher = VideoPublisher(core)
    host = LinkHost(await UdpSocket.bind("127.0.0.1", port), Identity.generate(), on_accept=publisher.accept)
    say(event="ready")
    await (await commands()).readline()
    encoder = jpeg_encoder()
    captured: dict[int, int] = {}
    async for number, picture in pictures(seconds, Pictures()):
        captured[number] = picture.captured_at_us
        for frame in encoder.encode(picture):
            publisher.publish(0, frame)
    await asyncio.sleep(0.5)
    publisher.close()
    host.close("done")
    return captured


class Filler:
    """In the place of a JPEG encoder: frames of which nothing counts but the size, which is the same for each."""

    codec = Codec.JPEG

    def __init__(self) -> None:
        self._size_bytes = 0

    def set_bitrate(self, bits_per_s: int) -> None:
        self._size_bytes = int(bits_per_s / 8 / FPS)

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        return [EncodedFrame(Codec.JPEG, True, picture.captured_at_us, bytes(self._size_bytes), 0, 0)]

    def request_key(self) -> None: ...
    def close(self) -> None: ...


async def send_ladder(port: int, seconds: float, codec: Codec, least: int, top: int) -> dict[int, int]:
    plans = [
        StreamPlan(to_wire(codec), height * 16 // 9 & ~1, height, rate)
        for height, rate in LADDER
        if least <= height <= top
    ]

    def encoder(rung: int) -> Encoder:
        made = Filler() if codec is Codec.JPEG else make_encoder(codec, QUALITY, FPS)
        made.set_bitrate(plans[rung].bits_per_s)
        return made

    layout = layout_for(codec)
    encoders = RungEncoders(plans, encoder, layout)
    publisher = VideoPublisher(Publisher(plans, fps=FPS, entropy=os.urandom), encoders)
    host = LinkHost(await UdpSocket.bind("127.0.0.1", port), Identity.generate(), on_accept=publisher.accept)
    say(event="ready")
    await (await commands()).readline()
    captured: dict[int, int] = {}
    async for number, drawn in pictures(seconds, Pictures(Size(plans[-1].width, top))):
        captured[number] = drawn.captured_at_us
        picture = Picture(drawn.pixels, layout, drawn.captured_at_us)
        for rung, frame in await asyncio.to_thread(encoders.encode, picture):
            publisher.publish(rung, frame)
    await asyncio.sleep(0.5)
    publisher.close()
    host.close("done")
    return captured


async def send_by_ffmpeg(seconds: float, arguments: Sequence[str]) -> dict[int, int]:
    """Raw pictures into the standard input of FFmpeg, which encodes and sends them."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdin is not None
    say(event="ready")
    await (await commands()).readline()
    captured: dict[int, int] = {}
    try:
        async for number, picture in pictures(seconds, Pictures()):
            captured[number] = picture.captured_at_us
            process.stdin.write(picture.pixels.tobytes())
            await process.stdin.drain()
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 3.0)
        except TimeoutError:
            process.kill()
            await process.wait()
    return captured


async def run(mode: str, port: int, seconds: float, ffmpeg: Sequence[str], least: int, top: int) -> None:
    if mode == "plain":
        captured = await send_plain(port, seconds)
    elif mode in LADDER_MODES:
        captured = await send_ladder(port, seconds, LADDER_MODES[mode], least, top)
    elif mode == "ffmpeg":
        captured = await send_by_ffmpeg(seconds, ffmpeg)
    else:
        captured = await send_sealed(port, seconds, mode)
    say(event="sent", captured=captured)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send numbered pictures.")
    parser.add_argument("mode", choices=("plain", "fec", "nack", "both", "adaptive", *LADDER_MODES, "ffmpeg"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--least", type=int, default=240, help="lines of the smallest size of a ladder")
    parser.add_argument("--top", type=int, default=1080, help="and of the largest")
    parser.add_argument("--ffmpeg", type=json.loads, default=[], help="its command line, as JSON")
    wanted = parser.parse_args()
    asyncio.run(run(wanted.mode, wanted.port, wanted.seconds, wanted.ffmpeg, wanted.least, wanted.top))


if __name__ == "__main__":
    main()

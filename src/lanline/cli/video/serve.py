"""`lanline video serve`."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.running import run
from lanline.cli.video.options import (
    ALL_ADDRESSES,
    DEFAULT_PORT,
    LEAST_DATAGRAM_BYTES,
    MOST_DATAGRAM_BYTES,
    check_range,
    needs_libraries,
    parse_size,
    say,
    say_aside,
)
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.video.capture import Capture
    from lanline.client.video.plainserver import PlainServer
    from lanline.media.sources.choice import Wanted

_STATISTICS_EVERY_S = 1.0


class CodecName(StrEnum):
    JPEG = "jpeg"
    H264 = "h264"
    VP8 = "vp8"
    AV1 = "av1"


def serve(
    source: Annotated[
        str, typer.Option(help="camera, screen, test, a video file, or a folder of pictures.")
    ] = "camera",
    camera_index: Annotated[int, typer.Option(min=0, max=99, help="Which camera.")] = 0,
    host: Annotated[str, typer.Option(help="Address to serve on; :: for IPv6 as well.")] = ALL_ADDRESSES,
    port: Annotated[int, typer.Option(min=0, max=65535, help="UDP port; 0 takes a free one.")] = DEFAULT_PORT,
    mtu: Annotated[int, typer.Option(help="Bytes of a datagram, its header included: 64 to 65507.")] = 1200,
    fps: Annotated[
        float | None,
        typer.Option(help="Pictures a second, 1 to 240. Default: 20; a file keeps its own.", show_default=False),
    ] = None,
    quality: Annotated[int, typer.Option(help="Of the pictures, 10 to 95.")] = 60,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Of the pictures. Default: as they come.")] = None,
    codec: Annotated[CodecName, typer.Option(help="How pictures are encoded.")] = CodecName.JPEG,
    stats: Annotated[bool, typer.Option("--stats", help="A line of figures each second.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="The plain format, for any program: not encrypted, JPEG, no repair.")
    ] = False,
) -> None:
    """Live video to everybody who asks for it.

    \b
    A camera:       lanline video serve --plain
    Without one:    lanline video serve --plain --source test
    A file:         lanline video serve --plain --source film.mp4
    The viewer:     lanline video watch --plain --server-host HOST

    \b
    Exit status: 0 when you end it, 1 when the picture or the port cannot be
    had, 64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    check_range("--fps", fps, 1, 240)
    check_range("--quality", quality, 10, 95)
    check_range("--mtu", mtu, LEAST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES)
    if not plain:
        raise InvalidInput("Video over the encrypted link is not there yet. Add --plain, on a wire of your own.")
    if codec is not CodecName.JPEG:
        raise InvalidInput("The plain format carries JPEG only: leave out --codec, or --plain.")
    with needs_libraries():
        from lanline.media.sources.choice import Wanted

        wanted = Wanted(source, camera_index, parse_size(size), fps)
        with contextlib.suppress(KeyboardInterrupt):  # however it is ended, that is no failure
            run(_serve_plain(wanted, codec.value, quality, host, port, mtu, stats), on_uvloop=False)


async def _serve_plain(
    wanted: Wanted, codec_name: str, quality: int, host: str, port: int, mtu: int, stats: bool
) -> None:
    from lanline.client.video.plainserver import PlainServer

    capture = _capture(wanted, codec_name, quality)
    server = PlainServer(capture, mtu, say_aside)
    try:
        await server.start(host, port)
        await capture.start()
        say(
            f"Serving {wanted.name}, {capture.size} at {capture.fps:g} fps, on UDP port {server.port}."
            " Plain: not encrypted. Ctrl+C ends it."
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.run())
            if stats:
                tasks.create_task(_count(server, capture))
    except* Exception as problems:  # noqa: BLE001 -- the first one is what happened
        raise problems.exceptions[0] from None
    finally:
        await server.close()


def _capture(wanted: Wanted, codec_name: str, quality: int) -> Capture:
    from lanline.client.video.capture import Capture
    from lanline.media.api import Codec
    from lanline.media.codecs.choice import layout_for, make_encoder
    from lanline.media.sources.choice import open_source

    codec = Codec(codec_name)
    return Capture(
        lambda: open_source(wanted, layout_for(codec)),
        lambda opened: make_encoder(codec, quality, opened.fps),
    )


async def _count(server: PlainServer, capture: Capture) -> None:
    loop = asyncio.get_running_loop()
    last_frames, last_bytes, last_at = 0, 0, loop.time()
    while True:
        await asyncio.sleep(_STATISTICS_EVERY_S)
        now = loop.time()
        frames, size_bytes, elapsed_s = server.frames_sent - last_frames, server.bytes_sent - last_bytes, now - last_at
        say_aside(
            f"viewers {server.viewers}, {frames / elapsed_s:.1f} fps, {size_bytes * 8 / elapsed_s / 1e6:.1f} Mbit/s, "
            f"{capture.frames_missed} missed"
        )
        last_frames, last_bytes, last_at = server.frames_sent, server.bytes_sent, now

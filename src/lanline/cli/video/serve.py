"""`lanline video serve`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lanline.cli.running import DEFAULT_HOME, run
from lanline.cli.video.options import (
    ALL_ADDRESSES,
    DEFAULT_PORT,
    LEAST_DATAGRAM_BYTES,
    MOST_DATAGRAM_BYTES,
    check_range,
    expanded,
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
LEAST_SEALED_BYTES = 256


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
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and the keys you have met.")
    ] = DEFAULT_HOME,
    plain: Annotated[
        bool, typer.Option("--plain", help="The plain format, for any program: not encrypted, JPEG, no repair.")
    ] = False,
) -> None:
    """Live video to everybody who has its watch link.

    Encrypted, repaired where the network loses, each viewer at the size that
    its way carries. The server shows a watch link with the fingerprint of its
    key.

    \b
    A camera:       lanline video serve
    Without one:    lanline video serve --source test
    A file:         lanline video serve --source film.mp4 --codec h264
    For others:     lanline video serve --plain

    \b
    Exit status: 0 when you end it, 1 when the picture or the port cannot be
    had, 64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    check_range("--fps", fps, 1, 240)
    check_range("--quality", quality, 10, 95)
    check_range("--mtu", mtu, LEAST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES)
    if plain and codec is not CodecName.JPEG:
        raise InvalidInput("The plain format carries JPEG only: leave out --codec, or --plain.")
    if not plain and mtu < LEAST_SEALED_BYTES:
        raise InvalidInput(
            f"Encrypted, --mtu goes from {LEAST_SEALED_BYTES} to {MOST_DATAGRAM_BYTES:,}; {mtu} is out of that."
        )
    with needs_libraries():
        from lanline.media.sources.choice import Wanted

        wanted = Wanted(source, camera_index, parse_size(size), fps)
        with contextlib.suppress(KeyboardInterrupt):  # however it is ended, that is no failure
            if plain:
                # uvloop cannot hear who refuses.
                run(_serve_plain(wanted, codec.value, quality, host, port, mtu, stats), on_uvloop=False)
            else:
                run(_serve_sealed(wanted, codec.value, quality, host, port, mtu, stats, expanded(home)))


async def _serve_sealed(
    wanted: Wanted, codec_name: str, quality: int, host: str, port: int, mtu: int, stats: bool, home: Path
) -> None:
    from lanline.client.home import Home
    from lanline.client.video.sealedserver import SealedServer
    from lanline.crypto.words import fingerprint_words
    from lanline.media.api import Codec
    from lanline.media.sources.choice import open_source

    server = SealedServer(Home(home), Codec(codec_name), quality, mtu, say_aside)
    try:
        link = await server.start(partial(open_source, wanted), host, port)
        say(f"Serving {wanted.name}, {server.size} at {server.fps:g} fps, on UDP port {link.port}. Ctrl+C ends it.")
        say(f"Key words: {' '.join(fingerprint_words(link.fingerprint))}")
        _show_code(str(link))
        say(f"Watch with: lanline video watch '{link}'")
        await _with_figures(server.run(), server.figures if stats else None)
    finally:
        await server.close()


def _show_code(link: str) -> None:
    """For a telephone or a second machine with a camera; a log has no use for it."""
    if sys.stdout is not None and sys.stdout.isatty():
        import segno

        with contextlib.suppress(UnicodeEncodeError):
            segno.make(link).terminal(compact=True)


async def _with_figures(work: Coroutine[Any, Any, None], figures: Callable[[], str] | None) -> None:
    """Do the work, and say the figures each second meanwhile."""
    if figures is None:
        await work
        return
    ticking = asyncio.create_task(_tick(figures))
    try:
        await work
    finally:
        ticking.cancel()


async def _tick(figures: Callable[[], str]) -> None:
    while True:
        await asyncio.sleep(_STATISTICS_EVERY_S)
        say_aside(figures())


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
        await _with_figures(server.run(), _plain_figures(server, capture) if stats else None)
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


def _plain_figures(server: PlainServer, capture: Capture) -> Callable[[], str]:
    last = [0, 0, time.monotonic()]

    def figures() -> str:
        now = time.monotonic()
        frames, size_bytes, elapsed_s = server.frames_sent - last[0], server.bytes_sent - last[1], now - last[2]
        last[:] = server.frames_sent, server.bytes_sent, now
        return (
            f"viewers {server.viewers}, {frames / elapsed_s:.1f} fps, {size_bytes * 8 / elapsed_s / 1e6:.1f} Mbit/s, "
            f"{capture.frames_missed} missed"
        )

    return figures

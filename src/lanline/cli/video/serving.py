"""What `lanline video serve` does once it knows what is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import segno

from lanline.cli.video.board import Board
from lanline.cli.video.options import for_so_long, say, say_aside
from lanline.client.home import Home
from lanline.client.video.capture import Capture
from lanline.client.video.plainserver import PlainServer
from lanline.client.video.sealedserver import SealedServer
from lanline.crypto.words import fingerprint_words
from lanline.errors import MediaProblem
from lanline.media.api import Codec, Encoder, Source
from lanline.media.codecs.choice import layout_for, make_encoder
from lanline.media.sources.choice import Wanted, description, open_sound, open_source
from lanline.model.addresses import address_text

_STATISTICS_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What was asked for on the command line."""

    wanted: Wanted
    codec: Codec
    quality: int
    host: str
    port: int
    mtu: int
    stats: bool
    home: Path
    makes_new_link: bool
    is_public: bool
    bits_per_s: int | None
    duration_s: float | None
    rtsp: tuple[str, int] | None


async def serve_sealed(asked: Serving) -> None:
    what, board = _announced(asked.wanted), Board()
    server = SealedServer(
        Home(asked.home),
        asked.codec,
        asked.quality,
        asked.mtu,
        board,
        makes_new_link=asked.makes_new_link,
        bits_per_s=asked.bits_per_s,
    )
    try:
        link = await server.start(
            partial(open_source, asked.wanted), asked.host, asked.port, partial(open_sound, asked.wanted)
        )
        sound = " with sound" if server.has_sound else ""
        say(f"Serving {what}{sound}, {server.size} at {server.fps:g} fps, on UDP port {link.port}. Ctrl+C ends it.")
        _show_code(str(link))
        # Below the code, or a small screen would not show them.
        say(f"Key words: {' '.join(fingerprint_words(link.fingerprint))}")
        say(f"Watch with: lanline video watch '{link}'")
        if asked.rtsp is not None:
            host = asked.rtsp[0]
            port = await server.serve_players(*asked.rtsp)
            say(f"Players: rtsp://{address_text((host, port))}/ (not encrypted)")
        running = _with_figures(server.run(), board, server.figures if asked.stats else None)
        await for_so_long(running, asked.duration_s)
    finally:
        await server.close()


def _announced(wanted: Wanted) -> str:
    """What is to be served; a folder is named before its first picture can be seen."""
    what = description(wanted)
    if what != wanted.name:
        say_aside(f"To be served: {what}.")
    return what


def _show_code(link: str) -> None:
    """For a telephone or a second machine with a camera; a log has no use for it."""
    if sys.stdout is not None and sys.stdout.isatty():
        with contextlib.suppress(UnicodeEncodeError):
            segno.make(link).terminal(compact=True)


async def _with_figures(work: Coroutine[Any, Any, None], board: Board, figures: Callable[[], str] | None) -> None:
    """Do the work, and say the figures each second meanwhile."""
    if figures is None:
        await work
        return
    ticking = asyncio.create_task(_tick(board, figures))
    try:
        await work
    finally:
        ticking.cancel()


async def _tick(board: Board, figures: Callable[[], str]) -> None:
    while True:
        await asyncio.sleep(_STATISTICS_EVERY_S)
        board.show(figures())


async def serve_plain(asked: Serving) -> None:
    what, board = _announced(asked.wanted), Board()
    capture = _capture(asked)
    server = PlainServer(capture, asked.mtu, board.say, is_public=asked.is_public)
    try:
        await server.start(asked.host, asked.port)
        await capture.start()
        say(
            f"Serving {what}, {capture.size} at {capture.fps:g} fps, on UDP port {server.port}."
            " Plain: not encrypted. Ctrl+C ends it."
        )
        running = _with_figures(server.run(), board, _plain_figures(server, capture) if asked.stats else None)
        await for_so_long(running, asked.duration_s)
    except MediaProblem:
        if not (capture.is_over and asked.wanted.plays_once):
            raise
    finally:
        await server.close()


def _capture(asked: Serving) -> Capture:
    def open_encoder(opened: Source) -> Encoder:
        encoder = make_encoder(asked.codec, asked.quality, opened.fps)
        if asked.bits_per_s is not None:
            encoder.set_bitrate(asked.bits_per_s)
        return encoder

    return Capture(lambda: open_source(asked.wanted, layout_for(asked.codec)), open_encoder)


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

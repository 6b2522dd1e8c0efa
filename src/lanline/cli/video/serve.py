"""`lanline video serve`."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lanline.cli.nodecall import home_folder, unlock
from lanline.cli.running import DEFAULT_HOME, run
from lanline.cli.video.options import (
    ALL_ADDRESSES,
    DEFAULT_PORT,
    LEAST_DATAGRAM_BYTES,
    MOST_DATAGRAM_BYTES,
    check_range,
    needs_libraries,
    parse_region,
    parse_size,
    refuse_unused,
)
from lanline.errors import InvalidInput

LEAST_SEALED_BYTES = 256
DEFAULT_QUALITY = 60


class CodecName(StrEnum):
    JPEG = "jpeg"
    H264 = "h264"
    VP8 = "vp8"
    AV1 = "av1"


def _parse_codec(text: str) -> CodecName:
    if text not in set(CodecName):
        raise InvalidInput(f"--codec is one of {', '.join(CodecName)}; {text!r} is none of them.")
    return CodecName(text)


def _parse_rtsp(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise InvalidInput(f"--rtsp takes a port, or HOST:PORT; {text!r} is neither.")
    return host.strip("[]") or "127.0.0.1", int(port)


def serve(
    source: Annotated[
        str,
        typer.Option(help="camera, screen, window:TITLE, test, a file, folder:PATH, a URL, or - (standard input)."),
    ] = "camera",
    camera_index: Annotated[int, typer.Option(min=0, max=99, help="Which camera.")] = 0,
    region: Annotated[
        str | None, typer.Option(metavar="WxH+X+Y", help="A part of the screen, not all of it.", show_default=False)
    ] = None,
    corner: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Another source, small in the corner.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve on; :: for IPv6 as well.")] = ALL_ADDRESSES,
    port: Annotated[int, typer.Option(min=0, max=65535, help="UDP port; 0 takes a free one.")] = DEFAULT_PORT,
    mtu: Annotated[int, typer.Option(help="Bytes of a datagram, its header included: 64 to 65507.")] = 1200,
    fps: Annotated[
        float | None,
        typer.Option(help="Pictures a second, 1 to 240. Default: 20; a file keeps its own.", show_default=False),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="Of the pictures, 10 to 95. Default: 60.", show_default=False)
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Of the pictures. Default: as they come.")] = None,
    codec: Annotated[
        CodecName,
        typer.Option(parser=_parse_codec, metavar=f"<{'|'.join(CodecName)}>", help="How pictures are encoded."),
    ] = CodecName.JPEG,
    audio: Annotated[
        bool | None,
        typer.Option("--audio/--no-audio", help="Sound besides. Default: that of a file.", show_default=False),
    ] = None,
    audio_device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sound from this device.", show_default=False)
    ] = None,
    bitrate: Annotated[
        int | None, typer.Option(metavar="KBIT", help="Kilobits a second of the own size.", show_default=False)
    ] = None,
    play_once: Annotated[bool, typer.Option("--play-once", help="End at the end of the file.")] = False,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="End after so long.", show_default=False)
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="A line of figures each second.")] = False,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and the keys you have met.")
    ] = DEFAULT_HOME,
    new_link: Annotated[
        bool, typer.Option("--new-link", help="Make a new watch link: those given out before do not open any more.")
    ] = False,
    rtsp: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="For players by RTSP, on this machine or HOST.", show_default=False),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="The plain format, for any program: not encrypted, JPEG, no repair.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Plain: send to public addresses too, not to private networks only.")
    ] = False,
) -> None:
    """Live video to everybody who has its watch link.

    Encrypted, repaired where the network loses, each viewer at the size that
    its way carries. The server shows a watch link: it has the fingerprint of
    its key, and the secret without which nobody watches.

    \b
    A camera:       lanline video serve
    Without one:    lanline video serve --source test
    With sound:     lanline video serve --audio
    A file:         lanline video serve --source film.mp4 --codec h264
    A talk:         lanline video serve --source screen --corner camera
    For others:     lanline video serve --plain

    \b
    Exit status: 0 when you end it, 1 when the picture or the port cannot be
    had, 64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    check_range("--fps", fps, 1, 240)
    check_range("--quality", quality, 10, 95)
    check_range("--mtu", mtu, LEAST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES)
    check_range("--bitrate", bitrate, 16, 200_000)
    check_range("--duration", duration, 0.1, 31_536_000)
    refuse_unused({"--quality": quality is not None and bitrate is not None}, "--bitrate decides how good it looks")
    if plain and codec is not CodecName.JPEG:
        raise InvalidInput("The plain format carries JPEG only: leave out --codec, or --plain.")
    if plain and (audio or audio_device is not None):
        raise InvalidInput("The plain format carries no sound: leave out --plain, or --audio and --audio-device.")
    if audio is False and audio_device is not None:
        raise InvalidInput("--no-audio and --audio-device contradict each other: leave out one of them.")
    if rtsp is not None and (plain or codec is not CodecName.H264):
        raise InvalidInput("Players are sent H.264: add --codec h264, and leave out --plain.")
    if plain and new_link:
        raise InvalidInput("The plain format has no watch link: leave out --new-link, or --plain.")
    if public and not plain:
        raise InvalidInput("--public is for --plain: encrypted, the watch link says who may watch.")
    if not plain and mtu < LEAST_SEALED_BYTES:
        raise InvalidInput(
            f"Encrypted, --mtu goes from {LEAST_SEALED_BYTES} to {MOST_DATAGRAM_BYTES:,}; {mtu} is out of that."
        )
    with needs_libraries():
        from lanline.cli.video.serving import Serving, serve_plain, serve_sealed

        if not plain:
            unlock(home, although_running=True)
        from lanline.media.api import Codec
        from lanline.media.sources.choice import STANDARD_INPUT, Wanted, is_live

        has_camera = "camera" in {source, corner}
        refuse_unused({"--camera-index": camera_index != 0 and not has_camera}, f"the source is {source}")
        refuse_unused({"--region": region is not None and source != "screen"}, f"the source is {source}")
        refuse_unused({"--play-once": play_once and is_live(source)}, f"{source} has no end")
        refuse_unused({"--play-once": play_once and source == STANDARD_INPUT}, "standard input is played once anyway")
        plays_once = play_once or source == STANDARD_INPUT
        wanted = Wanted(source, camera_index, parse_size(size), fps, audio, audio_device, plays_once)
        asked = Serving(
            wanted=replace(wanted, region=parse_region(region), corner=corner),
            codec=Codec(codec.value),
            quality=DEFAULT_QUALITY if quality is None else quality,
            host=host,
            port=port,
            mtu=mtu,
            stats=stats,
            home=home if plain else home_folder(home),
            makes_new_link=new_link,
            is_public=public,
            bits_per_s=None if bitrate is None else 1000 * bitrate,
            duration_s=duration,
            rtsp=None if rtsp is None else _parse_rtsp(rtsp),
        )
        with contextlib.suppress(KeyboardInterrupt):  # however it is ended, that is no failure
            # uvloop cannot hear who refuses.
            run(serve_plain(asked) if plain else serve_sealed(asked), on_uvloop=not plain)

"""`lanline video watch`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.nodecall import home_folder, unlock
from lanline.cli.running import DEFAULT_HOME, run
from lanline.cli.video.options import (
    ALL_ADDRESSES,
    DEFAULT_PORT,
    check_range,
    for_so_long,
    needs_libraries,
    refuse_unused,
    say,
    say_aside,
)
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.video.feed import Feed
    from lanline.client.video.sealedwatch import Origin
    from lanline.client.video.soundplayer import SoundPlayer
    from lanline.client.video.stage import Stage
    from lanline.model.watchlinks import WatchLink


DEFAULT_BUFFER_FRAMES = 5
_SHOWN = ("window", "terminal", "null")
"""Sinks that are no file."""


def watch(
    link: Annotated[
        str | None, typer.Argument(help="The watch link that the server shows.", show_default=False)
    ] = None,
    server_host: Annotated[str | None, typer.Option(help="The server's name or address.", show_default=False)] = None,
    server_port: Annotated[int, typer.Option(min=1, max=65535, help="The server's UDP port.")] = DEFAULT_PORT,
    listen_host: Annotated[str, typer.Option(help="Own address to receive on.")] = ALL_ADDRESSES,
    listen_port: Annotated[int, typer.Option(min=0, max=65535, help="Own UDP port; 0 takes a free one.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds without a picture before it is said.")] = 2.0,
    max_buffer_frames: Annotated[
        int, typer.Option(help="Plain: pictures that wait for missing parts.")
    ] = DEFAULT_BUFFER_FRAMES,
    sink: Annotated[str, typer.Option(help="window, terminal, null, or a file in .mkv, .mp4, .webm.")] = "window",
    audio: Annotated[
        bool | None,
        typer.Option("--audio/--no-audio", help="Hear the sound, where there is some.", show_default=False),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Leave after so long.", show_default=False)
    ] = None,
    give_up: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Fail when no picture comes for so long.", show_default=False),
    ] = None,
    rotate: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="A file: begin the next one after so long.", show_default=False),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(metavar="FILES", help="With --rotate: so many, the oldest goes.", show_default=False)
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Show figures each second.")] = False,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and the keys you have met.")
    ] = DEFAULT_HOME,
    plain: Annotated[bool, typer.Option("--plain", help="The plain format, not encrypted.")] = False,
) -> None:
    """Watch live video.

    q leaves, m mutes, + and - change the volume, space pauses. 1 to 4 ask for
    240, 480, 720 or 1080 lines at most, a for what the link carries. In a
    window: f fills the screen, s saves a picture, i shows figures.

    \b
    The first time: lanline video watch 'lanline-video://HOST:PORT/#KEY.SECRET'
    Later:          lanline video watch --server-host HOST
    Over ssh:       lanline video watch --server-host HOST --sink terminal
    Into a file:    lanline video watch --server-host HOST --sink film.mkv
    Into files:     ... --sink film.mkv --rotate 3600 --keep 24
    Plain:          lanline video watch --plain --server-host HOST

    \b
    Exit status: 0 when you leave, 1 when it cannot be shown or recorded, 64
    for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    check_range("--timeout", timeout, 0.1, 3600)
    check_range("--max-buffer-frames", max_buffer_frames, 1, 1000)
    check_range("--duration", duration, 0.1, 31_536_000)
    check_range("--give-up", give_up, 0.1, 31_536_000)
    check_range("--rotate", rotate, 1, 31_536_000)
    check_range("--keep", keep, 1, 1_000_000)
    refuse_unused({"--rotate": rotate is not None and sink in _SHOWN}, f"the sink is {sink}, and no file")
    refuse_unused({"--keep": keep is not None and rotate is None}, "it is for --rotate")
    if plain:
        refuse_unused({"--audio" if audio else "--no-audio": audio is not None}, "the plain format has no sound")
    else:
        refuse_unused({"--max-buffer-frames": max_buffer_frames != DEFAULT_BUFFER_FRAMES}, "it is for --plain")
    if link is not None:
        refuse_unused({"--server-port": server_port != DEFAULT_PORT}, "the watch link names the port")
    with needs_libraries(), contextlib.suppress(KeyboardInterrupt):
        if plain:
            if link is not None:
                raise InvalidInput("A watch link is for the encrypted way: leave out --plain, or name --server-host.")
            if server_host is None:
                raise InvalidInput("Name the server with --server-host.")
            stage = _stage(sink, f"{server_host}:{server_port}", stats=stats, rotation=(rotate, keep))
            view = Viewed(stage, timeout, stats or sink == "window", None, duration, give_up)
            # uvloop cannot hear who refuses.
            run(
                _watch_plain(server_host, server_port, listen_host, listen_port, max_buffer_frames, view),
                on_uvloop=False,
            )
            return
        unlock(home, although_running=True)
        place = _place(link, server_host, server_port, home_folder(home))
        stage = _stage(sink, f"{place[0].host}:{place[0].port}", stats=stats, rotation=(rotate, keep))
        player = _player(sink) if audio is not False else None
        records = sink not in _SHOWN
        view = Viewed(stage, timeout, stats or sink == "window", player, duration, give_up, records)
        own = None if listen_host == ALL_ADDRESSES else listen_host
        run(_watch_sealed(place, own, listen_port, home_folder(home), audio is not False, view))


def _place(link: str | None, host: str | None, port: int, home: Path) -> tuple[WatchLink, Origin]:
    from lanline.client.home import Home
    from lanline.client.video.sealedwatch import Origin, known_link
    from lanline.model.watchlinks import WatchLink

    if link is None and host is None:
        raise InvalidInput(
            "Give the watch link that the server shows; for a server that you have watched before, --server-host is"
            " enough."
        )
    if link is None:
        assert host is not None
        return known_link(Home(home), host, port)
    if host is not None:
        raise InvalidInput("The watch link names the server already: leave out --server-host.")
    return WatchLink.parse(link), Origin.GIVEN


@dataclass(frozen=True, slots=True)
class Viewed:
    """How what comes in is shown."""

    stage: tuple[Callable[[Feed], Stage], Callable[[str], None]]
    timeout_s: float
    statistics: bool
    open_player: Callable[[], SoundPlayer] | None = None
    duration_s: float | None = None
    give_up_s: float | None = None
    records: bool = False


async def _watch_sealed(
    place: tuple[WatchLink, Origin],
    listen_host: str | None,
    listen_port: int,
    home: Path,
    wants_sound: bool,
    view: Viewed,
) -> None:
    from lanline.client.home import Home
    from lanline.client.video.sealedwatch import SealedWatch

    feed = SealedWatch(Home(home), *place, wants_sound=wants_sound, records=view.records)
    try:
        await feed.start(listen_host, listen_port)
        await _view(feed, view)
    finally:
        feed.close()


async def _watch_plain(
    server_host: str, server_port: int, listen_host: str, listen_port: int, max_buffer_frames: int, view: Viewed
) -> None:
    from lanline.client.video.plainwatch import PlainWatch

    feed = PlainWatch(max_buffer_frames)
    try:
        await feed.start(server_host, server_port, listen_host, listen_port)
        await _view(feed, view)
    finally:
        feed.close()


async def _view(feed: Feed, view: Viewed) -> None:
    from lanline.client.video.viewing import Viewing

    open_stage, notice = view.stage
    opener = partial(open_stage, feed)
    viewing = Viewing(
        feed,
        opener,
        notice,
        timeout_s=view.timeout_s,
        statistics=view.statistics,
        open_player=view.open_player,
        give_up_s=view.give_up_s,
    )
    await for_so_long(viewing.run(), view.duration_s)


def _stage(
    sink: str, title: str, *, stats: bool, rotation: tuple[float | None, int | None]
) -> tuple[Callable[[Feed], Stage], Callable[[str], None]]:
    """How to open it, and who is told of what happens: nobody, where the sink itself shows that."""
    from lanline.client.video.stage import PictureStage, RecordingStage
    from lanline.media.codecs.choice import make_decoder

    match sink:
        case "window":
            from lanline.media.sinks.window import Window

            def open_window(feed: Feed) -> Stage:
                return PictureStage(Window(f"lanline {title}", statistics=stats), make_decoder, feed.request_key)

            return open_window, say_aside
        case "terminal":
            from lanline.media.sinks.terminal.screen import TerminalSink

            return lambda feed: PictureStage(TerminalSink(), make_decoder, feed.request_key), _nobody
        case "null":
            from lanline.media.sinks.blank import Blank

            return lambda feed: PictureStage(Blank(say), make_decoder, feed.request_key), _nobody
    from lanline.media.sinks.recording import Recording, check_recording
    from lanline.media.sinks.rotation import RotatingRecording

    path, (every_s, keep) = Path(sink), rotation
    check_recording(path)

    def open_file(feed: Feed) -> Stage:
        def has_sound() -> bool:
            return feed.has_sound

        file = Recording(path, has_sound) if every_s is None else RotatingRecording(path, every_s, keep, has_sound)
        return RecordingStage(file, say_aside, feed.request_key)

    return open_file, say_aside


def _player(sink: str) -> Callable[[], SoundPlayer]:
    """Where sound goes: nowhere at its own pace, where the picture goes nowhere too."""
    from lanline.client.video.soundplayer import SoundPlayer
    from lanline.media.codecs.opus import OpusDecoder

    def open_player() -> SoundPlayer:
        if sink == "null":
            from lanline.media.sinks.blankspeaker import BlankSpeaker

            return SoundPlayer(BlankSpeaker(), OpusDecoder(), time.monotonic)
        from lanline.media.sinks.speaker import SpeakerDevice

        return SoundPlayer(SpeakerDevice(), OpusDecoder(), time.monotonic)

    return open_player


def _nobody(_: str) -> None:
    """The sink has shown it already."""

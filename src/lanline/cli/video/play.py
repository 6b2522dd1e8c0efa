"""`lanline video play`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanline.cli.nodecall import (
    DEFAULT_TIMEOUT_S,
    checked_timeout,
    expanded,
    show_line,
    show_note,
    started_node,
    tell_notice,
)
from lanline.cli.running import DEFAULT_HOME, run
from lanline.cli.video.options import needs_libraries, say
from lanline.errors import InvalidInput

if TYPE_CHECKING:
    from lanline.client.films.viewing import Figures
    from lanline.client.node.start import NodeStart
    from lanline.media.api import PictureSink, Speaker
    from lanline.proto.films.playing import Playing


def play(
    name: Annotated[str, typer.Argument(help="The film, as `lanline video library` names it.", show_default=False)],
    quality: Annotated[str, typer.Option(help="auto, 240p, 720p or 1440p.")] = "auto",
    start: Annotated[str, typer.Option(metavar="TIME", help="Begin there: 90, 1:30 or 1:02:30.")] = "0",
    sink: Annotated[str, typer.Option(help="window, terminal, null, or a file in .mp4.")] = "window",
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Hear the sound, where there is some.")] = True,
    stats: Annotated[bool, typer.Option("--stats", help="Say at the end how it went.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the server.")] = DEFAULT_TIMEOUT_S,
    home: Annotated[
        Path, typer.Option(envvar="LANLINE_HOME", help="Folder with your key and your account.")
    ] = DEFAULT_HOME,
) -> None:
    """Watch a film of your server.

    q leaves, space pauses, left and right go 10 seconds, down and up a
    minute. 1, 2, 3 show 240p, 720p, 1440p, a goes by the link. m mutes, + and
    - change the volume. In a window: f fills the screen, s saves a picture, i
    hides the bar.

    \b
    lanline video play NAME
    From a place on:   lanline video play NAME --start 1:30
    Over ssh:          lanline video play NAME --sink terminal
    A slow link:       lanline video play NAME --quality 240p
    Into a file:       lanline video play NAME --sink film.mp4

    A file gets the film as it is on the server, in one quality, the best
    unless --quality names another, and as fast as it comes.

    \b
    Exit status: 0 at its end and when you leave, 1 when it cannot be shown,
    64 for wrong usage.
    """  # noqa: D301 -- a real backspace, typer's mark for lines that stay as they are
    began_at = time.monotonic()
    limit_s = checked_timeout(timeout)
    if sink.lower().endswith(".mp4"):
        path = expanded(Path(sink), "--sink")
        run(_save(started_node(home), name, _lines(quality), start, limit_s, path))
        show_line(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        return
    with needs_libraries(), contextlib.suppress(KeyboardInterrupt):
        from lanline.client.films.bar import parsed_time

        lines, start_s = _lines(quality), parsed_time(start)
        open_sink, open_speaker = _sink(sink, name), _speaker(sink, wanted=audio)
        run(_play(started_node(home), name, lines, start_s, limit_s, began_at, open_sink, open_speaker, stats))


async def _save(node: NodeStart, name: str, lines: int | None, start: str, limit_s: float, path: Path) -> None:
    from lanline.cli.video.progress import ProgressBar
    from lanline.client.films.bar import missing_quality, parsed_time
    from lanline.client.films.fetching import FilmFetch, open_film
    from lanline.client.films.saving import FilmSaving, check_target
    from lanline.client.node.face import Face
    from lanline.model.films import QUALITIES
    from lanline.proto.films.playing import Playing

    check_target(path)
    start_s = parsed_time(start)
    async with Face(node) as face:
        tell_notice(node)
        await face.wait_synchronized(limit_s)
        opened = await open_film(face, name)
        playing = Playing(opened.plan, start_s, lines or max(QUALITIES))
        _check_start(start_s, playing)
        if missing := missing_quality(opened.plan, lines):
            show_note(missing)
        with ProgressBar(name) as bar:
            await FilmSaving(FilmFetch(face, opened, playing), playing, path, bar.show).run()


def _check_start(start_s: float, playing: Playing) -> None:
    from lanline.client.films.bar import clock_text

    if start_s >= playing.ends_s > 0:
        raise InvalidInput(f"The film ends at {clock_text(playing.ends_s)}, before --start {clock_text(start_s)}.")


def _lines(quality: str) -> int | None:
    from lanline.model.films import QUALITIES

    if quality == "auto":
        return None
    text = quality.removesuffix("p")
    if not text.isdecimal() or int(text) not in QUALITIES:
        raise InvalidInput(f"--quality is auto, 240p, 720p or 1440p, and not {quality!r}.")
    return int(text)


async def _play(
    node: NodeStart,
    name: str,
    lines: int | None,
    start_s: float,
    limit_s: float,
    began_at: float,
    open_sink: Callable[[int], PictureSink],
    open_speaker: Callable[[], Speaker],
    stats: bool,
) -> None:
    import asyncio
    from functools import partial
    from importlib import import_module

    from lanline.client.films.fetching import FilmFetch, open_film
    from lanline.client.node.face import Face
    from lanline.proto.films.playing import Playing

    # Codecs take a while to load: meanwhile the film is on its way.
    loading = asyncio.create_task(asyncio.to_thread(import_module, "lanline.client.films.viewing"))
    async with Face(node) as face:
        tell_notice(node)
        await face.wait_synchronized(limit_s)
        opened = await open_film(face, name)
        playing = Playing(opened.plan, start_s, lines)
        _check_start(start_s, playing)
        fetch = FilmFetch(face, opened, playing)
        fetch.pump()
        sink = partial(open_sink, max(each.lines for each in opened.plan.qualities))
        viewing = (await loading).FilmViewing(fetch, playing, sink, open_speaker, began_at=began_at)
        try:
            await viewing.run()
        finally:
            if stats:
                say(_told(viewing.figures))


def _told(figures: Figures) -> str:
    return (
        f"first picture after {figures.started_s:.2f} s, {figures.shown} pictures shown, {figures.left_out} left out, "
        f"{figures.stalled_s:.1f} s of waiting, {figures.switches} changes of quality, "
        f"{figures.mean_lines:.0f} lines on average, in step within {figures.astray_ms:.0f} ms"
    )


def _sink(sink: str, title: str) -> Callable[[int], PictureSink]:
    """Takes the lines of the best quality."""
    match sink:
        case "window":
            from lanline.media.sinks.window import Window

            return lambda lines: Window(title, statistics=True, lines=lines)
        case "terminal":
            from lanline.media.sinks.terminal.screen import TerminalSink

            return lambda _: TerminalSink()
        case "null":
            from lanline.media.sinks.blank import Blank

            return lambda _: Blank(say)
    raise InvalidInput(f"--sink is window, terminal, null or a file in .mp4, and not {sink!r}.")


def _speaker(sink: str, *, wanted: bool) -> Callable[[], Speaker]:
    if sink == "null" or not wanted:
        from lanline.media.sinks.blankspeaker import BlankSpeaker

        return BlankSpeaker
    from lanline.media.sinks.speaker import SpeakerDevice

    return SpeakerDevice

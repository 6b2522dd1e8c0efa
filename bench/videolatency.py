"""From the capture of a picture to its end on screen, on loopback.

The server is a process of its own and does what `lanline video serve --source test` does, 1280x720 at 30 fps; it tells
when each picture was captured. The viewer decodes it, reads its number and drops it: a window adds what graphics take.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from child import child
from lanline.cli.video.board import Board
from lanline.client.home import Home
from lanline.client.video.capture import Capture
from lanline.client.video.feed import Feed
from lanline.client.video.plainserver import PlainServer
from lanline.client.video.plainwatch import PlainWatch
from lanline.client.video.sealedserver import SealedServer
from lanline.client.video.sealedwatch import SealedWatch, known_link
from lanline.client.video.stage import PictureStage
from lanline.client.video.viewing import Viewing
from lanline.media import framenumber
from lanline.media.api import Codec, Layout, Picture, Size
from lanline.media.codecs.choice import layout_for, make_decoder, make_encoder
from lanline.media.sources.testpattern import TestPattern
from parent import commands, say
from section import Options, Section, percentile, table

NAME = "videolatency"
SIZE, FPS, QUALITY, MTU = Size(1280, 720), 30.0, 60, 1200
LIMIT_S = 20.0
WAYS = ("plain", *(codec.value for codec in Codec if codec.is_video))


class Noted:
    """The test pattern, which notes when it captured what."""

    size, fps = SIZE, FPS

    def __init__(self, layout: Layout) -> None:
        self._pattern = TestPattern(SIZE, FPS, layout)
        self.captured_us: list[int] = []

    def read(self) -> Picture | None:
        picture = self._pattern.read()
        assert picture is not None
        self.captured_us.append(picture.captured_at_us)
        return picture

    def close(self) -> None:
        self._pattern.close()


class TimingSink:
    """Where a screen would be: notes when which picture was there."""

    def __init__(self) -> None:
        self.shown_us: dict[int, int] = {}

    def show(self, picture: Picture) -> None:
        self.shown_us.setdefault(framenumber.read(picture), time.monotonic_ns() // 1000)

    def tell(self, line: str) -> None: ...
    def notify(self, line: str) -> None: ...
    def keys(self) -> list[str]:
        return []

    def close(self) -> None: ...


async def serve(way: str, home: Path) -> None:
    codec = Codec.JPEG if way == "plain" else Codec(way)
    source = Noted(layout_for(codec))
    server: PlainServer | SealedServer
    if way == "plain":
        capture = Capture(lambda: source, lambda _: make_encoder(codec, QUALITY, FPS))
        server = PlainServer(capture, MTU, lambda _: None)
        await server.start("127.0.0.1", 0)
        await capture.start()
        port = server.port
    else:
        server = SealedServer(Home(home), codec, QUALITY, MTU, Board())
        port = (await server.start(lambda _: source, "127.0.0.1", 0)).port
    running = asyncio.create_task(server.run())
    say(event="serving", port=port)
    reader = await commands()
    await reader.readline()
    say(event="captured", times=source.captured_us)
    await reader.read()
    running.cancel()
    await server.close()


async def measure(options: Options) -> Section:
    times = {way: sorted(await _latencies(way, options.seconds)) for way in WAYS}
    rows = [
        [way, *(f"{figure:.1f}" for figure in _figures(ordered).values()), str(len(ordered))]
        for way, ordered in times.items()
    ]
    return Section(
        name=NAME,
        title="Live video on loopback",
        setting=(
            f"The test picture, {SIZE.width}x{SIZE.height} at {FPS:g} pictures a second, quality {QUALITY}, server and "
            "viewer as two processes of one machine, no loss: ms from the capture of a picture to the moment at which "
            "it is decoded and would be given to a window, after a first second that is not counted. A window adds "
            "what graphics take."
        ),
        tables=[table(["way", "p50", "p95", "worst", "pictures"], rows)],
        figures={way: _figures(ordered) for way, ordered in times.items()},
    )


def _figures(ordered: list[float]) -> dict[str, float]:
    return {"p50_ms": percentile(ordered, 0.5), "p95_ms": percentile(ordered, 0.95), "worst_ms": ordered[-1]}


async def _latencies(way: str, seconds: float) -> list[float]:
    """Milliseconds of each picture that was shown."""
    with tempfile.TemporaryDirectory() as folder:
        async with child("videolatency.py", ["--serve", way, "--home", folder]) as serving:
            port = int((await serving.expect("serving", LIMIT_S))["port"])
            sink = TimingSink()
            feed, begin = _feed(way, port, Path(folder) / "viewer")
            await begin()
            viewing = Viewing(
                feed,
                lambda: PictureStage(sink, make_decoder, feed.request_key),
                lambda _: None,
                timeout_s=2,
                statistics=False,
            )
            with_limit = asyncio.wait_for(viewing.run(), seconds)
            try:
                await with_limit
            except TimeoutError:
                pass
            finally:
                feed.close()
            serving.tell("captured")
            captured = (await serving.expect("captured", LIMIT_S))["times"]
    ordered = sorted(sink.shown_us.items())[int(FPS) :]  # the first second is for the link to settle
    return [(shown - captured[number]) / 1000 for number, shown in ordered]


def _feed(way: str, port: int, home: Path) -> tuple[Feed, Callable[[], Awaitable[None]]]:
    if way == "plain":
        plain = PlainWatch(5)
        return plain, lambda: plain.start("127.0.0.1", port, "127.0.0.1", 0)
    sealed = SealedWatch(Home(home), *known_link(Home(home), "127.0.0.1", port))
    return sealed, lambda: sealed.start(None, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description="The server of the latency bench.")
    parser.add_argument("--serve", choices=WAYS, required=True)
    parser.add_argument("--home", type=Path, required=True)
    wanted = parser.parse_args()
    asyncio.run(serve(wanted.serve, wanted.home))


if __name__ == "__main__":
    main()

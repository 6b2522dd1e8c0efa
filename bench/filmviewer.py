"""A member who watches films in the player that people use, without screen and speaker: how soon, and how well in step.

One JSON object as argument; `filmrows.py` starts it beside the server, and it answers with JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from filmmember import SIGN_IN_S, Face
from lanline.client.chat.client import ChatClient
from lanline.client.films.fetching import FilmFetch, open_film
from lanline.client.films.viewing import FilmViewing
from lanline.client.pin import KnownServer
from lanline.crypto.identity import Identity
from lanline.media.api import SOUND_RATE, Picture, Samples
from lanline.media.sinks.blank import Blank
from lanline.media.sinks.blankspeaker import BlankSpeaker
from lanline.proto.films.playing import Playing
from parent import commands, say
from section import percentile

RUNS = 7
SEEK_S = 11.3
LIMIT_S = 20.0
QUIET_S = 0.3
"""What is bright or loud after so much darkness or silence has just begun."""
CHANGES = (720, 240, 1440, 240, 720, 1440, 720, 240, 1440, None)
SEEKS_S = (21.4, 8.7, 33.2)


class FlashScreen(Blank):
    """Notes when a flash begins to be seen."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.begun_at: list[float] = []
        self._dark_since: float | None = None
        self._film_us = 0

    def show(self, picture: Picture) -> None:
        now = time.monotonic()
        if not 0 <= picture.captured_at_us - self._film_us < 200_000:
            self._dark_since = None
        self._film_us = picture.captured_at_us
        if picture.pixels[: picture.size.height // 4].mean() < 100:
            self._dark_since = now if self._dark_since is None else self._dark_since
            return
        if self._dark_since is not None and now - self._dark_since > QUIET_S:
            self.begun_at.append(now)
        self._dark_since = None


class BeepSpeaker(BlankSpeaker):
    """Notes when a beep begins to be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.begun_at: list[float] = []
        self._quiet_s = 0.0

    def play(self, samples: Samples) -> None:
        begins_at = time.monotonic() + self.ahead_s()
        loud = np.flatnonzero(np.abs(samples[:, 0].astype(int)) > 3000)
        if not len(loud):
            self._quiet_s += len(samples) / SOUND_RATE
        else:
            if self._quiet_s + loud[0] / SOUND_RATE > QUIET_S:
                self.begun_at.append(begins_at + loud[0] / SOUND_RATE)
            self._quiet_s = (len(samples) - 1 - loud[-1]) / SOUND_RATE
        super().play(samples)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 -- what is waited for is a figure
            await asyncio.sleep(0.002)


async def viewing_of(client: ChatClient, lines: int | None, screen: Blank, speaker: BlankSpeaker) -> FilmViewing:
    began_at, face = time.monotonic(), Face(client)
    opened = await open_film(face, "bench")
    playing = Playing(opened.plan, 0.0, lines)
    fetch = FilmFetch(face, opened, playing)
    fetch.pump()
    return FilmViewing(fetch, playing, lambda: screen, lambda: speaker, began_at=began_at)


async def start(client: ChatClient, wanted: dict[str, Any]) -> None:
    figures: dict[str, list[float]] = {name: [] for name in ("first", "seek", "ffmpeg_first", "ffmpeg_seek")}
    for _ in range(RUNS):
        viewing = await viewing_of(client, wanted["lines"], Blank(lambda _: None), BlankSpeaker())
        run = asyncio.create_task(viewing.run())
        await until(lambda v=viewing: v.figures.shown > 0)  # type: ignore[misc]
        viewing.seek(SEEK_S)
        await until(lambda v=viewing: v.figures.sought_s > 0)  # type: ignore[misc]
        figures["first"].append(viewing.figures.started_s)
        figures["seek"].append(viewing.figures.sought_s)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        first_s, seek_s = await asyncio.to_thread(_by_ffmpeg, wanted["path"])
        figures["ffmpeg_first"].append(first_s)
        figures["ffmpeg_seek"].append(seek_s)
    say(event="started", **{name: median(values) for name, values in figures.items()})


def _by_ffmpeg(path: str) -> tuple[float, float]:
    began_at = time.monotonic()
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        next(container.decode(video=0)).to_ndarray()
        first_s, began_at = time.monotonic() - began_at, time.monotonic()
        container.seek(int(SEEK_S * 1e6))
        next(each for each in container.decode(video=0) if each.time >= SEEK_S - 0.02).to_ndarray()
        return first_s, time.monotonic() - began_at


async def step(client: ChatClient, _: dict[str, Any]) -> None:
    """Runs, is paused, sought three times, and changes its quality ten times."""
    screen, speaker = FlashScreen(), BeepSpeaker()
    viewing = await viewing_of(client, None, screen, speaker)
    run = asyncio.create_task(viewing.run())
    await asyncio.sleep(3.5)
    viewing.press(" ")
    await asyncio.sleep(0.7)
    viewing.press(" ")
    await asyncio.sleep(3.0)
    for at_s in SEEKS_S:
        viewing.seek(at_s)
        await asyncio.sleep(3.0)
    viewing.seek(0.0)
    for lines in CHANGES:
        viewing.choose(lines)
        await asyncio.sleep(2.7)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    apart_ms = sorted(
        1e3 * min(abs(seen - heard) for heard in speaker.begun_at) for seen in screen.begun_at if speaker.begun_at
    )
    say(
        event="stepped",
        flashes=len(apart_ms),
        p50_ms=percentile(apart_ms, 0.5),
        most_ms=apart_ms[-1],
        switches=viewing.figures.switches,
        stalled_s=viewing.figures.stalled_s,
    )


async def main(wanted: dict[str, Any]) -> None:
    identity = Identity.from_pem(Path(wanted["key"]).read_bytes())  # noqa: ASYNC240 -- nothing else runs yet
    server = KnownServer(wanted["host"], wanted["port"], bytes.fromhex(wanted["fingerprint"]))
    async with ChatClient.with_key(identity, server) as client:
        await client.wait_synchronized(SIGN_IN_S)
        say(event="ready")
        await (await commands()).readline()
        await {"start": start, "step": step}[wanted["does"]](client, wanted)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

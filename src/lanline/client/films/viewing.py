"""Shows a film until it is over or `q` is pressed: each picture when what belongs to it is heard.

The machine (`proto.films.playing`) says what is fetched and when it may run; the soundtrack says what time it is.
Decoding and showing happen in threads of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec
from av.video.reformatter import VideoReformatter

from lanline.client.films.bar import bar, clock_text, missing_quality
from lanline.client.films.decoding import Decoding
from lanline.client.films.fetching import FilmFetch
from lanline.client.films.soundtrack import Soundtrack
from lanline.client.firstof import first_of
from lanline.errors import MediaProblem
from lanline.media.api import KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_UP, PictureSink, Speaker
from lanline.media.filmdecoder import FilmPicture
from lanline.media.sinks.blankspeaker import BlankSpeaker
from lanline.proto.films.playing import Playing, State

T = TypeVar("T")
QUIT, PAUSE, MUTE, LOUDER, QUIETER = "q", " ", "m", "+", "-"
QUALITIES = {"1": 240, "2": 720, "3": 1440, "a": None}
STEPS_S = {KEY_LEFT: -10.0, KEY_RIGHT: 10.0, KEY_DOWN: -60.0, KEY_UP: 60.0}
_VOLUME_STEP = 1.26
_TURN_S, _AWAITED_TURN_S = 0.008, 0.002
"""At most so long until it is looked again; the other one while somebody waits for the first picture."""
_KEYS_EVERY_S = 0.05
_BAR_EVERY_S = 0.5
_EARLY_S = 0.004
_REMARK_S = 3.0


class Figures(msgspec.Struct):
    """What there is to tell of a film that was watched."""

    started_s: float = 0.0
    """From the beginning until the first picture."""
    sought_s: float = 0.0
    """Until the first picture after the last seek; for the benchmarks."""
    shown: int = 0
    left_out: int = 0
    """Pictures that came too late to be shown."""
    stalled_s: float = 0.0
    switches: int = 0
    mean_lines: float = 0.0
    """Over the time that the film ran."""
    astray_ms: float = 0.0
    """The most that a picture was away from the sound that was heard with it."""


class FilmViewing:
    def __init__(
        self,
        fetch: FilmFetch,
        playing: Playing,
        open_sink: Callable[[], PictureSink],
        open_speaker: Callable[[], Speaker],
        *,
        began_at: float | None = None,
    ) -> None:
        """`began_at`: on `time.monotonic`, when the person asked for it."""
        self.figures = Figures()
        self._fetch = fetch
        self._playing = playing
        self._open_sink = open_sink
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = time.monotonic() if began_at is None else began_at
        self._is_first_wait = playing.is_awaited = True
        self._thread = ThreadPoolExecutor(1, "film")
        self._has_news = asyncio.Event()
        self._decoding = Decoding(playing.plan, lambda: self._loop.call_soon_threadsafe(self._has_news.set))
        speaker, without_sound = _opened(open_speaker)
        self._soundtrack = Soundtrack(speaker, playing.position_s)
        missing = missing_quality(playing.plan, playing.fixed_lines)
        self._first_remark = " ".join(each for each in (missing, without_sound) if each)
        self._reformatter = VideoReformatter()
        self._has_ended_parts = False
        self._lines_shown = self._generation = 0
        self._lines_s = self._ran_s = 0.0
        self._is_over = False
        self._remark, self._remark_ends_at = "", 0.0
        self._told: tuple[str, str] = ("", "")
        fetch.on_film_replaced = self._on_film_replaced

    async def run(self) -> None:
        """Raises what makes it impossible to go on."""
        sink = await self._apart(self._open_sink)
        self._say(self._first_remark)
        try:
            await first_of(self._show(sink), self._heed_keys(sink), self._turn())
        finally:
            await asyncio.to_thread(self._decoding.close)
            self._soundtrack.close()
            await self._apart(sink.close)
            self._thread.shutdown(wait=False)
            await self._fetch.close()
            self._sum_up()

    def _sum_up(self) -> None:
        self.figures.stalled_s = self._playing.stalled_s
        self.figures.switches = self._playing.switches
        self.figures.mean_lines = self._lines_s / self._ran_s if self._ran_s else 0.0

    async def _apart(self, work: Callable[[], T]) -> T:
        if sys.platform == "darwin":  # whose windows belong to the main thread
            return work()
        return await asyncio.shield(self._loop.run_in_executor(self._thread, work))

    # Time.

    async def _turn(self) -> None:
        while not self._is_over:
            self._step()
            self._has_news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._turn_s):
                    await self._has_news.wait()

    @property
    def _turn_s(self) -> float:
        return _TURN_S if self._waiting_since is None else _AWAITED_TURN_S

    def _step(self) -> None:
        playing, decoding, soundtrack = self._playing, self._decoding, self._soundtrack
        for problem in (self._fetch.problem, decoding.problem):
            if problem is not None:
                raise problem
        before_s = playing.position_s
        if playing.state is State.RUNNING:
            playing.advance(min(soundtrack.position_s, playing.ends_s), self._loop.time())
        self._count(playing.position_s - before_s)
        self._feed()
        for sound in decoding.take_sounds():
            soundtrack.put(sound)
        if self._has_ended_parts and decoding.is_idle:
            soundtrack.fill(playing.ends_s)
        if playing.may_run and (decoding.next_picture() is not None or self._waiting_since is None):
            soundtrack.turn()
        self._is_over = playing.state is State.ENDED
        self._fetch.pump()

    def _feed(self) -> None:
        while self._decoding.wants_part and (part := self._playing.take_part()) is not None:
            self._decoding.put(part)
        if (part := self._playing.early_part()) is not None:
            self._decoding.put(part)
        if self._playing.is_all_taken and not self._has_ended_parts:
            self._has_ended_parts = True
            self._decoding.put(None)

    def _count(self, ran_s: float) -> None:
        self._ran_s += ran_s
        self._lines_s += ran_s * self._lines_shown

    # Pictures.

    async def _show(self, sink: PictureSink) -> None:
        bar_at = 0.0
        while True:
            picture = self._due_picture()
            if picture is not None:
                generation = self._generation
                await self._apart(partial(self._put, sink, picture))
                if generation == self._generation:
                    self._on_shown(picture)
            if self._loop.time() >= bar_at:
                bar_at = self._loop.time() + _BAR_EVERY_S
                await self._tell(sink)
            if picture is None:
                await asyncio.sleep(self._until_next())

    def _due_picture(self) -> FilmPicture | None:
        """The latest whose time has come; after a seek the first one, at once."""
        decoding, heard_s = self._decoding, self._soundtrack.position_s
        due = None
        while (picture := decoding.next_picture()) is not None:
            is_due = picture.shown_at_s <= heard_s + _EARLY_S and self._playing.may_run
            if not (is_due or (self._waiting_since is not None and due is None)):
                break
            self.figures.left_out += due is not None
            due = decoding.take_picture()
        return due

    def _put(self, sink: PictureSink, picture: FilmPicture) -> None:
        sink.show(picture.picture(self._reformatter))

    def _on_shown(self, picture: FilmPicture) -> None:
        self.figures.shown += 1
        self._lines_shown = picture.lines
        if self._waiting_since is not None:
            waited_s = time.monotonic() - self._waiting_since
            if self._is_first_wait:
                self.figures.started_s, self._is_first_wait = waited_s, False
            else:
                self.figures.sought_s = waited_s
            self._waiting_since = None
            self._playing.is_awaited = False
            self._decoding.go_on()
            self._has_news.set()
        elif self._playing.may_run:
            astray_ms = abs(self._soundtrack.position_s - picture.shown_at_s) * 1e3
            self.figures.astray_ms = max(self.figures.astray_ms, astray_ms)

    def _until_next(self) -> float:
        picture = self._decoding.next_picture()
        if picture is None or not self._playing.may_run:
            return self._turn_s
        return max(0.001, min(_TURN_S, picture.shown_at_s - self._soundtrack.position_s))

    async def _tell(self, sink: PictureSink) -> None:
        told = bar(self._playing, self._lines_shown), self._notice()
        if told != self._told:
            self._told = told
            await self._apart(partial(sink.tell, told[0]))
            await self._apart(partial(sink.notify, told[1]))

    def _notice(self) -> str:
        if self._fetch.is_away:
            return "The server is not reached just now. The film goes on when it is."
        if self._playing.is_paused:
            return f"Paused at {clock_text(self._playing.position_s - self._playing.begins_s)}: space goes on."
        if self._playing.state is State.STALLED:
            return "Waiting for more of the film …"
        return self._remark if self._loop.time() < self._remark_ends_at else ""

    def _say(self, remark: str) -> None:
        """For a moment."""
        self._remark, self._remark_ends_at = remark, self._loop.time() + _REMARK_S

    # Keys.

    async def _heed_keys(self, sink: PictureSink) -> None:
        while True:
            for key in await self._apart(sink.keys):
                if key == QUIT:
                    return
                self.press(key)
                await self._tell(sink)
            await asyncio.sleep(_KEYS_EVERY_S)

    def press(self, key: str) -> None:
        playing, soundtrack = self._playing, self._soundtrack
        if key == PAUSE:
            playing.pause(is_paused=not playing.is_paused)
        elif key in STEPS_S:
            self.seek(playing.position_s + STEPS_S[key])
        elif key in QUALITIES:
            self.choose(QUALITIES[key])
        elif key == MUTE:
            soundtrack.is_muted = not soundtrack.is_muted
            self._say("Muted: m brings the sound back." if soundtrack.is_muted else "")
        elif key in {LOUDER, QUIETER}:
            soundtrack.volume *= _VOLUME_STEP if key == LOUDER else 1 / _VOLUME_STEP
            self._say(f"Volume {round(100 * soundtrack.volume)} %")

    def choose(self, lines: int | None) -> None:
        """None: by itself."""
        if missing := missing_quality(self._playing.plan, lines):
            self._say(missing)
            return
        self._playing.choose(lines)
        self._fetch.pump()

    def seek(self, position_s: float) -> None:
        self._playing.seek(position_s, self._loop.time())
        self._begin_anew()
        self._fetch.pump()

    def _begin_anew(self) -> None:
        self._generation += 1
        self._decoding.forget()
        self._soundtrack.begin_at(self._playing.position_s)
        self._has_ended_parts = False
        self._waiting_since = time.monotonic()
        self._playing.is_awaited = True
        self._has_news.set()

    def _on_film_replaced(self) -> None:
        self._decoding.forget(self._playing.plan)
        self._begin_anew()
        self._say("The film on the server was replaced: this is the new one.")


def _opened(open_speaker: Callable[[], Speaker]) -> tuple[Speaker, str]:
    """And what to say: where nothing can be heard the film goes on without sound."""
    try:
        return open_speaker(), ""
    except MediaProblem as problem:
        return BlankSpeaker(), f"{problem} The film goes on without sound."

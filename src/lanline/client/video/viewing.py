"""Shows what a feed brings, until `q` is pressed: counts, and says when nothing comes. With sound, every picture waits
for the moment at which what was captured with it is heard. Decoding and showing happen in
a thread of their own, so that a slow terminal never keeps datagrams waiting.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lanline.client.firstof import first_of
from lanline.client.video.feed import Counts, Feed
from lanline.client.video.soundplayer import TURN_S, SoundPlayer
from lanline.client.video.stage import Stage
from lanline.errors import LinkError, MediaProblem
from lanline.media.api import EncodedFrame

QUIT, MUTE, PAUSE, LOUDER, QUIETER = "q", "m", " ", "+", "-"
HEIGHTS = {"1": 240, "2": 480, "3": 720, "4": 1080, "a": 0}
_VOLUME_STEP = 1.26
_KEYS_EVERY_S = 0.05
_STATISTICS_EVERY_S = 1.0
_MOST_HELD = 64
_MUTED = "Muted: m brings the sound back."

_Result = TypeVar("_Result")


class Viewing:
    """`say` is for notices of which the person would see nothing on the stage."""

    def __init__(
        self,
        feed: Feed,
        open_stage: Callable[[], Stage],
        say: Callable[[str], None],
        *,
        timeout_s: float,
        statistics: bool,
        open_player: Callable[[], SoundPlayer] | None = None,
        give_up_s: float | None = None,
    ) -> None:
        """`open_player` is called when there is sound; None keeps quiet."""
        self._feed = feed
        self._open_stage = open_stage
        self._say = say
        self._timeout_s = timeout_s
        self._statistics = statistics
        self._open_player = open_player
        self._give_up_s = give_up_s
        self._came_at = asyncio.get_running_loop().time()
        self._is_paused = self._has_missed = False
        self._player: SoundPlayer | None = None
        self._held: deque[EncodedFrame] = deque()
        self._has_sound = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "viewing")
        self._notice: str | None = None
        self._text: str | None = None
        self._remark = self._remark_shown = ""
        """To be known, and shown where nothing more urgent is."""
        self._has_begun = False
        self.frames_shown = 0

    async def run(self) -> None:
        """Returns when the person has seen enough."""
        stage = await self._apart(self._open_stage)
        try:
            await self._watch(stage)
        finally:
            if self._player is not None:
                self._player.close()
            await self._apart(stage.close)
            self._thread.shutdown(wait=False)

    async def _apart(self, work: Callable[[], _Result]) -> _Result:
        if sys.platform == "darwin":  # whose windows belong to the main thread
            return work()
        # Shielded: what is under way in the thread comes to its end, and only then the stage is closed.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def _watch(self, stage: Stage) -> None:
        works = [self._show(stage), self._await_quit(stage), self._present(stage), self._play()]
        if self._statistics:
            works.append(self._count(stage))
        await first_of(*works)

    async def _show(self, stage: Stage) -> None:
        while True:
            frames = await self._feed.take(min(self._timeout_s, self._give_up_s or self._timeout_s))
            is_alive = bool(frames) or self._feed.is_still
            self._check_patience(has_come=is_alive)
            if not self._remark and (advice := self._feed.advice):
                self._remark = advice
                self._say(advice)
            await self._notify(stage, "" if is_alive else self._silence())
            if stage.keeps_sound:
                await self._put(stage, frames)
                continue
            self._hear([frame for frame in frames if not frame.codec.is_video])
            pictures = [frame for frame in frames if frame.codec.is_video]
            if self._player is None:
                await self._put(stage, pictures)
            else:
                self._hold(self._player, pictures)

    def _check_patience(self, *, has_come: bool) -> None:
        now = asyncio.get_running_loop().time()
        if has_come:
            self._came_at = now
        elif self._give_up_s is not None and now - self._came_at >= self._give_up_s:
            raise LinkError(f"No video from {self._feed.source} for {self._give_up_s:g} s: given up.")

    async def _put(self, stage: Stage, frames: list[EncodedFrame]) -> None:
        if self._is_paused and not stage.keeps_sound:
            self._has_missed = self._has_missed or bool(frames)
            return
        if frames:
            self.frames_shown += await self._apart(partial(stage.put, frames))
            self._has_begun = True

    def _hear(self, frames: list[EncodedFrame]) -> None:
        if frames and self._open_player is not None:
            opener, self._open_player = self._open_player, None
            try:
                self._player = opener()
                self._has_sound.set()
            except MediaProblem as problem:
                self._remark = f"{problem} The picture goes on without sound."
                self._say(self._remark)
                self._feed.refuse_sound()
        if self._player is not None:
            for frame in frames:
                self._player.put(frame)

    def _hold(self, player: SoundPlayer, pictures: list[EncodedFrame]) -> None:
        for picture in pictures:
            player.on_picture(picture)
        self._held += pictures

    async def _present(self, stage: Stage) -> None:
        """The pictures that are due."""
        await self._has_sound.wait()
        player, loop = self._player, asyncio.get_running_loop()
        assert player is not None
        while True:
            due = self._due(player, loop.time() + TURN_S / 2)
            if due:
                await self._put(stage, due)
                player.on_shown(due[-1])
            await asyncio.sleep(TURN_S)

    async def _play(self) -> None:
        """In steps of their own: sound does not wait for a picture that is slow to be shown."""
        await self._has_sound.wait()
        assert self._player is not None
        while True:
            self._player.turn()
            await asyncio.sleep(TURN_S)

    def _due(self, player: SoundPlayer, now: float) -> list[EncodedFrame]:
        due: list[EncodedFrame] = []
        while self._held and (len(self._held) > _MOST_HELD or player.picture_due_at(self._held[0]) <= now):
            due.append(self._held.popleft())
        return due

    def _silence(self) -> str:
        if self._feed.other_format:
            return self._feed.other_format
        if self._feed.is_refused:
            return f"Nothing serves video at {self._feed.source}. Trying on ..."
        if self._has_begun:
            return f"No video for {self._timeout_s:g} s. Waiting for {self._feed.source} ..."
        if self._feed.has_answered:
            return f"{self._feed.source} answers, but no whole picture has come yet. Waiting ..."
        return f"No answer from {self._feed.source}. Trying on ..."

    async def _notify(self, stage: Stage, notice: str) -> None:
        if notice != self._notice:
            self._notice = notice
            self._say(notice or self._beginning())
        elif self._remark == self._remark_shown:
            return
        await self._notify_stage(stage)

    def _beginning(self) -> str:
        if self._has_begun:
            return "The video is back."
        return f"The video begins: {self._feed.description}." if self._feed.description else "The video begins."

    async def _notify_stage(self, stage: Stage) -> None:
        is_muted = self._player is not None and self._player.is_muted
        self._remark_shown = self._remark
        text = self._notice or self._remark or (_MUTED if is_muted else "")
        if text != self._text:
            self._text = text
            await self._apart(partial(stage.notify, text))

    async def _await_quit(self, stage: Stage) -> None:
        # Neither windows nor terminals tell by themselves, on all systems.
        while QUIT not in (keys := await self._apart(stage.keys)):
            for key in keys:
                self._press(key)
            if keys:
                await self._notify_stage(stage)
            await asyncio.sleep(_KEYS_EVERY_S)

    def _press(self, key: str) -> None:
        if key in HEIGHTS:
            self._feed.limit_height(HEIGHTS[key])
            self._remark = f"At most {HEIGHTS[key]} lines; a is what the link carries." if HEIGHTS[key] else ""
        elif key == PAUSE:
            self._is_paused = not self._is_paused
            self._remark = "Paused: space goes on." if self._is_paused else ""
            if self._player is not None:
                self._player.is_muted = self._is_paused
            if self._has_missed and not self._is_paused:
                self._has_missed = False
                self._feed.request_key()
        elif self._player is not None and key == MUTE:
            self._player.is_muted = not self._player.is_muted
        elif self._player is not None and key in {LOUDER, QUIETER}:
            self._player.volume *= _VOLUME_STEP if key == LOUDER else 1 / _VOLUME_STEP
            self._remark = f"Volume {round(100 * self._player.volume)} %"

    async def _count(self, stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        last, last_shown, last_at = self._feed.counts(), self.frames_shown, loop.time()
        while True:
            await asyncio.sleep(_STATISTICS_EVERY_S)
            counts, shown, now = self._feed.counts(), self.frames_shown, loop.time()
            line = statistics_line(last, counts, shown - last_shown, shown, now - last_at)
            if self._player is not None:
                line += f", {self._player.take_figures()}"
            await self._apart(partial(stage.tell, line))
            last, last_shown, last_at = counts, shown, now


def statistics_line(last: Counts, counts: Counts, shown: int, shown_in_all: int, elapsed_s: float) -> str:
    megabits = (counts.bytes_received - last.bytes_received) * 8 / elapsed_s / 1e6
    return (
        f"{shown / elapsed_s:.1f} fps, {megabits:.1f} Mbit/s, {counts.loss}, "
        f"{max(0, counts.frames_complete - shown_in_all)} passed over, {shown_in_all} shown"
    )

"""Shows what a feed brings, until `q` is pressed: counts, and says when nothing comes. Decoding and showing happen in
a thread of their own, so that a slow terminal never keeps datagrams waiting.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lanline.client.video.feed import Counts, Feed
from lanline.client.video.stage import Stage

QUIT = "q"
_KEYS_EVERY_S = 0.05
_STATISTICS_EVERY_S = 1.0

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
    ) -> None:
        self._feed = feed
        self._open_stage = open_stage
        self._say = say
        self._timeout_s = timeout_s
        self._statistics = statistics
        self._thread = ThreadPoolExecutor(1, "viewing")
        self._notice: str | None = None
        self._has_begun = False
        self.frames_shown = 0

    async def run(self) -> None:
        """Returns when the person has seen enough."""
        stage = await self._apart(self._open_stage)
        try:
            await self._watch(stage)
        finally:
            await self._apart(stage.close)
            self._thread.shutdown(wait=False)

    async def _apart(self, work: Callable[[], _Result]) -> _Result:
        if sys.platform == "darwin":  # whose windows belong to the main thread
            return work()
        # Shielded: what is under way in the thread comes to its end, and only then the stage is closed.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def _watch(self, stage: Stage) -> None:
        works = [self._show(stage), self._await_quit(stage)]
        if self._statistics:
            works.append(self._count(stage))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self, stage: Stage) -> None:
        while True:
            frames = await self._feed.take(self._timeout_s)
            await self._notify(stage, "" if frames else self._silence())
            if frames:
                self.frames_shown += await self._apart(partial(stage.put, frames))
                self._has_begun = True

    def _silence(self) -> str:
        if self._feed.is_refused:
            return f"Nothing serves video at {self._feed.source}. Trying on ..."
        if self._has_begun:
            return f"No video for {self._timeout_s:g} s. Waiting for {self._feed.source} ..."
        return f"No answer from {self._feed.source}. Trying on ..."

    async def _notify(self, stage: Stage, notice: str) -> None:
        if notice == self._notice:
            return
        self._notice = notice
        self._say(notice or ("The video is back." if self._has_begun else "The video begins."))
        await self._apart(partial(stage.notify, notice))

    async def _await_quit(self, stage: Stage) -> None:
        # Neither windows nor terminals tell by themselves, on all systems.
        while QUIT not in await self._apart(stage.keys):  # noqa: ASYNC110
            await asyncio.sleep(_KEYS_EVERY_S)

    async def _count(self, stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        last, last_shown, last_at = self._feed.counts(), self.frames_shown, loop.time()
        while True:
            await asyncio.sleep(_STATISTICS_EVERY_S)
            counts, shown, now = self._feed.counts(), self.frames_shown, loop.time()
            line = statistics_line(last, counts, shown - last_shown, shown, now - last_at)
            await self._apart(partial(stage.tell, line))
            last, last_shown, last_at = counts, shown, now


def statistics_line(last: Counts, counts: Counts, shown: int, shown_in_all: int, elapsed_s: float) -> str:
    megabits = (counts.bytes_received - last.bytes_received) * 8 / elapsed_s / 1e6
    return (
        f"{shown / elapsed_s:.1f} fps, {megabits:.1f} Mbit/s, {counts.loss}, "
        f"{max(0, counts.frames_complete - shown_in_all)} passed over, {shown_in_all} shown"
    )

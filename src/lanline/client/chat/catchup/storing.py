"""Owns when a write is done that nobody has to wait for: at once, or in a thread of its own while more comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from lanline.client.chat.history import History

Work = Callable[[History], None]
OnEnd = Callable[[BaseException | None], None]


class Storing(Protocol):
    def begin(self, work: Work, on_end: OnEnd) -> None:
        """One at a time. `on_end` follows, with what has kept it from the disk."""

    def wait(self) -> None:
        """Until nothing is under way, and `on_end` was called."""


class StoringAtOnce:
    """For a simulation, and where nobody else can open the file."""

    def __init__(self, history: History) -> None:
        self._history = history

    def begin(self, work: Work, on_end: OnEnd) -> None:
        """Raises itself what goes wrong."""
        work(self._history)
        on_end(None)

    def wait(self) -> None:
        """Nothing ever is under way."""


class StoringInThread:
    """With a connection of its own: SQLite works and waits for the disk while Python does something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "history")
        self._history: History | None = None
        self._under_way: tuple[Future[None], OnEnd] | None = None

    def begin(self, work: Work, on_end: OnEnd) -> None:
        loop = asyncio.get_running_loop()
        future = self._thread.submit(self._do, work)
        self._under_way = future, on_end
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._end, future))

    def _do(self, work: Work) -> None:
        if self._history is None:
            self._history = History.open(self._path)
        work(self._history)

    def _end(self, future: Future[None]) -> None:
        if self._under_way is None or self._under_way[0] is not future:
            return  # somebody has waited for it
        _, on_end = self._under_way
        self._under_way = None
        on_end(future.exception())

    def wait(self) -> None:
        while self._under_way is not None:
            future, _ = self._under_way
            future.exception()
            self._end(future)

    def close(self) -> None:
        """Call `wait` before."""
        if self._history is not None:
            self._thread.submit(self._history.close)
        self._thread.shutdown()

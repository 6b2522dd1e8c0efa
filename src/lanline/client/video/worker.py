"""A thread that waits for pictures or sound, and the loop that is told of them. A breakdown in it is one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from lanline.errors import LanlineError, MediaProblem

_FAREWELL_S = 2.0
"""A camera may take a moment to let go; longer than this nobody waits for it."""


class Worker:
    """`ended` is set when the work is done, with what broke it, if something did."""

    def __init__(self, what: str, work: Callable[[], None]) -> None:
        self._what = what
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, _FAREWELL_S)
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # somebody was told of it, or nobody wants to know any more

    # In the thread.

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def tell(self, method: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the camera let go
            self._loop.call_soon_threadsafe(method, *arguments)

    def _run(self) -> None:
        try:
            self._work()
        except LanlineError as problem:
            self.tell(self._end, problem)
        except Exception as cause:  # noqa: BLE001 -- a thread's traceback is for nobody; the sentence is for the person
            end = MediaProblem(f"The {self._what} stopped: {type(cause).__name__}: {cause}.")
            end.__cause__ = cause
            self.tell(self._end, end)
        else:
            self.tell(self._end, None)

    # In the loop.

    def _end(self, problem: LanlineError | None) -> None:
        if self.ended.done():
            return
        if problem is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(problem)

"""Owns how a command runs a coroutine: on uvloop where that exists, and ended in order by Ctrl+C, hang-up or kill."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

DEFAULT_HOME = Path("~/.lanline")

_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result], *, on_uvloop: bool = True) -> _Result:
    """KeyboardInterrupt comes out of it after the work has tidied up, unless the work has a result all the same."""
    runner = _runner(on_uvloop)
    return runner(_until_told(work))


def _runner(on_uvloop: bool) -> Callable[[Coroutine[Any, Any, _Result]], _Result]:
    if on_uvloop:
        with contextlib.suppress(ImportError):
            import uvloop

            return uvloop.run
    import asyncio

    return asyncio.run


async def _until_told(work: Coroutine[Any, Any, _Result]) -> _Result:
    import asyncio

    task = asyncio.create_task(work)
    told: list[int] = []
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:  # a job in the background, say, or under nohup
            continue
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        raise KeyboardInterrupt from None

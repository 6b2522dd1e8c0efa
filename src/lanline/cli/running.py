"""How a command runs asynchronous work: on uvloop where it exists, ended in order by Ctrl+C, hang-up or kill."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

DEFAULT_HOME = Path("~/.lanline")


def run(work: Coroutine[Any, Any, None]) -> None:
    """KeyboardInterrupt comes out of it after the work has tidied up."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(_until_told(work))
    else:
        uvloop.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    told: list[int] = []
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
        raise KeyboardInterrupt from None

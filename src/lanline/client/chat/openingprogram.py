"""Owns the second program, which opens the words of a long catch-up: begun when needed, ended when idle.

Where it does not work, this program opens them itself. What passes between the two: `sealing.opener`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lanline.client.sealing.asking import Asked
from lanline.client.sealing.opener import open_all, read_piece, write_piece

_IDLE_S = 5.0
_NOTHING = b"\x90"
"""An empty list of runs, which it answers alike: then it is ready."""


class _Answer:
    def __init__(self, future: Future[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._future = future
        self._loop = loop

    @property
    def is_over(self) -> bool:
        return self._future.done()

    def when_over(self, callback: Callable[[], object]) -> None:
        self._future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(callback))

    def found(self) -> bytes | None:
        """Waits for the answer. None: none will come."""
        return self._future.result() if self._future.exception() is None else None


class OpeningProgram:
    """Speaks with it in a thread: the two wait for each other, and hold up nobody else."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "opening")
        self._process: subprocess.Popen[bytes] | None = None
        self._begun: Future[bytes] | None = None
        self._asked_count = 0

    def begin(self) -> None:
        """It takes a moment until it is ready."""
        if self._begun is None:
            self._begun = self._submit(_NOTHING)

    @property
    def is_ready(self) -> bool:
        return self._begun is not None and self._begun.done() and self._begun.exception() is None

    def ask(self, asked: bytes) -> Asked:
        return _Answer(self._submit(asked), asyncio.get_running_loop())

    def _submit(self, asked: bytes) -> Future[bytes]:
        self._asked_count += 1
        asyncio.get_running_loop().call_later(_IDLE_S, self._end_if_idle, self._asked_count)
        return self._thread.submit(self._do, asked)

    def _do(self, asked: bytes) -> bytes:
        if self._process is None:
            command = [sys.executable, "-P", "-m", open_all.__module__]
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603 -- our own
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        write_piece(self._process.stdin, asked)
        found = read_piece(self._process.stdout)
        if not found:
            raise EOFError
        return found

    def _end_if_idle(self, count: int) -> None:
        if count == self._asked_count:
            self._begun = None
            self._thread.submit(self._end)

    def close(self) -> None:
        if self._begun is not None:
            self._begun = None
            self._thread.submit(self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

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
_WAITS_S = 0.25
_ANSWERS_S = 5.0
"""Who does not answer for so long is ended."""
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
        """Waits a moment for the answer, since the loop stands still meanwhile. None: do without it."""
        try:
            return self._future.result(_WAITS_S)
        except Exception:  # noqa: BLE001 -- whatever it is, there is no answer
            return None


def _answer_of(process: subprocess.Popen[bytes], asked: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    write_piece(process.stdin, asked)
    found = read_piece(process.stdout)
    if not found:
        raise EOFError
    return found


class OpeningProgram:
    """Speaks with it in a thread: the two wait for each other, and hold up nobody else."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "opening")
        self._process: subprocess.Popen[bytes] | None = None
        self._begun: Future[bytes] | None = None
        self._asked_count = 0
        self._is_closed = False

    def begin(self) -> None:
        """It takes a moment until it is ready."""
        if self._begun is None or (self._begun.done() and self._process is None):
            self._begun = self._submit(self._start)

    @property
    def is_ready(self) -> bool:
        return self._begun is not None and self._begun.done() and self._process is not None

    def ask(self, asked: bytes) -> Asked:
        return _Answer(self._submit(lambda: self._do(asked)), asyncio.get_running_loop())

    def _submit(self, work: Callable[[], bytes]) -> Future[bytes]:
        self._asked_count += 1
        future, loop = self._thread.submit(work), asyncio.get_running_loop()
        loop.call_later(_IDLE_S, self._end_if_idle, self._asked_count)
        loop.call_later(_ANSWERS_S, self._kill_if_late, future)
        return future

    def _start(self) -> bytes:
        command = [sys.executable, "-P", "-m", open_all.__module__]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603 -- our own
        return self._do(_NOTHING)

    def _do(self, asked: bytes) -> bytes:
        process = self._process
        if process is None or self._is_closed:
            raise EOFError
        try:
            return _answer_of(process, asked)
        except BaseException:
            self._end()
            raise

    def _kill_if_late(self, future: Future[bytes]) -> None:
        if not future.done():
            self._kill()

    def _end_if_idle(self, count: int) -> None:
        if count == self._asked_count and not self._is_closed:
            self._begun = None
            self._thread.submit(self._end)

    def close(self) -> None:
        self._is_closed = True
        self._kill()
        self._thread.shutdown(cancel_futures=True)
        self._end()

    def _kill(self) -> None:
        """It keeps nothing, and may be stopped: then it would not end by itself."""
        process = self._process
        if process is not None:
            process.kill()

    def _end(self) -> None:
        self._kill()
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

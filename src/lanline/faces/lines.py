"""Owns standard input and output as lines, whatever they are: a terminal, a pipe, a file.

A file cannot be polled and a blocked call cannot be cancelled, so daemon threads read and write, on descriptors of
their own: one that is still blocked must hold no lock that the end of the program needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import queue
import sys
import threading

from lanline.errors import InvalidInput, LanlineError
from lanline.model.text import MAX_TEXT_BYTES

_AHEAD_LINES = 64


class OutputLost(LanlineError):
    pass


def tell_aside(line: str) -> None:
    """Beside the conversation, to standard error, which may be closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"* {line}\n")
            sys.stderr.flush()


class InputLines:
    """`next_line` gives each line without its end, None at the end, and InvalidInput for one that was skipped."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | InvalidInput | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD_LINES)
        if sys.stdin is None:  # closed by who started this
            self._lines.put_nowait(None)
        else:
            source = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
            threading.Thread(target=self._read, args=[source], daemon=True).start()

    def _read(self, source: io.BufferedReader) -> None:
        # The loop is gone when the program is about to end; then nobody waits for lines.
        with contextlib.suppress(RuntimeError):
            while True:
                self._room.acquire()
                line = _read_line(source)
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
                if line is None:
                    return

    @property
    def has_unread(self) -> bool:
        """Lines have come in that nobody has asked for."""
        return not self._lines.empty()

    async def next_line(self) -> str | None:
        line = await self._lines.get()
        self._room.release()
        if isinstance(line, InvalidInput):
            raise line
        return line


def _read_line(source: io.BufferedReader) -> str | InvalidInput | None:
    try:
        line = source.readline(MAX_TEXT_BYTES + 1)
        if not line:
            return None
        if len(line) > MAX_TEXT_BYTES and not line.endswith(b"\n"):
            size_bytes = len(line) + _skip_rest(source)
            return InvalidInput(f"Not sent: a line has {size_bytes:,} bytes, and one message holds {MAX_TEXT_BYTES:,}.")
    except OSError:
        return None
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _skip_rest(source: io.BufferedReader) -> int:
    skipped = 0
    while True:
        piece = source.readline(MAX_TEXT_BYTES)
        skipped += len(piece.rstrip(b"\n"))
        if not piece or piece.endswith(b"\n"):
            return skipped


class OutputLines:
    """`write` returns when the system has the text, and raises OutputLost when it does not take any more."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._texts: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._encoding = sys.stdout.encoding if sys.stdout is not None else "utf-8"
        threading.Thread(target=self._write_all, daemon=True).start()

    async def write(self, text: str) -> None:
        if sys.stdout is None:
            raise OutputLost("Standard output is closed.")
        written = self._loop.create_future()
        self._texts.put((text.encode(self._encoding, "replace"), written))
        await written

    def _write_all(self) -> None:
        with contextlib.suppress(RuntimeError):
            while True:
                data, written = self._texts.get()
                problem = _write(data)
                self._loop.call_soon_threadsafe(_settle, written, problem)


def _write(data: bytes) -> OSError | None:
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except OSError as problem:
        return problem
    return None


def _settle(written: asyncio.Future[None], problem: OSError | None) -> None:
    if written.done():
        return
    if problem is None:
        written.set_result(None)
    elif isinstance(problem, BrokenPipeError):
        written.set_exception(OutputLost("Nobody reads the output any more."))
    else:
        written.set_exception(OutputLost(f"The output cannot be written: {problem.strerror}."))

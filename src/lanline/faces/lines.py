"""Standard input as lines, whatever it is: a terminal, a pipe, a file.

A file cannot be polled and a blocked read cannot be cancelled, so a daemon thread reads; it never outlives the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading

from lanline.errors import InvalidInput
from lanline.model.text import MAX_TEXT_BYTES

_AHEAD_LINES = 64


class InputLines:
    """`next_line` gives each line without its end, None at the end, and InvalidInput for one that was skipped."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | InvalidInput | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD_LINES)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        stream = sys.stdin.buffer
        # The loop is gone when the program is about to end; then nobody waits for lines.
        with contextlib.suppress(RuntimeError):
            while True:
                self._room.acquire()
                try:
                    line = stream.readline(MAX_TEXT_BYTES + 1)
                except (OSError, ValueError):
                    line = b""
                if not line:
                    self._hand_over(None)
                    return
                if len(line) > MAX_TEXT_BYTES and not line.endswith(b"\n"):
                    self._hand_over(_too_long(len(line) + _skip_rest()))
                else:
                    self._hand_over(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _hand_over(self, line: str | InvalidInput | None) -> None:
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    async def next_line(self) -> str | None:
        line = await self._lines.get()
        self._room.release()
        if isinstance(line, InvalidInput):
            raise line
        return line


def _too_long(size_bytes: int) -> InvalidInput:
    return InvalidInput(f"Not sent: a line has {size_bytes:,} bytes, and one message holds {MAX_TEXT_BYTES:,}.")


def _skip_rest() -> int:
    skipped = 0
    while True:
        piece = sys.stdin.buffer.readline(MAX_TEXT_BYTES)
        skipped += len(piece)
        if not piece or piece.endswith(b"\n"):
            return skipped

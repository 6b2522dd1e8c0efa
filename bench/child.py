"""A child process that speaks JSON lines and never outlives its parent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GOODBYE_LIMIT_S = 3.0
LONGEST_LINE_BYTES = 64 * 1024 * 1024
"""A receiver tells the latency of every message in one line."""

Line = dict[str, Any]


class ChildFailed(Exception):
    """It ended, or said nothing in time."""


class Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def next_line(self, limit_s: float) -> Line:
        assert self._process.stdout is not None, "started with a pipe"
        try:
            raw = await asyncio.wait_for(self._process.stdout.readline(), limit_s)
        except TimeoutError as cause:
            raise ChildFailed(f"nothing within {limit_s:g} s") from cause
        if not raw:
            raise ChildFailed(f"ended with status {await self._process.wait()}")
        line: Line = json.loads(raw)
        return line

    async def expect(self, event: str, limit_s: float) -> Line:
        line = await self.next_line(limit_s)
        if line.get("event") != event:
            raise ChildFailed(str(line.get("reason") or line))
        return line

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None, "started with a pipe"
        self._process.stdin.write(word.encode() + b"\n")

    async def end(self) -> None:
        """Closing its standard input asks it to end; it is killed when it does not."""
        assert self._process.stdin is not None, "started with a pipe"
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), GOODBYE_LIMIT_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def child(script: str, arguments: Sequence[str], prefix: Sequence[str] = ()) -> AsyncIterator[Child]:
    """Run a script of this folder; `prefix` is what enters a network namespace."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        str(HERE / script),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE_BYTES,
        start_new_session=True,  # Ctrl+C is for the parent; it ends its children in good order
    )
    running = Child(process)
    try:
        yield running
    finally:
        await running.end()

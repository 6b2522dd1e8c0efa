"""The child's side of `child.py`: JSON lines out, words in."""

from __future__ import annotations

import asyncio
import json
import sys


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def commands() -> asyncio.StreamReader:
    """Standard input, which ends when the parent does."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader

"""Plain datagrams at a terminal or a pipe."""

from __future__ import annotations

import asyncio
import sys
from typing import Protocol

from lanline.client.plainpeer import PlainPeer
from lanline.errors import InvalidInput


class Lines(Protocol):
    async def next_line(self) -> str | None: ...


async def run_plain(peer: PlainPeer, lines: Lines, *, stays: bool) -> None:
    showing = asyncio.create_task(_show(peer))
    try:
        refused = await _send_all(peer, lines)
        if stays:
            await asyncio.Event().wait()
    finally:
        showing.cancel()
        peer.close()
    if refused:
        raise InvalidInput("Not every line could be sent.")


async def _show(peer: PlainPeer) -> None:
    while True:
        sender, line = await peer.receive()
        sys.stdout.write(f"{sender}: {line}\n")
        sys.stdout.flush()


async def _send_all(peer: PlainPeer, lines: Lines) -> int:
    refused = 0
    while True:
        try:
            line = await lines.next_line()
            if line is None:
                return refused
            peer.say(line)
        except InvalidInput as problem:
            refused += 1
            sys.stderr.write(f"* {problem}\n")

"""Owns plain datagrams at a terminal or a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from lanline.client.peer.plain import PlainPeer
from lanline.errors import InvalidInput
from lanline.faces.firstof import first_of
from lanline.faces.peer.face import NotDelivered, count_messages


class Lines(Protocol):
    async def next_line(self) -> str | None: ...


class PlainFace:
    def __init__(
        self, peer: PlainPeer, lines: Lines, write: Callable[[str], Awaitable[None]], tell: Callable[[str], None]
    ) -> None:
        self._peer = peer
        self._lines = lines
        self._write = write
        self._tell = tell

    async def run(self, *, stays: bool) -> None:
        try:
            await first_of(self._show(), self._take_input(stays=stays))
        finally:
            self._peer.close()

    async def _show(self) -> None:
        while True:
            sender, line = await self._peer.receive()
            await self._write(f"{sender}: {line}\n")

    async def _take_input(self, *, stays: bool) -> None:
        refused = 0
        while True:
            try:
                line = await self._lines.next_line()
                if line is None:
                    break
                self._peer.say(line)
            except InvalidInput as problem:
                refused += 1
                self._tell(str(problem))
        if stays:
            await asyncio.Event().wait()
        if refused:
            raise NotDelivered(f"{count_messages(refused)} not sent.")

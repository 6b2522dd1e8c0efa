"""Owns plain datagrams at a terminal or a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from lanline.client.firstof import first_of
from lanline.client.peer.plain import PlainPeer
from lanline.errors import InvalidInput
from lanline.faces.peer.face import NotDelivered, count_messages

_ANSWER_S = 0.2
"""How long a host may take to say that nothing listens there."""


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
        self._refused = 0

    async def run(self, *, stays: bool, echoes: bool = False) -> None:
        """`echoes`: one's own lines are written too, for a prompt takes them away."""
        try:
            await first_of(self._show(), self._take_input(stays=stays, echoes=echoes), self._tell_refusals())
        finally:
            self._peer.close()

    async def _show(self) -> None:
        while True:
            sender, line = await self._peer.receive()
            await self._write(f"{sender}: {line}\n")

    async def _tell_refusals(self) -> None:
        while True:
            self._tell(await self._peer.next_refusal())
            self._refused += 1

    async def _take_input(self, *, stays: bool, echoes: bool) -> None:
        while True:
            try:
                line = await self._lines.next_line()
                if line is None:
                    break
                self._peer.say(line)
                if echoes:
                    await self._write(f"you: {line}\n")
            except InvalidInput as problem:
                self._refused += 1
                self._tell(str(problem))
        if stays:
            await asyncio.Event().wait()
        await asyncio.sleep(_ANSWER_S)
        if self._refused:
            raise NotDelivered(f"{count_messages(self._refused)} not delivered.")

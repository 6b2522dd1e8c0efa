"""Lanline's members who take turns in speaking, and report what they have read as often as the client does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatcrowds import OnHeard
from chatcrowds.lanline import LanlineCrowd, Member, gather_members
from lanline.client.chat.following import REPORT_EVERY_S
from lanline.wire.chat.entries import Advance, Entries, LogCursor
from lanline.wire.chat.messages import ServerMessage


class Reader(Member):
    _read = 0
    _reports = False

    def _on_message(self, message: ServerMessage) -> None:
        super()._on_message(message)
        if type(message) is Entries:
            self._read = message.entries[-1].sequence
            if not self._reports:
                self._reports = True
                asyncio.get_running_loop().call_later(REPORT_EVERY_S, self._report)

    def _report(self) -> None:
        self._reports = False
        self._send(Advance((LogCursor(self._log, self._read, self._read),)))


class Readers(LanlineCrowd):
    def say(self, numbers: range) -> None:
        for number in numbers:
            self._members[number % len(self._members)].say(range(number, number + 1))


async def gather(host: str, port: int, members: int, folder: Path, on_heard: OnHeard) -> Readers:
    return Readers(*await gather_members(Reader, host, port, members, folder, on_heard))

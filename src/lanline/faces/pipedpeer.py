"""A conversation of two at a pipe: standard output has the peer's lines and nothing else, standard error the rest."""

from __future__ import annotations

import asyncio
import sys

from lanline.client.peer import PeerChat
from lanline.errors import InvalidInput
from lanline.faces.lines import InputLines
from lanline.faces.peer import NotDelivered, PeerFace, count_messages

_AHEAD_TEXTS = 1000


class PipedPeerFace(PeerFace):
    def __init__(self, chat: PeerChat, *, stays: bool, wait_s: float) -> None:
        super().__init__(chat)
        self._stays = stays
        self._wait_s = wait_s

    def _tell(self, line: str) -> None:
        sys.stderr.write(f"* {line}\n")
        sys.stderr.flush()

    def _show_text(self, name: str, text: str) -> None:
        for line in text.split("\n"):
            sys.stdout.write(f"{name}: {line}\n")
        sys.stdout.flush()

    def _show_delivered(self, text: str) -> None:
        pass

    async def _take_input(self) -> None:
        refused = await self._send_all(InputLines())
        if self._stays:
            await asyncio.Event().wait()
        await self._wait_delivered(self._wait_s)
        if refused:
            raise NotDelivered(f"{count_messages(refused)} not sent, being too long.")

    async def _send_all(self, lines: InputLines) -> int:
        refused = 0
        while True:
            try:
                line = await lines.next_line()
                if line is None:
                    return refused
                if line:
                    await self._chat.wait_undelivered_below(_AHEAD_TEXTS)
                    self._chat.say(line)
            except InvalidInput as problem:
                refused += 1
                self._tell(str(problem))

"""Owns a conversation of two at a pipe: the peer's lines on standard output, all else on standard error."""

from __future__ import annotations

import asyncio

from lanline.client.peer.chat import PeerChat
from lanline.errors import InvalidInput
from lanline.faces.lines import InputLines, OutputLines, tell_aside
from lanline.faces.peer.face import PeerFace, count_messages

_AHEAD_TEXTS = 1000


class PipedPeerFace(PeerFace):
    def __init__(self, chat: PeerChat, *, stays: bool, wait_s: float) -> None:
        super().__init__(chat)
        self._stays = stays
        self._wait_s = wait_s
        self._input = InputLines()
        self._output = OutputLines()
        self._refused = 0

    def _tell(self, line: str) -> None:
        tell_aside(line)

    async def _show_text(self, name: str, text: str) -> None:
        await self._output.write("".join(f"{name}: {line}\n" for line in text.split("\n")))

    def _show_delivered(self, text: str) -> None:
        pass

    async def _take_input(self) -> None:
        while True:
            try:
                line = await self._input.next_line()
                if line is None:
                    break
                await self._chat.wait_undelivered_below(_AHEAD_TEXTS)
                self._chat.say(line)
            except InvalidInput as problem:
                self._refused += 1
                self._tell(str(problem))
        if self._stays:
            await asyncio.Event().wait()
        await self._wait_delivered(self._wait_s)

    def _not_delivered(self) -> str:
        sentences = [
            super()._not_delivered(),
            f"{count_messages(self._refused)} not sent, being too long." if self._refused else "",
            "The input was not read to its end." if self._input.has_unread else "",
        ]
        return " ".join(filter(None, sentences))

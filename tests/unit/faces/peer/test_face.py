"""What is told to the other side of a text that is on its way to the output while the person leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lanline.client.peer.events import PeerEvent, TextReceived
from lanline.faces.peer import face
from lanline.faces.peer.face import PeerFace

LIMIT_S = 60.0


class Chat:
    name, port, words, undelivered = "ann", 1, ["word"], []

    def __init__(self) -> None:
        self.events: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self.log: list[str] = []

    async def next_event(self) -> PeerEvent:
        self.finish_event()
        return await self.events.get()

    def finish_event(self) -> None:
        self.log.append("finished")

    async def close(self) -> None:
        self.log.append("closed")


class Face(PeerFace):
    """Leaves as soon as a text has begun to be written; whether that comes to its end is up to the test."""

    def __init__(self, chat: Any) -> None:
        super().__init__(chat)
        self.begun, self.written = asyncio.Event(), asyncio.Event()
        self.problem: Exception | None = None
        self.ends_when_left = True

    def _tell(self, line: str) -> None: ...

    def _show_delivered(self, text: str) -> None: ...

    async def _show_text(self, name: str, text: str) -> None:
        self.begun.set()
        await self.written.wait()
        if self.problem is not None:
            raise self.problem

    async def _take_input(self) -> None:
        await self.begun.wait()
        if self.ends_when_left:
            asyncio.get_running_loop().call_later(0.01, self.written.set)


def left(**settings: Any) -> list[str]:
    """What became of the chat."""

    async def leave() -> list[str]:
        chat = Chat()
        shown = Face(chat)
        for name, value in settings.items():
            setattr(shown, name, value)
        chat.events.put_nowait(TextReceived("bob", "hello"))
        async with asyncio.timeout(LIMIT_S):
            await shown.run()
        return chat.log

    return asyncio.run(leave())


def test_a_text_that_is_being_written_when_the_person_leaves_is_told_as_shown() -> None:
    assert left() == ["finished", "finished", "closed"]


def test_a_text_that_could_not_be_written_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(problem=OSError("full")) == ["finished", "closed"]
    monkeypatch.setattr(face, "_LAST_LINE_S", 0.01)
    assert left(ends_when_left=False) == ["finished", "closed"]

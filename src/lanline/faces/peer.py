"""A conversation of two, as it is told: what is said of each event, and how it ends. Where it shows is another's."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from lanline.client.peer import (
    Ended,
    Joined,
    Left,
    PeerChat,
    PeerEvent,
    Refused,
    TextDelivered,
    TextReceived,
    Waiting,
)
from lanline.errors import LanlineError
from lanline.model.text import safe_line

SHOWN_CHARACTERS = 60


class NotDelivered(LanlineError):
    pass


def _describe(event: PeerEvent) -> list[str]:
    """What is told of an event, apart from the texts themselves."""
    lines: list[str] = []
    match event:
        case Waiting(calls):
            lines.append(f"Calling {calls} …" if calls else "Waiting to be called …")
        case Joined(name, address, _, first_met) if first_met:
            lines.append(f"{name} is here, at {address}, with the key known since {first_met}.")
        case Joined(name, address, words, _):
            lines.append(f"{name} is here, at {address}. You have not met before: ask {name} by another way")
            lines.append(f"whether this is the key shown there: {' '.join(words)}")
        case Left(name, reason, will_return) if will_return:
            lines.append(f"{name} is gone: {reason.rstrip('.')}. Waiting for {name} to come back.")
        case Left(name, _, _):
            lines.append(f"{name} has left.")
        case Refused(reason):
            lines.append(reason)
        case _:
            pass
    return lines


class PeerFace(ABC):
    def __init__(self, chat: PeerChat) -> None:
        self._chat = chat

    async def run(self) -> None:
        """Until the person leaves, or the conversation cannot go on, which raises the reason."""
        self._tell(f"You are {self._chat.name}, on port {self._chat.port}. Your key: {' '.join(self._chat.words)}")
        showing = asyncio.create_task(self._show_events())
        try:
            await _first_of(showing, self._take_input())
        finally:
            showing.cancel()
            await self._chat.close()

    async def _show_events(self) -> None:
        while True:
            event = await self._chat.next_event()
            if isinstance(event, Ended):
                raise event.error
            self._show(event)

    def _show(self, event: PeerEvent) -> None:
        match event:
            case TextReceived(name, text):
                self._show_text(name, text)
            case TextDelivered(_, text):
                self._show_delivered(text)
            case _:
                for line in _describe(event):
                    self._tell(line)

    @abstractmethod
    def _tell(self, line: str) -> None: ...

    @abstractmethod
    def _show_text(self, name: str, text: str) -> None: ...

    @abstractmethod
    def _show_delivered(self, text: str) -> None: ...

    @abstractmethod
    async def _take_input(self) -> None: ...

    async def _wait_delivered(self, limit_s: float) -> None:
        """Give what waits some time; then say what did not make it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._chat.wait_undelivered_below(1), limit_s)
        missing = self._chat.undelivered
        if missing:
            shown = "; ".join(safe_line(text)[:SHOWN_CHARACTERS] for text in missing[:3])
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise NotDelivered(f"{count_messages(len(missing))} not delivered: {shown}{more}")


def count_messages(number: int) -> str:
    return "1 message was" if number == 1 else f"{number} messages were"


async def _first_of(task: asyncio.Task[None], coroutine: Coroutine[Any, Any, None]) -> None:
    """Run both until one ends or fails."""
    other = asyncio.create_task(coroutine)
    try:
        done, _ = await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            await each
    finally:
        other.cancel()

"""Owns what is told of each event of a conversation of two, and how it ends. Not where it is shown."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

from lanline.client.firstof import first_of
from lanline.client.peer.chat import PeerChat
from lanline.client.peer.events import (
    CallerRefused,
    Ended,
    Joined,
    Left,
    NotReached,
    PeerEvent,
    TextDelivered,
    TextReceived,
    Waiting,
)
from lanline.errors import LanlineError
from lanline.model.text import safe_line

SHOWN_CHARACTERS = 60
_WORDS_IN_LINE = 6
_LAST_LINE_S = 1.0
"""How long somebody who leaves waits for an output that takes nothing."""


class NotDelivered(LanlineError):
    pass


def _in_lines(words: list[str]) -> list[str]:
    return ["    " + " ".join(words[start : start + _WORDS_IN_LINE]) for start in range(0, len(words), _WORDS_IN_LINE)]


def _describe(event: PeerEvent) -> list[str]:
    """What is told of an event, apart from the texts themselves."""
    lines: list[str] = []
    match event:
        case Waiting(calls):
            lines = [f"Calling {calls} …" if calls else "Waiting to be called …"]
        case NotReached(calls, reason):
            lines = [f"{reason} Still calling {calls} …"]
        case Joined(name, address, _, first_met) if first_met:
            lines = [f"{name} is here, at {address}, with the key known since {first_met}."]
        case Joined(name, address, words, _):
            lines = [
                f"{name} is here, at {address}. You have not met before.",
                f"Ask {name} by another way whether these are the key words there:",
                *_in_lines(words),
            ]
        case Left(name, reason, will_return) if will_return:
            lines = [f"{name} is gone: {reason.rstrip('.')}. Waiting for {name} to come back."]
        case Left(name, _, _):
            lines = [f"{name} has left, and may come back."]
        case CallerRefused(reason):
            lines = [reason]
        case _:
            pass
    return lines


class PeerFace(ABC):
    def __init__(self, chat: PeerChat) -> None:
        self._chat = chat
        self._showing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the person leaves, or the conversation cannot go on, which raises the reason."""
        self._tell(f"You are {self._chat.name}, on UDP port {self._chat.port}. Your key words:")
        for line in _in_lines(self._chat.words):
            self._tell(line)
        try:
            await first_of(self._show_events(), self._take_input())
        except asyncio.CancelledError:
            self._check_delivered()
            raise
        finally:
            try:
                await self._finish_showing()
            finally:
                await self._chat.close()

    async def _show_events(self) -> None:
        while True:
            event = await self._chat.next_event()
            if isinstance(event, Ended):
                if missing := self._not_delivered():
                    self._tell(missing)
                raise event.error
            self._showing = asyncio.create_task(self._show(event))
            await asyncio.shield(self._showing)

    async def _finish_showing(self) -> None:
        """What is being written at the end may be read by now: then the other side has to learn that it was shown."""
        if self._showing is None:
            return
        await asyncio.wait([self._showing], timeout=_LAST_LINE_S)
        if self._showing.cancel():
            return
        if not self._showing.cancelled() and self._showing.exception() is None:
            self._chat.finish_event()

    async def _show(self, event: PeerEvent) -> None:
        match event:
            case TextReceived(name, text):
                await self._show_text(name, text)
            case TextDelivered(_, text):
                self._show_delivered(text)
            case _:
                for line in _describe(event):
                    self._tell(line)

    @abstractmethod
    def _tell(self, line: str) -> None: ...

    @abstractmethod
    async def _show_text(self, name: str, text: str) -> None: ...

    @abstractmethod
    def _show_delivered(self, text: str) -> None: ...

    @abstractmethod
    async def _take_input(self) -> None: ...

    async def _wait_delivered(self, limit_s: float) -> None:
        """Give what waits some time; then say what did not make it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._chat.wait_undelivered_below(1), limit_s)
        self._check_delivered()

    def _check_delivered(self) -> None:
        if missing := self._not_delivered():
            raise NotDelivered(missing)

    def _not_delivered(self) -> str:
        missing = self._chat.undelivered
        if not missing:
            return ""
        shown = "; ".join(shorten(text) for text in missing[:3])
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        return f"{count_messages(len(missing))} not delivered: {shown}{more}"


def shorten(text: str) -> str:
    line = safe_line(text[: SHOWN_CHARACTERS + 1])
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def count_messages(number: int) -> str:
    return "1 message was" if number == 1 else f"{number:,} messages were"

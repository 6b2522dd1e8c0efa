"""Requests under way on one link, by their number."""

from __future__ import annotations

from collections.abc import Callable

from lanline.errors import LinkNotOpen, RequestRefused
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.messages import ServerMessage

Answer = ServerMessage | RequestRefused | LinkNotOpen
OnAnswer = Callable[[Answer], None]


class Requests:
    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, OnAnswer] = {}

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def expect(self, on_answer: OnAnswer) -> int:
        number = self.next_number()
        self._waiting[number] = on_answer
        return number

    def answer(self, number: int, message: ServerMessage) -> bool:
        """False when nobody waits for it, or not any more."""
        on_answer = self._waiting.pop(number, None)
        if on_answer is None:
            return False
        on_answer(refusal(message) if isinstance(message, Refused) else message)
        return True

    def fail_all(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for on_answer in waiting.values():
            on_answer(LinkNotOpen(reason))


def refusal(message: Refused) -> RequestRefused:
    return RequestRefused(message.known_code, message.text, message.retry_after_ms / 1000)

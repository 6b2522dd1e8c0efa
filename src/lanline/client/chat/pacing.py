"""Owns until when a slow room takes nothing more of this account. Not what waits for it, which the outbox keeps."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.moments import second_text
from lanline.client.view.values import Conversation
from lanline.clock import Clock, Timer
from lanline.model.rooms import Role, pace_text


class Pacing:
    """Of one link: on the next one the server says it anew, when it comes to that."""

    def __init__(self, clock: Clock, on_over: Callable[[], None]) -> None:
        self._clock = clock
        self._on_over = on_over
        self._waits: dict[int, tuple[str, Timer]] = {}

    def note(self, shown: Conversation | None, wait_s: float | None = None) -> None:
        """Something was taken there, or is put off for so long."""
        if shown is None or not _is_slow(shown):
            return
        wait_s = shown.slow_s if wait_s is None else wait_s
        self._forget(shown.log)
        at = second_text(self._clock.now_ms() + round(wait_s * 1000))
        timer = self._clock.call_later(wait_s, lambda: self._over(shown.log))
        self._waits[shown.log] = f"{_sentence(shown)} What waits goes out by itself at {at}.", timer

    def reason(self, shown: Conversation, *, is_under_way: bool) -> str:
        """Why nothing can go there now; empty where it can. Under way: one message of ours to it."""
        if not _is_slow(shown):
            self._forget(shown.log)
            return ""
        if shown.log in self._waits:
            return self._waits[shown.log][0]
        return _sentence(shown) if is_under_way else ""

    def _over(self, log: int) -> None:
        self._forget(log)
        self._on_over()

    def _forget(self, log: int) -> None:
        if (found := self._waits.pop(log, None)) is not None:
            found[1].cancel()

    def forget_all(self) -> None:
        for log in list(self._waits):
            self._forget(log)


def _is_slow(shown: Conversation) -> bool:
    return shown.slow_s > 0 and shown.role < Role.MODERATOR


def _sentence(shown: Conversation) -> str:
    return f"{shown.title} takes a message of yours every {pace_text(shown.slow_s)}."

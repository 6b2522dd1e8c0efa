"""Owns until when nothing is sent to a conversation: because its room is slow, or because entries of it that exist do
not arrive here.

Not what waits for it, which the outbox keeps.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.moments import second_text
from lanline.client.view.values import Conversation
from lanline.clock import Clock, Timer
from lanline.model.rooms import Role, pace_text

_LONGEST_WAIT_S = 10.0
_MOST_TRIES = 20
"""In about three minutes."""


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


class Unseen:
    """Words that the server says to have sealed otherwise, and that are not read here: kept back, or not believed."""

    def __init__(self, clock: Clock, on_over: Callable[[], None]) -> None:
        self._clock = clock
        self._on_over = on_over
        self._tries: dict[bytes, int] = {}
        self._waits: dict[int, Timer] = {}

    def note(self, log: int, entry_id: bytes, wait_s: float) -> bool:
        """Said again by the server. Whether something is put off by it: the first time it is about to be read."""
        tries = self._tries[entry_id] = self._tries.get(entry_id, 0) + 1
        if tries == 1:
            return False
        self._forget(log)
        pause_s = min(wait_s * 2 ** min(tries - 1, _MOST_TRIES), _LONGEST_WAIT_S)
        self._waits[log] = self._clock.call_later(pause_s, lambda: self._over(log))
        return True

    def is_enough(self, log: int, entry_id: bytes) -> bool:
        """It has been tried too often: nothing waits for it any more, and if it is said again it counts anew."""
        is_enough = self._tries.get(entry_id, 0) >= _MOST_TRIES
        if is_enough:
            del self._tries[entry_id]
            self._forget(log)
        return is_enough

    def reason(self, shown: Conversation) -> str:
        """Why nothing can go there now; empty where it can."""
        if shown.log not in self._waits:
            return ""
        return f"The server says that it has what you said in {shown.title}, and does not show it. It is asked again."

    def _over(self, log: int) -> None:
        self._forget(log)
        self._on_over()

    def _forget(self, log: int) -> None:
        if (found := self._waits.pop(log, None)) is not None:
            found.cancel()

    def end_link(self) -> None:
        for log in list(self._waits):
            self._forget(log)


def _is_slow(shown: Conversation) -> bool:
    return shown.slow_s > 0 and shown.role < Role.MODERATOR


def _sentence(shown: Conversation) -> str:
    return f"{shown.title} takes a message of yours every {pace_text(shown.slow_s)}."

"""Limits log lines that others can provoke from outside: seldom about one subject, and about few subjects at once. No
clock.
"""

from __future__ import annotations

from collections.abc import Callable

AGAIN_S = 10.0


class LineLimit:
    def __init__(self, tell: Callable[[str], None], most: int) -> None:
        """So many sentences in any ten seconds, and one of each subject; the others are dropped."""
        self._tell = tell
        self._most = most
        self._told: dict[str, float] = {}

    def tell(self, sentence: str, subject: str, now: float) -> None:
        is_full = len(self._told) >= self._most and now - next(iter(self._told.values())) < AGAIN_S  # the oldest
        if is_full or now - self._told.get(subject, float("-inf")) < AGAIN_S:
            return
        self._told = {known: at for known, at in self._told.items() if now - at < AGAIN_S}
        self._told[subject] = now
        self._tell(sentence)

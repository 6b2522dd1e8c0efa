"""When what was captured at a moment is to be heard and seen: one delay for both, so that lips and words stay together.

It is as long as it has to be for nearly everything to have come, sound and pictures alike, and no longer. Grows at once
and shrinks slowly, because every change is heard. docs/protocol/media.md, 6.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

_WINDOW_S = 4.0
_SHARE_IN_TIME = {"sound": 0.99, "picture": 0.95}
_SHRINKS_PER_S = 0.005
_MOST_FOR_PICTURE_S = 0.3
"""A picture that takes longer is late: sound does not wait for it any more."""
_MOST_FOR_SOUND_S = 0.6
_SOUND_ENDS_S = 1.0
_LATENESS_ANEW_S = 5.0


class Kind(Enum):
    SOUND = "sound"
    PICTURE = "picture"


class _Lateness:
    """How long after its capture a kind of frame was here, by clocks that have nothing to do with each other."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, lateness_s: float, now: float) -> None:
        if self._seen and abs(lateness_s - self._seen[-1][1]) > _LATENESS_ANEW_S:
            self._seen.clear()
        self._seen.append((now, lateness_s))
        while now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()

    def measure(self) -> tuple[float, float] | None:
        """The least of late, and what nearly all stayed under."""
        if not self._seen:
            return None
        ordered = sorted(lateness for _, lateness in self._seen)
        return ordered[0], ordered[int(self._share * (len(ordered) - 1))]


class Playout:
    """`reserve_s` is how long before it is heard sound has to be handed on."""

    def __init__(self, reserve_s: float) -> None:
        self._reserve_s = reserve_s
        self._lateness = {kind: _Lateness(_SHARE_IN_TIME[kind.value]) for kind in Kind}
        self._delay_s: float | None = None
        self._changed_at = 0.0
        self._sound_at = -1e9

    def has_sound(self, now: float) -> bool:
        return now - self._sound_at < _SOUND_ENDS_S

    @property
    def delay_s(self) -> float | None:
        """From capture to the ear, on two clocks; None before there was sound."""
        return self._delay_s

    def on_frame(self, kind: Kind, captured_at_s: float, now: float) -> None:
        self._lateness[kind].add(now - captured_at_s, now)
        if kind is Kind.SOUND:
            if not self.has_sound(now):
                self._delay_s = None
            self._sound_at = now
            self._follow(now)

    def _follow(self, now: float) -> None:
        wanted = self._wanted_s()
        if self._delay_s is None or wanted > self._delay_s or self._delay_s - wanted > _LATENESS_ANEW_S:
            self._delay_s = wanted
        else:
            self._delay_s = max(wanted, self._delay_s - _SHRINKS_PER_S * (now - self._changed_at))
        self._changed_at = now

    def _wanted_s(self) -> float:
        sound = self._lateness[Kind.SOUND].measure()
        assert sound is not None
        quickest, usual = sound
        wanted = self._reserve_s + min(usual, quickest + _MOST_FOR_SOUND_S)
        picture = self._lateness[Kind.PICTURE].measure()
        return wanted if picture is None else max(wanted, min(picture[1], wanted + _MOST_FOR_PICTURE_S))

    def due_at(self, captured_at_s: float, now: float) -> float:
        """When a picture is to be seen: at once, while there is no sound."""
        if self._delay_s is None or not self.has_sound(now):
            return now
        return min(captured_at_s + self._delay_s, now + 1.0)

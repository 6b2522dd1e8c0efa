"""When what was captured at a moment is to be heard and seen: one delay for both, so that lips and words stay together.

It is as long as it has to be for nearly everything to have come, sound and pictures alike, and no longer. Grows at once
and shrinks slowly, because every change is heard; far behind, it leaps, which is heard once. docs/protocol/media.md, 6.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

_WINDOW_S = 4.0
_SHARE_IN_TIME = {"sound": 0.99, "picture": 0.95}
_SHRINKS_PER_S = 0.005
_FAR_BEHIND_S, _FAR_BEHIND_FOR_S = 0.3, 10.0
"""What shrinking would take a minute for, and no spike has called for of late: a few words are left out."""
_MOST_BEHIND_S = 1.0
"""Never longer than it has to be by more: after a queue of seconds, as much would wait to be heard, and be behind."""
_MOST_FOR_PICTURE_S = 0.3
"""A picture that takes longer is late: sound does not wait for it any more."""
_MOST_FOR_SOUND_S = 0.6
"""Longer than the quickest of late takes: what a pause of the network held up is not worth being behind ever after."""
_LATELY_S, _LATELY_AT_LEAST_S = 1.0, 0.5
"""When all that came for so long was late, the path has become so slow."""
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

    def usual_s(self) -> float | None:
        """What nearly all stayed under."""
        if not self._seen:
            return None
        ordered = sorted(lateness for _, lateness in self._seen)
        return ordered[int(self._share * (len(ordered) - 1))]

    def quickest_s(self, now: float) -> float:
        lately = [(at, lateness) for at, lateness in self._seen if now - at <= _LATELY_S]
        if not lately or now - lately[0][0] < _LATELY_AT_LEAST_S:
            return min(lateness for _, lateness in self._seen)
        return min(lateness for _, lateness in lately)


class Playout:
    """`reserve_s` is how long before it is heard sound has to be handed on."""

    def __init__(self, reserve_s: float) -> None:
        self._reserve_s = reserve_s
        self._lateness = {kind: _Lateness(_SHARE_IN_TIME[kind.value]) for kind in Kind}
        self._delay_s: float | None = None
        self._changed_at = 0.0
        self._near_at = 0.0
        """When the delay was last about as long as it has to be."""
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
        wanted = self._wanted_s(now)
        if self._delay_s is None or wanted > self._delay_s or self._is_far_behind(self._delay_s - wanted, now):
            self._delay_s, self._near_at = wanted, now
        else:
            self._delay_s = max(wanted, self._delay_s - _SHRINKS_PER_S * (now - self._changed_at))
        self._changed_at = now

    def _is_far_behind(self, excess_s: float, now: float) -> bool:
        if excess_s <= _FAR_BEHIND_S:
            self._near_at = now
        return excess_s > _MOST_BEHIND_S or now - self._near_at > _FAR_BEHIND_FOR_S

    def _wanted_s(self, now: float) -> float:
        sound = self._lateness[Kind.SOUND]
        usual = sound.usual_s()
        assert usual is not None
        wanted = self._reserve_s + min(usual, sound.quickest_s(now) + _MOST_FOR_SOUND_S)
        picture = self._lateness[Kind.PICTURE].usual_s()
        return wanted if picture is None else max(wanted, min(picture, wanted + _MOST_FOR_PICTURE_S))

    def due_at(self, captured_at_s: float, now: float) -> float:
        """When a picture is to be seen: at once, while there is no sound."""
        if self._delay_s is None or not self.has_sound(now):
            return now
        return min(captured_at_s + self._delay_s, now + 1.0)

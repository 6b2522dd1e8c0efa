"""No sound at all, at the pace of sound: for measuring, and for machines without a speaker."""

from __future__ import annotations

import time
from collections.abc import Callable

from lanline.media.api import SOUND_RATE, Samples


class BlankSpeaker:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._over_at = clock()

    def play(self, samples: Samples) -> None:
        self._over_at = max(self._over_at, self._clock()) + len(samples) / SOUND_RATE

    def ahead_s(self) -> float:
        return max(0.0, self._over_at - self._clock())

    def close(self) -> None:
        pass

"""Owns how much each may do in a time, and the disk space that is kept for admins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)

_LOOK_EVERY_S = 1.0
_FORGOTTEN_AFTER_S = 24 * 3600.0
_MAX_KEYS = 10_000
"""Whoever asks under ever new names makes us forget the oldest, not grow."""


class Buckets(Generic[K]):
    """A token bucket for each key, kept as one number: when it will be full again."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._interval_s = 1.0 / per_s
        self._burst_s = burst * self._interval_s
        self._full_at: dict[K, float] = {}

    def take(self, key: K, now: float) -> float:
        """0.0: taken. Otherwise nothing was, and there will be one after so many seconds."""
        full_at = max(self._full_at.get(key, now), now) + self._interval_s
        over_s = full_at - now - self._burst_s
        if over_s > self._interval_s * 1e-6:
            return over_s
        if key not in self._full_at and len(self._full_at) >= _MAX_KEYS:
            self._forget(now)
        self._full_at[key] = full_at
        return 0.0

    def give_back(self, key: K) -> None:
        """One that was taken and, as it turned out, does not count."""
        if key in self._full_at:
            self._full_at[key] -= self._interval_s

    def _forget(self, now: float) -> None:
        for key in [key for key, full_at in self._full_at.items() if full_at <= now]:
            del self._full_at[key]
        while len(self._full_at) >= _MAX_KEYS:
            del self._full_at[next(iter(self._full_at))]


class GrowingWaits(Generic[K]):
    """So many tries in a row for each key, and then a wait that doubles with each further one, up to the longest."""

    def __init__(self, free: int, first_wait_s: float, longest_s: float) -> None:
        self._free = free
        self._first_wait_s = first_wait_s
        self._longest_s = longest_s
        self._tries: dict[K, tuple[int, float]] = {}
        """How many there were, and until when there is none."""

    def take(self, key: K, now: float) -> float:
        """As that of `Buckets`. Who was quiet for long enough begins anew."""
        count, until = self._tries.pop(key, (0, now))
        if now < until:
            self._tries[key] = (count, until)
            return until - now
        if now - until > _FORGOTTEN_AFTER_S:
            count = 0
        while len(self._tries) >= _MAX_KEYS:
            del self._tries[next(iter(self._tries))]  # the one that was tried longest ago
        self._tries[key] = (count + 1, now + self._wait_s(count + 1))
        return 0.0

    def _wait_s(self, count: int) -> float:
        if count < self._free:
            return 0.0
        return min(self._longest_s, self._first_wait_s * 2.0 ** min(count - self._free, 64))

    def give_back(self, key: K) -> None:
        """It does not count."""
        count, until = self._tries.get(key, (0, 0.0))
        if count:
            self._tries[key] = (count - 1, until - self._wait_s(count))

    def forget(self, key: K) -> None:
        self._tries.pop(key, None)


class DiskFloor:
    """Below so many free bytes of the disk, what is left is kept for those who can mend it."""

    def __init__(self, free_bytes: Callable[[], int], least_bytes: int) -> None:
        self._free_bytes = free_bytes
        self._least_bytes = least_bytes
        self._look_again_at = 0.0
        self._is_low = False

    def is_low(self, now: float) -> bool:
        """Asked before each message; the disk is asked now and then."""
        if now >= self._look_again_at:
            self._look_again_at = now + _LOOK_EVERY_S
            free_bytes = self._free_bytes()
            if (free_bytes < self._least_bytes) != self._is_low:
                self._is_low = not self._is_low
                what = "nearly full: only admins can add anything" if self._is_low else "no longer nearly full"
                _LOG.warning("The disk is %s; %d MB are free.", what, free_bytes // 1024**2)
        return self._is_low

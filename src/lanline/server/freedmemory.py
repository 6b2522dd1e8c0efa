"""Gives memory back to the system that the server has freed. Owns when that is worth the moment it takes.

Between pieces that live on, glibc keeps what was freed: after a flood of handshakes tens of megabytes, for good.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

from lanline.clock import Clock

LOOK_EVERY_S = 10.0
WORTHWHILE_BYTES = 12 * 1024 * 1024
"""To give back so much takes some 10 ms, in which nothing else is done."""
LEAST_BETWEEN_S, MOST_BETWEEN_S = 30.0, 600.0
_STATM = Path("/proc/self/statm")


class FreedMemory:
    def __init__(self, clock: Clock, resident_bytes: Callable[[], int], trim: Callable[[], None]) -> None:
        self._clock = clock
        self._resident_bytes = resident_bytes
        self._trim = trim
        self._least_bytes = resident_bytes()
        self._wait_s = LEAST_BETWEEN_S
        self._trim_at = clock.now() + self._wait_s
        clock.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        resident, now = self._resident_bytes(), self._clock.now()
        self._least_bytes = min(self._least_bytes, resident)
        if resident - self._least_bytes >= WORTHWHILE_BYTES and now >= self._trim_at:
            self._trim()
            was_worthwhile = resident - self._resident_bytes() >= WORTHWHILE_BYTES // 2
            # What is in use cannot be given back; a server may have grown for good.
            self._wait_s = LEAST_BETWEEN_S if was_worthwhile else min(2 * self._wait_s, MOST_BETWEEN_S)
            self._trim_at = now + self._wait_s
        self._clock.call_later(LOOK_EVERY_S, self._look)


def give_freed_memory_back(clock: Clock) -> None:
    """From now on. Where the C library or the system cannot, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None and _STATM.exists():
        FreedMemory(clock, _resident_bytes, lambda: trim(0))


def _resident_bytes() -> int:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

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
WORTHWHILE_BYTES = 6 * 1024 * 1024
"""To give back so much takes some 5 ms, in which nothing else is done."""
MIN_BETWEEN_S = 30.0
_STATM = Path("/proc/self/statm")


class FreedMemory:
    """`free_bytes`: what the C library holds and nobody uses; what it has given back may be counted as well."""

    def __init__(
        self, clock: Clock, resident_bytes: Callable[[], int], free_bytes: Callable[[], int], trim: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._resident_bytes = resident_bytes
        self._free_bytes = free_bytes
        self._trim = trim
        self._least_bytes = resident_bytes()
        self._least_free_bytes = free_bytes()
        """Both since memory was given back last: what was in use then may have been freed since."""
        self._trim_at = clock.now()
        clock.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        resident, free, now = self._resident_bytes(), self._free_bytes(), self._clock.now()
        self._least_bytes = min(self._least_bytes, resident)
        self._least_free_bytes = min(self._least_free_bytes, free)
        has_grown = min(resident - self._least_bytes, free) >= WORTHWHILE_BYTES
        if now >= self._trim_at and (has_grown or free - self._least_free_bytes >= WORTHWHILE_BYTES):
            self._trim()
            self._least_bytes, self._least_free_bytes = self._resident_bytes(), self._free_bytes()
            self._trim_at = now + MIN_BETWEEN_S
        self._clock.call_later(LOOK_EVERY_S, self._look)


class _MallocInfo(ctypes.Structure):
    """mallinfo2(3)."""

    _fields_ = (
        ("arena", ctypes.c_size_t),
        ("ordblks", ctypes.c_size_t),
        ("smblks", ctypes.c_size_t),
        ("hblks", ctypes.c_size_t),
        ("hblkhd", ctypes.c_size_t),
        ("usmblks", ctypes.c_size_t),
        ("fsmblks", ctypes.c_size_t),
        ("uordblks", ctypes.c_size_t),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    )


def give_freed_memory_back(clock: Clock) -> None:
    """From now on. Where the C library or the system cannot, nothing happens."""
    if os.name != "posix" or not _STATM.exists():
        return
    library = ctypes.CDLL(None)
    trim, info = getattr(library, "malloc_trim", None), getattr(library, "mallinfo2", None)
    if trim is not None and info is not None:
        info.restype = _MallocInfo
        FreedMemory(clock, _resident_bytes, lambda: int(info().fordblks), lambda: trim(0))


def _resident_bytes() -> int:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

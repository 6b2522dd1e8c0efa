"""The largest datagram that passes: searched upwards by padded probes, lowered when only small ones pass. RFC 8899.

Only a link that has much to send searches, so a quiet one spends nothing on it. A way on which nothing passed for a
moment looks like one that has become narrower: so what passed before is tried again as soon as anything passes.
"""

from __future__ import annotations

import math

_STEPS_BYTES = (1452, 4052, 8952, 16_332, 32_716, 65_000)
"""Ethernet under IPv6, then common jumbo frames, then the loopback of a host."""

_TRIES_PER_STEP = 2
_TIMEOUTS_TO_SHRINK = 3
SEARCH_AGAIN_AFTER_S = 600.0
RECOVER_AFTER_S = 30.0


class PathMtu:
    __slots__ = (
        "_base",
        "_floor",
        "_known",
        "_most",
        "_probe",
        "_probe_bytes",
        "_probe_from",
        "_tries",
        "current",
        "is_doubtful",
        "larger",
    )

    def __init__(self, base: int, floor: int, most: int) -> None:
        self.current = self._base = base
        self._floor = min(base, floor)
        self._known = base
        """The largest that has passed, until it is found to pass no more."""
        self._most = most
        self._probe: int | None = None
        self._probe_bytes = 0
        self._probe_from = 0.0
        self._tries = 0
        self.larger = self._step_above(base)
        """The size to try next, now or later."""
        self.is_doubtful = False
        """It was lowered, and nothing has passed since."""

    def _step_above(self, size: int) -> int | None:
        if size < self._base:
            return self._base
        return next((step for step in _STEPS_BYTES if size < step <= self._most), None)

    @property
    def is_lowered(self) -> bool:
        return self.current < self._base

    def next_probe_bytes(self, now: float) -> int | None:
        """The size to try now, when there is one."""
        return None if self._probe is not None or now < self._probe_from else self.larger

    def on_probe_sent(self, number: int, size_bytes: int) -> None:
        self._probe = number
        self._probe_bytes = size_bytes

    def is_probe(self, number: int) -> bool:
        return number == self._probe

    @property
    def is_probing(self) -> bool:
        return self._probe is not None

    def on_probe_arrived(self) -> None:
        self.current = self._probe_bytes
        self._known = max(self._known, self.current)
        self.larger = self._step_above(self.current)
        self._probe = None
        self._tries = 0

    def on_probe_lost(self, now: float) -> None:
        self._probe = None
        self._tries += 1
        if self._tries >= _TRIES_PER_STEP:
            self._tries = 0
            step, tried = self._step_above(self.current), self.larger
            self.larger = step
            if self._probe_bytes <= self._known:
                self._known = self.current
            if tried == step:  # else the next size is less than what was tried: at once
                self._probe_from = now + (RECOVER_AFTER_S if self.is_lowered else SEARCH_AGAIN_AFTER_S)

    def on_timeouts(self, in_a_row: int, largest_in_flight: int) -> bool:
        """True when the size was lowered: whatever is larger has to be sent anew in smaller packets."""
        if in_a_row < _TIMEOUTS_TO_SHRINK or largest_in_flight <= self._floor or self.current == self._floor:
            return False
        self.current = self._base if self.current > self._base else self._floor
        self.larger = self._known
        self.is_doubtful = True
        self._probe_from = math.inf
        self._probe, self._tries = None, 0
        return True

    def on_arrived(self, now: float) -> None:
        """To be called when something passes again."""
        self.is_doubtful = False
        self._probe_from = now

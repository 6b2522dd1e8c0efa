"""Says when the next picture is due. After a delay the next ones are not hurried."""

from __future__ import annotations

import threading
import time


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Pace:
    def __init__(self, fps: float) -> None:
        self._interval_s = 1 / fps
        self._due = time.monotonic()
        self._stopped = threading.Event()

    def wait(self) -> None:
        """Until the next beat, or until `stop`."""
        now = time.monotonic()
        if self._due > now:
            self._stopped.wait(self._due - now)
        elif now - self._due > self._interval_s:
            self._due = now
        self._due += self._interval_s

    def is_due(self) -> bool:
        """For what brings its own beat, which may be faster: whether to take what is there now."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = max(self._due, now - self._interval_s) + self._interval_s
        return True

    def stop(self) -> None:
        self._stopped.set()

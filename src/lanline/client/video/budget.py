"""How much may be sent in all, whoever asks for it: a bucket that fills with time and is emptied by what goes out."""

from __future__ import annotations

_BURST_S = 0.25


class Budget:
    def __init__(self, bits_per_s: float) -> None:
        self._bytes_per_s = bits_per_s / 8
        self._left = self._bytes_per_s * _BURST_S
        self._filled_at: float | None = None

    def take(self, size_bytes: int, now: float) -> bool:
        """Whether so much may go out now. What is larger than the bucket goes when it is full, and is paid later."""
        full = self._bytes_per_s * _BURST_S
        if self._filled_at is not None:
            self._left = min(full, self._left + (now - self._filled_at) * self._bytes_per_s)
        self._filled_at = now
        if self._left < min(size_bytes, full):
            return False
        self._left -= size_bytes
        return True

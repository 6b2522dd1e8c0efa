"""Sound from a device: a microphone, a line, whatever the system calls a source of sound."""

from __future__ import annotations

import threading

import numpy as np

from lanline.errors import MediaProblem
from lanline.media.api import BLOCK_SAMPLES, SOUND_CHANNELS, SOUND_RATE, Sound
from lanline.media.pace import now_us
from lanline.media.sdlaudio import BYTES_PER_SAMPLE, SoundDevice

_POLL_S = 0.004
_BLOCK_BYTES = BLOCK_SAMPLES * BYTES_PER_SAMPLE
_MOST_ASTRAY_US = 40_000
_FOLLOWED = 0.02


class SampleClock:
    """When samples were captured: by counting them, which is even, and following the clock, which is true."""

    def __init__(self) -> None:
        self._next_us: float | None = None

    def time_of(self, samples: int, seen_us: int) -> int:
        """Of the first of so many, which by the clock were captured at `seen_us`."""
        if self._next_us is None or abs(seen_us - self._next_us) > _MOST_ASTRAY_US:
            self._next_us = float(seen_us)
        at = self._next_us + _FOLLOWED * (seen_us - self._next_us)
        self._next_us = at + samples * 1e6 / SOUND_RATE
        return round(at)


class Microphone:
    def __init__(self, name: str | None) -> None:
        self._device = SoundDevice(name, captures=True)
        self._times = SampleClock()
        self._stopped = threading.Event()

    def read(self) -> Sound | None:
        while self._device.queued_bytes < _BLOCK_BYTES:
            if self._stopped.wait(_POLL_S):
                return None
            if not self._device.is_there:
                raise MediaProblem("The microphone gives no more sound: was it unplugged?")
        seen_us = now_us() - round((self._device.queued_s + self._device.period_s / 2) * 1e6)
        data = self._device.read(_BLOCK_BYTES)
        samples = np.frombuffer(data, np.int16).reshape(-1, SOUND_CHANNELS)
        return Sound(samples, self._times.time_of(len(samples), seen_us))

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._device.close()

"""A beep that begins with a picture of the test pattern, once a second: who hears it and reads the number of
the picture knows how well the two are in step.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from lanline.media.api import BLOCK_SAMPLES, BLOCK_US, SOUND_CHANNELS, SOUND_RATE, Samples, Sound
from lanline.media.pace import Pace, now_us

BEEP_S = 0.1
BEEP_HZ = 1000
_LOUDNESS = 8000
_BLOCKS_PER_S = SOUND_RATE / BLOCK_SAMPLES


class TestTone:
    __test__ = False  # the name is no test's

    def __init__(self) -> None:
        self._beats: deque[int] = deque(maxlen=16)
        self._pace = Pace(_BLOCKS_PER_S)
        self._next_us: int | None = None
        self._stopped = threading.Event()

    def beat(self, at_us: int) -> None:
        """By the thread that makes the pictures: a beep begins at this time."""
        self._beats.append(at_us)

    def read(self) -> Sound | None:
        """As a microphone would: a block is there when its time is over."""
        if self._next_us is None:
            self._next_us = now_us()
            self._pace.wait()
        self._pace.wait()
        if self._stopped.is_set():
            return None
        if now_us() - self._next_us > 10 * BLOCK_US:
            self._next_us = now_us() - BLOCK_US  # the machine slept
        at, self._next_us = self._next_us, self._next_us + BLOCK_US
        return Sound(self._samples(at), at)

    def _samples(self, at_us: int) -> Samples:
        times = np.arange(BLOCK_SAMPLES) / SOUND_RATE
        wave = np.zeros(BLOCK_SAMPLES)
        for beat in list(self._beats):
            since = times + (at_us - beat) / 1e6
            is_on = (since >= 0) & (since < BEEP_S)
            wave = np.where(is_on, np.sin(2 * np.pi * BEEP_HZ * since), wave)
        made = (wave * _LOUDNESS).astype(np.int16)
        return np.repeat(made[:, None], SOUND_CHANNELS, axis=1)

    def stop(self) -> None:
        self._stopped.set()
        self._pace.stop()

    def close(self) -> None:
        pass

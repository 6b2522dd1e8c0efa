"""Sound to be heard, through SDL."""

from __future__ import annotations

from lanline.media.api import Samples
from lanline.media.sdlaudio import SoundDevice


class SpeakerDevice:
    def __init__(self) -> None:
        """Raises MediaProblem where there is nothing that could be heard."""
        self._device = SoundDevice(None, captures=False)

    def play(self, samples: Samples) -> None:
        self._device.write(samples.tobytes())

    def ahead_s(self) -> float:
        # The period that the device plays just now is in the queue no more: half of it, on average.
        return self._device.queued_s + 1.5 * self._device.period_s

    def close(self) -> None:
        self._device.close()

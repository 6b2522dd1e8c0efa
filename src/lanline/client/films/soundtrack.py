"""Owns the sound of a film on its way to the speaker, and with it the time: what is heard now says what is to be seen.

The sound has no gaps: where a film has none, it is silence. Knows neither threads nor links.
"""

from __future__ import annotations

from collections import deque

from lanline.media.api import SOUND_RATE, Samples, Speaker
from lanline.media.concealment import louder, silence
from lanline.media.filmdecoder import FilmSound

RESERVE_S = 0.060
"""What the speaker is given before it is needed: a busy machine may be late by so much."""
_SAME_S = 0.004
_MOST_GAP_S = 30.0
_BLOCK_SAMPLES = SOUND_RATE // 50


class Soundtrack:
    def __init__(self, speaker: Speaker, begins_s: float) -> None:
        self._speaker = speaker
        self._waiting: deque[Samples] = deque()
        self._waiting_samples = 0
        self._begins_s = begins_s
        """When the first sample of what waits is due."""
        self.is_muted = False
        self.volume = 1.0

    # In.

    def put(self, sound: FilmSound) -> None:
        """Joined to what is here: an overlap is cut off, a gap is filled."""
        apart_s = sound.heard_at_s - self.ends_s
        samples = sound.samples
        if apart_s < -_SAME_S:
            samples = samples[round(-apart_s * SOUND_RATE) :]
        elif apart_s > _SAME_S:
            self.fill(min(sound.heard_at_s, self.ends_s + _MOST_GAP_S))
        if len(samples):
            self._append(samples)

    def fill(self, until_s: float) -> None:
        """With silence."""
        while (missing := round((until_s - self.ends_s) * SOUND_RATE)) > 0:
            self._append(silence(min(missing, _BLOCK_SAMPLES)))

    def _append(self, samples: Samples) -> None:
        self._waiting.append(samples)
        self._waiting_samples += len(samples)

    def begin_at(self, position_s: float) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_samples = 0
        self._begins_s = position_s

    @property
    def ends_s(self) -> float:
        return self._begins_s + self._waiting_samples / SOUND_RATE

    # Out.

    @property
    def position_s(self) -> float:
        """Of the film, as it is heard just now."""
        return self._begins_s - self._speaker.ahead_s()

    def turn(self) -> None:
        """Give the speaker what it needs until the next turn."""
        while self._waiting and self._speaker.ahead_s() < RESERVE_S:
            samples = self._waiting.popleft()
            if len(samples) > _BLOCK_SAMPLES:
                self._waiting.appendleft(samples[_BLOCK_SAMPLES:])
                samples = samples[:_BLOCK_SAMPLES]
            self._waiting_samples -= len(samples)
            self._begins_s += len(samples) / SOUND_RATE
            self._speaker.play(silence(len(samples)) if self.is_muted else louder(samples, self.volume))

    def close(self) -> None:
        self._speaker.close()

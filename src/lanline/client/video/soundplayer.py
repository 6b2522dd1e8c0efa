"""Puts sound that arrived into a speaker at its time: in order, concealing what is missing, in step with the picture.

Knows neither links nor threads; `turn` is called every few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from lanline.errors import DamagedFrame
from lanline.media.api import BLOCK_SAMPLES, BLOCK_US, SOUND_RATE, EncodedFrame, Samples, Sound, Speaker
from lanline.media.concealment import begun, faded, louder, silence, stretched
from lanline.proto.media.playout import Kind, Playout

TURN_S = 0.010
RESERVE_S = 0.045
"""What the speaker is given before it is needed: a busy machine may be late by so much."""
_LEAST_AHEAD_S = 0.020
"""With less than this, what has not come is missing."""
_APART_S = 0.012
"""Sound that is this far from its time is moved at once; what is nearer, without anybody hearing it."""
_MOST_STRETCH = 8
_MOST_WAITING = 100


class SoundDecoder(Protocol):
    def decode(self, frame: EncodedFrame) -> Sound: ...


class SoundFigures(msgspec.Struct):
    """Since they were last taken."""

    blocks: int = 0
    concealed: int = 0
    """While there was sound: what was missing at its time."""
    late: int = 0
    astray_ms: float = 0.0
    """The most that a picture was away from the sound that was heard with it."""

    def __str__(self) -> str:
        share = 100 * self.concealed / max(1, self.blocks + self.concealed)
        return f"sound {share:.1f} % missing, in step within {self.astray_ms:.0f} ms"


class SoundPlayer:
    def __init__(self, speaker: Speaker, decoder: SoundDecoder, clock: Callable[[], float]) -> None:
        self._speaker = speaker
        self._decoder = decoder
        self._clock = clock
        self._playout = Playout(RESERVE_S)
        self._waiting: dict[int, EncodedFrame] = {}
        self._given_until_s: float | None = None
        """When the last sample that the speaker was given was captured."""
        self._last: Samples | None = None
        """What the next block follows on; None after silence."""
        self._gone_us = -1
        self.is_muted = False
        self.volume = 1.0
        self.figures = SoundFigures()

    # In.

    def put(self, frame: EncodedFrame) -> None:
        now = self._clock()
        self._playout.on_frame(Kind.SOUND, frame.captured_at_us / 1e6, now)
        if frame.captured_at_us <= self._gone_us < frame.captured_at_us + 10 * 1_000_000:
            self.figures.late += 1
            return
        self._waiting[frame.captured_at_us] = frame
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[min(self._waiting)]

    def on_picture(self, frame: EncodedFrame) -> None:
        """It has arrived."""
        self._playout.on_frame(Kind.PICTURE, frame.captured_at_us / 1e6, self._clock())

    def picture_due_at(self, frame: EncodedFrame) -> float:
        return self._playout.due_at(frame.captured_at_us / 1e6, self._clock())

    def on_shown(self, frame: EncodedFrame) -> None:
        """For the figures: how far the two are apart."""
        if self._last is not None and self._given_until_s is not None:
            heard_s = self._given_until_s - self._speaker.ahead_s()
            astray_ms = abs(frame.captured_at_us / 1e6 - heard_s) * 1e3
            self.figures.astray_ms = max(self.figures.astray_ms, astray_ms)

    def take_figures(self) -> SoundFigures:
        taken, self.figures = self.figures, SoundFigures()
        return taken

    # Out.

    def turn(self) -> None:
        """Give the speaker what it needs until the next turn."""
        now = self._clock()
        delay_s = self._playout.delay_s
        if delay_s is None or not (self._waiting or self._playout.has_sound(now)):
            self._last = None
            return
        while self._speaker.ahead_s() < RESERVE_S:
            ahead_s = self._speaker.ahead_s()
            wanted_s = now + ahead_s - delay_s
            if ahead_s > _LEAST_AHEAD_S and not self._is_there(wanted_s):
                return  # it may still come
            samples, until_s = self._next(wanted_s)
            self._given_until_s = until_s
            self._speaker.play(silence(len(samples)) if self.is_muted else louder(samples, self.volume))

    def _is_there(self, wanted_s: float) -> bool:
        return any(abs(at_us / 1e6 - wanted_s) <= _APART_S for at_us in self._waiting)

    def _next(self, wanted_s: float) -> tuple[Samples, float]:
        """What is to be heard from `wanted_s` on, and until when that was captured."""
        at_us = self._first_in_time(wanted_s)
        early_s = 1.0 if at_us is None else at_us / 1e6 - wanted_s
        if at_us is None or early_s > _APART_S or (self._last is None and early_s > 1 / SOUND_RATE):
            count = min(BLOCK_SAMPLES, max(1, round(early_s * SOUND_RATE)))
            return self._concealed(count), wanted_s + count / SOUND_RATE
        frame = self._waiting.pop(at_us)
        self._gone_us = at_us
        try:
            samples = self._decoder.decode(frame).samples
        except DamagedFrame:
            return self._concealed(BLOCK_SAMPLES), wanted_s + BLOCK_US / 1e6
        self.figures.blocks += 1
        return self._joined(samples, early_s), at_us / 1e6 + len(samples) / SOUND_RATE

    def _first_in_time(self, wanted_s: float) -> int | None:
        """What is too late to be heard is passed over."""
        for at_us in sorted(self._waiting):
            if at_us / 1e6 >= wanted_s - _APART_S:
                return at_us
            del self._waiting[at_us]
            self.figures.late += 1
        return None

    def _concealed(self, count: int) -> Samples:
        last, self._last = self._last, None
        if last is None:
            self._count_silence(count)
            return silence(count)
        self.figures.concealed += 1
        return faded(last, count)

    def _count_silence(self, count: int) -> None:
        if self._gone_us >= 0 and count == BLOCK_SAMPLES:
            self.figures.concealed += 1

    def _joined(self, samples: Samples, early_s: float) -> Samples:
        """Onto what was before, a little longer where it comes early: clocks of two machines are never the same."""
        follows = self._last is not None
        self._last = samples
        if not follows:
            return begun(samples)
        change = max(-_MOST_STRETCH, min(_MOST_STRETCH, round(early_s * SOUND_RATE / 25)))
        return stretched(samples, len(samples) + change)

    def close(self) -> None:
        self._speaker.close()

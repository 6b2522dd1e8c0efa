"""Opus through PyAV: 20 ms a frame, without looking ahead for more than 2.5 ms."""

from __future__ import annotations

from collections import deque

import av
import numpy as np

from lanline.errors import DamagedFrame, MediaProblem
from lanline.media.api import BLOCK_SAMPLES, SOUND_CHANNELS, SOUND_RATE, Codec, EncodedFrame, Samples, Sound

BITS_PER_S = 96_000
_OPTIONS = {"application": "lowdelay", "frame_duration": "20", "vbr": "on"}
_LAYOUT = "stereo"


class OpusEncoder:
    def __init__(self) -> None:
        try:
            context = av.CodecContext.create("libopus", "w")
        except ValueError as cause:
            raise MediaProblem("Sound cannot be encoded here: the library of codecs lacks Opus.") from cause
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate, context.layout, context.format = SOUND_RATE, _LAYOUT, "s16"
        context.bit_rate = BITS_PER_S
        context.options = _OPTIONS
        context.open()
        self._context = context
        self._times: deque[int] = deque()
        self._count = 0

    def encode(self, sound: Sound) -> list[EncodedFrame]:
        """One for each block."""
        frame = av.AudioFrame.from_ndarray(sound.samples.reshape(1, -1), format="s16", layout=_LAYOUT)
        frame.sample_rate = SOUND_RATE
        frame.pts = self._count * BLOCK_SAMPLES
        self._count += 1
        self._times.append(sound.captured_at_us)
        packets = self._context.encode(frame)
        return [EncodedFrame(Codec.OPUS, True, self._times.popleft(), bytes(packet), 0, 0) for packet in packets]


class OpusDecoder:
    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "r")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate, context.layout = SOUND_RATE, _LAYOUT
        self._context = context

    def decode(self, frame: EncodedFrame) -> Sound:
        """Raises DamagedFrame for what is no Opus; the next one is heard all the same."""
        try:
            decoded = self._context.decode(av.Packet(frame.payload)) if frame.payload else []
        except (av.error.FFmpegError, ValueError) as cause:
            raise DamagedFrame("Sound that arrived is no Opus.") from cause
        pieces = [_samples(each) for each in decoded]
        if not pieces:
            raise DamagedFrame("Sound that arrived is no Opus.")
        return Sound(np.concatenate(pieces), frame.captured_at_us)


def _samples(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray(), dtype=np.int16).reshape(-1, SOUND_CHANNELS)

"""H.264, VP8 and AV1 through PyAV, each at its lowest delay: one picture in, its frame out, no picture held back.

Key frames come when asked for, and not otherwise: each is several times as large as its neighbours.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

from lanline.errors import DamagedFrame, MediaProblem
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size
from lanline.media.codecs.jpeg import MOST_PIXELS
from lanline.media.colours import ITU601_NUMBER, Colours, as_frame, as_picture

_TICKS = Fraction(1, 1_000_000)
_ENDLESS = 1_000_000
"""Pictures between key frames, if nobody asks for one."""
_LIVE_STEP = 0.05
"""A change of rate below this is none."""


@dataclass(frozen=True, slots=True)
class _Engine:
    encoder: str
    decoder: str
    options: dict[str, str]
    follows_rate: bool
    """It takes a lower rate while it runs. The others begin anew, with a key frame."""


_ENGINES = {
    # Of all that this preset leaves out, CABAC gains most for its time: bench/videoquality.py.
    Codec.H264: _Engine(
        "libx264",
        "h264",
        {"preset": "ultrafast", "tune": "zerolatency", "coder": "cabac", "forced-idr": "1"},
        True,
    ),
    Codec.VP8: _Engine(
        "libvpx", "vp8", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}, False
    ),
    # Low delay opens only with these two parameters together.
    Codec.AV1: _Engine("libsvtav1", "libdav1d", {"preset": "11", "svtav1-params": "pred-struct=1:rc=2"}, False),
}


def bitrate_of(quality: int, size: Size, fps: float) -> int:
    """The bit rate that looks like JPEG of this quality: twice as much for each 17 points."""
    bits_per_pixel = 0.02 * 2 ** ((quality - 10) / 17)
    return max(50_000, int(size.width * size.height * fps * bits_per_pixel))


class MovingEncoder:
    def __init__(self, codec: Codec, quality: int, fps: float) -> None:
        os.environ.setdefault("SVT_LOG", "0")  # it writes twenty lines to stderr at each start
        self.codec = codec
        self._engine = _ENGINES[codec]
        self._fps = fps
        self._quality: int | None = quality
        self._bits_per_s = 0
        self._context: av.VideoCodecContext | None = None
        self._size = Size(0, 0)
        self._opened_bits_per_s = 0
        self._wants_key = False
        self._times: deque[tuple[int, int]] = deque(maxlen=64)
        self._count = 0
        self._colours = Colours()

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        context = self._context_for(picture.size)
        frame = as_frame(self._colours.change(picture, Layout.YUV))
        # Its own regular clock: a codec that spreads bits over time must not see a camera stumble.
        frame.pts = int(self._count * 1_000_000 / self._fps)
        frame.time_base = _TICKS
        if self._wants_key:
            frame.pict_type = PictureType.I
            self._wants_key = False
        self._times.append((frame.pts, picture.captured_at_us))
        self._count += 1
        return [self._frame_of(packet) for packet in context.encode(frame)]

    def _frame_of(self, packet: av.Packet[av.VideoStream]) -> EncodedFrame:
        captured = next((at for pts, at in self._times if pts == packet.pts), self._times[-1][1])
        return EncodedFrame(
            self.codec, packet.is_keyframe, captured, bytes(packet), self._size.width, self._size.height
        )

    def prepare(self, size: Size) -> None:
        """For the first picture, which will have this size."""
        self._context_for(size)

    def _context_for(self, size: Size) -> av.VideoCodecContext:
        if self._quality is not None:
            self._bits_per_s = bitrate_of(self._quality, size, self._fps)
        if self._context is not None and size == self._size and self._takes_rate(self._context):
            return self._context
        self.close()
        self._size = size
        self._opened_bits_per_s = self._bits_per_s
        self._context = self._opened(size)
        return self._context

    def _takes_rate(self, context: av.VideoCodecContext) -> bool:
        if abs(self._bits_per_s - (context.bit_rate or 0)) <= _LIVE_STEP * self._bits_per_s:
            return True
        if not self._engine.follows_rate or self._bits_per_s > self._opened_bits_per_s:
            return False
        context.bit_rate = self._bits_per_s
        return True

    def _opened(self, size: Size) -> av.VideoCodecContext:
        try:
            context = av.CodecContext.create(self._engine.encoder, "w")
        except ValueError as cause:
            raise MediaProblem(f"{self.codec.value} cannot be encoded here: the library of codecs lacks it.") from cause
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = size.width, size.height, Layout.YUV.value
        context.time_base, context.framerate = _TICKS, Fraction(self._fps).limit_denominator(1000)
        context.bit_rate = self._bits_per_s
        # So that players of a recording know: without a mark they take what is large for BT.709.
        context.colorspace, context.color_range = ITU601_NUMBER, int(ColorRange.MPEG)
        context.gop_size, context.max_b_frames = _ENDLESS, 0
        context.thread_count = 1
        # A buffer of a third of a second: a burst that the link cannot carry in that time is delay.
        buffer = {"maxrate": str(self._bits_per_s), "bufsize": str(self._bits_per_s // 3)}
        context.options = self._engine.options | (buffer if self._engine.follows_rate else {})
        try:
            context.open()
        except (av.error.FFmpegError, OSError) as cause:
            raise MediaProblem(
                f"{self.codec.value} cannot be encoded at {size} here: choose another --size or --codec."
            ) from cause
        return context

    def request_key(self) -> None:
        self._wants_key = True

    def set_bitrate(self, bits_per_s: int) -> None:
        self._quality = None
        self._bits_per_s = max(50_000, bits_per_s)

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            context.encode(None)  # SVT-AV1 complains when it is not told of the end


def check_size(codec: Codec, quality: int, size: Size, fps: float) -> None:
    """Raises MediaProblem for what the library does not encode: too small for some, too large for others."""
    encoder = MovingEncoder(codec, quality, fps)
    try:
        encoder.prepare(size)
    finally:
        encoder.close()


class MovingDecoder:
    """Begins with a key frame, and again after damage."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._context: av.VideoCodecContext | None = None
        self._colours = av.video.reformatter.VideoReformatter()

    def decode(self, frame: EncodedFrame) -> list[Picture]:
        if self._context is None:
            if not frame.is_key:
                raise DamagedFrame("The picture begins with the next key frame.")
            self._context = self._opened()
        try:
            decoded = self._context.decode(av.Packet(frame.payload))
        except (av.error.FFmpegError, ValueError) as cause:
            self.close()
            raise DamagedFrame(f"A frame that arrived is no {self._codec.value}.") from cause
        return [as_picture(each, Layout.YUV, frame.captured_at_us, reformatter=self._colours) for each in decoded]

    def _opened(self) -> av.VideoCodecContext:
        context = av.CodecContext.create(_ENGINES[self._codec].decoder, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1  # more would hold back a picture for each thread
        context.flags |= int(av.codec.context.Flags.low_delay)
        context.options = {"max_pixels": str(MOST_PIXELS)}
        return context

    def close(self) -> None:
        self._context = None

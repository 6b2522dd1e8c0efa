"""JPEG: every frame stands alone, so that a lost one hurts no other; and the one codec that every program knows."""

from __future__ import annotations

import simplejpeg

from lanline.errors import DamagedFrame
from lanline.media.api import MAX_QUALITY, MIN_QUALITY, Codec, EncodedFrame, Layout, Picture
from lanline.media.colours import Colours

MOST_PIXELS = 8192 * 8192
"""What a few bytes from the network may make us allocate, at most."""

_ADJUSTED_PER_FRAME = 3


class JpegEncoder:
    codec = Codec.JPEG

    def __init__(self, quality: int, fps: float) -> None:
        self._quality = quality
        self._fps = fps
        self._most_bytes = 0
        """What a frame may take to keep to the bit rate; 0 is no limit."""
        self._colours = Colours()

    def encode(self, picture: Picture) -> list[EncodedFrame]:
        planes = self._colours.change(picture, Layout.FULL_YUV)
        width, height = planes.size.width, planes.size.height
        flat = planes.pixels.reshape(-1)
        luma, quarter = width * height, width * height // 4
        shape = (height // 2, width // 2)
        payload = simplejpeg.encode_jpeg_yuv_planes(
            planes.pixels[:height],
            flat[luma : luma + quarter].reshape(shape),
            flat[luma + quarter :].reshape(shape),
            quality=self._quality,
            fastdct=True,
        )
        self._keep_to_rate(len(payload))
        return [EncodedFrame(Codec.JPEG, True, picture.captured_at_us, payload, width, height)]

    def _keep_to_rate(self, size_bytes: int) -> None:
        if not self._most_bytes:
            return
        step = (
            -_ADJUSTED_PER_FRAME if size_bytes > self._most_bytes else 1 if size_bytes < 0.85 * self._most_bytes else 0
        )
        if size_bytes > 1.5 * self._most_bytes:
            step *= 5
        self._quality = min(MAX_QUALITY, max(MIN_QUALITY, self._quality + step))

    def request_key(self) -> None:
        """Every frame is one."""

    def set_bitrate(self, bits_per_s: int) -> None:
        self._most_bytes = max(1, int(bits_per_s / 8 / self._fps))

    def close(self) -> None:
        pass


class JpegDecoder:
    def decode(self, frame: EncodedFrame) -> list[Picture]:
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(frame.payload)
            if width * height > MOST_PIXELS:
                raise DamagedFrame(f"A picture of {width} x {height} is larger than this viewer takes.")
            pixels = simplejpeg.decode_jpeg(frame.payload, colorspace="RGB", fastdct=True, fastupsample=True)
        except ValueError as cause:
            raise DamagedFrame("A picture that arrived is not a whole JPEG.") from cause
        return [Picture(pixels, Layout.RGB, frame.captured_at_us)]

    def close(self) -> None:
        pass

"""The pictures of the video bench: a busy pattern with its number painted in, what it is shown as, and both as JPEG."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from lanline.media import framenumber
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Pixels, Size
from lanline.media.codecs.jpeg import JpegDecoder, JpegEncoder

SIZE = Size(1280, 720)
FPS = 30.0
QUALITY = 60
PATTERNS = 8
"""So many pictures are drawn once, with noise that makes a frame of about 20 packets, and then take turns."""


def now_us() -> int:
    """One clock for all processes of the machine."""
    return time.monotonic_ns() // 1000


class Pictures:
    def __init__(self, size: Size = SIZE) -> None:
        rng = np.random.default_rng(1)
        self._drawn = [_draw(size, rng, turn) for turn in range(PATTERNS)]
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, Picture]]:
        while True:
            pixels = self._drawn[self._number % PATTERNS]
            framenumber.paint(pixels, self._number)
            yield self._number, Picture(pixels, Layout.FULL_YUV, now_us())
            self._number += 1


def _draw(size: Size, rng: np.random.Generator, turn: int) -> Pixels:
    """A slope that moves, and a patch of noise: neither empty nor a storm."""
    rows, columns = size.height * 3 // 2, size.width
    pixels = np.full((rows, columns), 128, np.uint8)
    slope = (np.arange(columns) // 4 + turn * 16) % 220 + 16
    pixels[: size.height] = slope.astype(np.uint8)
    patch = size.height // 3
    noise = rng.integers(60, 200, (patch // 4, patch // 4), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    pixels[patch : patch + noise.shape[0], columns // 3 : columns // 3 + noise.shape[1]] = noise
    return pixels


def jpeg_encoder() -> JpegEncoder:
    return JpegEncoder(QUALITY, FPS)


class NumberReader:
    """What number a frame shows, once it is decoded."""

    def __init__(self) -> None:
        self._decoder = JpegDecoder()

    def read(self, payload: bytes) -> list[int]:
        frame = EncodedFrame(Codec.JPEG, True, 0, payload, 0, 0)
        return [framenumber.read(picture) for picture in self._decoder.decode(frame)]

"""A moving picture that needs no camera, with its number and the time of day painted in."""

from __future__ import annotations

import datetime as dt

import numpy as np

from lanline.media import framenumber, lettering
from lanline.media.api import Layout, Picture, Pixels, Size
from lanline.media.colours import even
from lanline.media.pace import Pace, now_us
from lanline.media.sources.testtone import TestTone

DEFAULT_SIZE = Size(1280, 720)
_DOTS_PER_PICTURE = 4
_BARS = ((180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114))
"""White, yellow, cyan, green, magenta, red, blue as Y, U, V (ITU-R BT.601, three quarters of full)."""


class TestPattern:
    __test__ = False  # the name is no test's

    def __init__(self, size: Size = DEFAULT_SIZE, fps: float = 20.0, layout: Layout = Layout.YUV) -> None:
        self.size = even(size)
        self.fps = fps
        self._layout = Layout.FULL_YUV if layout is Layout.FULL_YUV else Layout.YUV
        self._pace = Pace(fps)
        self._number = 0
        self._tone: TestTone | None = None
        is_full = self._layout is Layout.FULL_YUV
        self._background = _bars(self.size, is_full=is_full)
        self._band = _texture(self.size)

    def sound(self) -> TestTone:
        """A beep with each picture whose number the pictures of a second divide."""
        self._tone = TestTone()
        return self._tone

    def read(self) -> Picture | None:
        self._pace.wait()
        captured_at_us = now_us()
        if self._tone is not None and self._number % round(self.fps) == 0:
            self._tone.beat(captured_at_us)
        pixels = self._background.copy()
        self._move(pixels)
        framenumber.paint(pixels, self._number % framenumber.MODULUS)
        self._write(pixels)
        self._number += 1
        return Picture(pixels, self._layout, captured_at_us)

    def _move(self, pixels: Pixels) -> None:
        """A band that runs to the left across the middle: what stutters is seen at once."""
        height, width = self._band.shape[0], self.size.width
        top = self.size.height // 2
        start = self._number * _DOTS_PER_PICTURE % width
        pixels[top : top + height, :width] = self._band[:, start : start + width]

    def _write(self, pixels: Pixels) -> None:
        """Above the middle, where nothing that a window writes over the picture hides it."""
        width, height = self.size.width, self.size.height
        scale = max(1, width // 160)
        time_of_day = dt.datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        line_height = lettering.height_of(scale)
        left, top = 2 * scale, (framenumber.square_size(width) + height // 16) & ~1
        for row, text in enumerate((time_of_day, f"{self._number:08d}")):
            place = top + row * line_height
            lettering.write(pixels, text, left, place, scale, height=height)
            self._take_colour_away(pixels, left, place, lettering.width_of(text, scale), line_height)

    def _take_colour_away(self, pixels: Pixels, left: int, top: int, width: int, height: int) -> None:
        """From behind the letters: they stand on a ground of their own."""
        columns, rows = self.size.width // 2, self.size.height // 2
        flat = pixels.reshape(-1)
        luma, plane = self.size.width * self.size.height, columns * rows
        for start in (luma, luma + plane):
            colour = flat[start : start + plane].reshape(rows, columns)
            colour[top // 2 : (top + height + 1) // 2, left // 2 : (left + width + 1) // 2] = 128

    def close(self) -> None:
        self._pace.stop()


def _bars(size: Size, *, is_full: bool) -> Pixels:
    width, height = size.width, size.height
    bar = np.arange(width) * len(_BARS) // width
    colours = np.array(_BARS, dtype=np.float64)
    if is_full:
        colours = (colours - (16, 128, 128)) * (255 / 219, 255 / 224, 255 / 224) + (0, 128, 128)
    planes = np.clip(np.rint(colours), 0, 255).astype(np.uint8)[bar]
    luma = np.broadcast_to(planes[:, 0], (height, width)).reshape(-1)
    chroma = [np.broadcast_to(planes[::2, plane], (height // 2, width // 2)).reshape(-1) for plane in (1, 2)]
    # All three planes, one after another, seen as rows of the full width.
    return np.concatenate([luma, *chroma]).reshape(height * 3 // 2, width)


def _texture(size: Size) -> Pixels:
    """Twice as wide as the picture, so that any part of it is one piece."""
    height = max(2, size.height // 5)
    x, y = np.arange(size.width)[None, :], np.arange(height)[:, None]
    waves = (
        126 + 60 * np.sin(x / size.width * 12 * np.pi + y / height * 2 * np.pi) + 40 * np.cos(y / height * 6 * np.pi)
    )
    once = waves.astype(np.uint8)
    return np.hstack([once, once])

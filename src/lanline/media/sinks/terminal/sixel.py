"""Pictures for terminals that know the sixels of the DEC VT340: bands of six rows, one colour of a band at a time."""

from __future__ import annotations

import re

import numpy as np

from lanline.media.api import Pixels, Size
from lanline.media.sinks.terminal.canvas import Area

_LEVELS = (6, 7, 6)
_WEIGHTS = np.array([1, 2, 4, 8, 16, 32], dtype=np.uint8)[:, None]
_NOTHING = 63
_RUNS = re.compile(rb"(.)\1{3,254}", re.DOTALL)
_BAYER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 0.47)[
    ..., None
]
"""An ordered pattern in place of an error that is handed on: a still picture stays still."""


class Sixel:
    def __init__(self, widest: int) -> None:
        self._widest = widest
        self._palette = _palette()

    def grid(self, area: Area) -> tuple[Size, float]:
        size = Size(area.cells.width * area.cell.width, area.cells.height * area.cell.height)
        return Size(min(size.width, self._widest), min(size.height, self._widest)), 1.0

    def draw(self, pixels: Pixels, area: Area) -> bytes:
        height, width = pixels.shape[:2]
        top = (area.cells.height - -(-height // area.cell.height)) // 2
        left = (area.cells.width - -(-width // area.cell.width)) // 2
        place = b"\x1b[%d;%dH" % (max(0, top) + 1, max(0, left) + 1)
        head = b'\x1bP0;1q"1;1;%d;%d' % (width, height)
        colours = _indices(pixels)
        bands = [_band(colours[start : start + 6]) for start in range(0, height - height % 6, 6)]
        return place + head + self._palette + b"-".join(bands) + b"\x1b\\"

    def forget(self) -> None:
        """Every picture is sent whole."""

    def erase(self) -> bytes:
        return b""


def _indices(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    steps = np.array(_LEVELS, dtype=np.float32) - 1
    pattern = np.tile(_BAYER, (-(-height // 4), -(-width // 4), 1))[:height, :width]
    levels = np.clip(np.rint(pixels * (steps / 255) + pattern), 0, steps).astype(np.uint8)
    return (levels[..., 0] * _LEVELS[1] + levels[..., 1]) * _LEVELS[2] + levels[..., 2]


def _palette() -> bytes:
    """In per cent, as sixels want it."""
    reds, greens, blues = _LEVELS
    colours = [(red, green, blue) for red in range(reds) for green in range(greens) for blue in range(blues)]
    return b"".join(
        b"#%d;2;%d;%d;%d"
        % (index, *(round(100 * level / (levels - 1)) for level, levels in zip(colour, _LEVELS, strict=True)))
        for index, colour in enumerate(colours)
    )


def _band(rows: Pixels) -> bytes:
    parts = []
    for colour in np.flatnonzero(np.bincount(rows.reshape(-1))):
        sixels = ((rows == colour) * _WEIGHTS).sum(axis=0, dtype=np.uint8) + np.uint8(_NOTHING)
        line = sixels.tobytes().rstrip(b"?")
        parts.append(b"#%d%b" % (colour, _RUNS.sub(_shortened, line)))
    return b"$".join(parts)


def _shortened(run: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(run[0]), run[1])

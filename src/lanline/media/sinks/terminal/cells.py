"""Pictures out of characters: two pixels in a cell, as the two colours of a half block; or letters of several
densities, for a terminal without colour. Only what has changed is sent.
"""

from __future__ import annotations

import numpy as np

from lanline.media.api import Pixels, Size
from lanline.media.sinks.terminal.canvas import Area

_DIGITS = np.array([list(f"{number:03d}".encode()) for number in range(256)], dtype=np.uint8)
"""Three digits always: then every cell has the same length, and a whole screen is made at once."""
_UNNOTICED = 3
"""A difference that no eye sees, and that would send a quiet picture over and over."""
_RAMP = np.frombuffer(b" .':-=+*oO#%@@", dtype=np.uint8)
_GREYS_FROM = 232


class _Cells:
    """Owns what is on the screen and sends the difference."""

    def __init__(self) -> None:
        self._shown: Pixels | None = None

    def forget(self) -> None:
        self._shown = None

    def erase(self) -> bytes:
        return b""

    def _changes(self, values: Pixels) -> list[tuple[int, int, int]]:
        """Row, first and last column that differ; `values` is rows x columns x anything."""
        shown = self._shown
        if shown is None or shown.shape != values.shape:
            self._shown = values.copy()
            return [(row, 0, values.shape[1] - 1) for row in range(values.shape[0])]
        differs = (np.abs(values.astype(np.int16) - shown) > _UNNOTICED).any(axis=2)
        changes = []
        for row in np.flatnonzero(differs.any(axis=1)):
            columns = np.flatnonzero(differs[row])
            first, last = int(columns[0]), int(columns[-1])
            shown[row, first : last + 1] = values[row, first : last + 1]
            changes.append((int(row), first, last))
        return changes

    def _assembled(self, values: Pixels, text: Pixels, area: Area) -> bytes:
        """`text` holds the bytes of every cell: rows x columns x length."""
        top = (area.cells.height - values.shape[0]) // 2
        left = (area.cells.width - values.shape[1]) // 2
        parts = [
            b"\x1b[%d;%dH%b" % (top + row + 1, left + first + 1, text[row, first : last + 1].tobytes())
            for row, first, last in self._changes(values)
        ]
        return b"".join(parts)


class HalfBlocks(_Cells):
    def __init__(self, *, true_colour: bool) -> None:
        super().__init__()
        self._true_colour = true_colour

    def grid(self, area: Area) -> tuple[Size, float]:
        return Size(area.cells.width, 2 * area.cells.height), 2 * area.cell.width / area.cell.height

    def draw(self, pixels: Pixels, area: Area) -> bytes:
        rows = pixels.shape[0] // 2
        pairs = pixels[: 2 * rows].reshape(rows, 2, pixels.shape[1], 3).transpose(0, 2, 1, 3)
        values = pairs.reshape(rows, -1, 6)
        text = _true_colour_text(values) if self._true_colour else _palette_text(pairs)
        return self._assembled(values, text, area) + b"\x1b[0m"


def _true_colour_text(values: Pixels) -> Pixels:
    sample = "\x1b[38;2;rrr;ggg;bbb;48;2;rrr;ggg;bbbm▀".encode()
    text = np.empty((*values.shape[:2], len(sample)), dtype=np.uint8)
    text[:] = np.frombuffer(sample, dtype=np.uint8)
    for index, place in enumerate((7, 11, 15, 24, 28, 32)):
        text[..., place : place + 3] = _DIGITS[values[..., index]]
    return text


def _palette_text(pairs: Pixels) -> Pixels:
    sample = "\x1b[38;5;ccc;48;5;cccm▀".encode()
    colours = _palette_index(pairs)
    text = np.empty((*pairs.shape[:2], len(sample)), dtype=np.uint8)
    text[:] = np.frombuffer(sample, dtype=np.uint8)
    for index, place in enumerate((7, 16)):
        text[..., place : place + 3] = _DIGITS[colours[..., index]]
    return text


def _palette_index(pixels: Pixels) -> Pixels:
    """Of the cube of 6 x 6 x 6 that begins at 16, or of the 24 greys behind it, where all parts are nearly equal."""
    parts = pixels.astype(np.int16)
    # The steps of the cube are 0, 95, 135, 175, 215, 255.
    steps = np.where(parts < 48, 0, np.where(parts < 115, 1, (parts - 35) // 40))
    cube = 16 + 36 * steps[..., 0] + 6 * steps[..., 1] + steps[..., 2]
    is_grey = parts.max(axis=-1) - parts.min(axis=-1) < 12
    grey = _GREYS_FROM + np.clip((parts.mean(axis=-1) - 3) // 10, 0, 23).astype(np.int16)
    index: Pixels = np.where(is_grey, grey, cube).astype(np.uint8)
    return index


class Letters(_Cells):
    def grid(self, area: Area) -> tuple[Size, float]:
        return area.cells, area.cell.width / area.cell.height

    def draw(self, pixels: Pixels, area: Area) -> bytes:
        brightness = pixels @ np.array([0.299, 0.587, 0.114])
        density = (brightness * (len(_RAMP) - 1) / 255).astype(np.uint8)
        # Steps wider than what goes unnoticed.
        return self._assembled((density * 8)[..., None], _RAMP[density][..., None], area)

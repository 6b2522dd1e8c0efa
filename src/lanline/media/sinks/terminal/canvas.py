"""How a picture becomes bytes for a terminal. Which way is chosen by the terminal's ability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lanline.media.api import Pixels, Size


@dataclass(frozen=True, slots=True)
class Area:
    """The part of the screen that a picture may take."""

    cells: Size
    cell: Size
    """What one cell measures in pixels; a guess where the terminal does not say."""


class Canvas(Protocol):
    def grid(self, area: Area) -> tuple[Size, float]:
        """How many pixels the area has for this way of drawing, and the width of such a pixel, its height being 1."""

    def draw(self, pixels: Pixels, area: Area) -> bytes:
        """An RGB picture within the grid, centred in the area."""

    def forget(self) -> None:
        """The screen was cleared: what is on it is not known any more."""

    def erase(self) -> bytes:
        """What a cleared screen does not take away by itself."""

"""The lines over the foot of a picture: what has just been done, what is the matter, and the figures, if wanted."""

from __future__ import annotations

import textwrap
import time

import numpy as np

from lanline.media import lettering

_REMARK_S = 3.0
_PLAIN_WIDTH = 640
"""Of a room in which letters are of scale 1 no more."""

Dots = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


class Caption:
    def __init__(self, *, shows_figures: bool) -> None:
        self.shows_figures = shows_figures
        self.figures = ""
        self.notice = ""
        """Until it is another one."""
        self._remark = ""
        self._remark_ends = 0.0

    def remark(self, text: str) -> None:
        """For a moment."""
        self._remark, self._remark_ends = text, time.monotonic() + _REMARK_S

    def has_expired(self) -> bool:
        """Once for each remark."""
        is_over = bool(self._remark) and time.monotonic() > self._remark_ends
        if is_over:
            self._remark = ""
        return is_over

    def text(self) -> str:
        return "\n".join(filter(None, (self._remark, self.notice, self.figures if self.shows_figures else "")))


def set_in(text: str, width: int) -> Dots:
    """As many lines as it takes in a room of such a width."""
    scale = width // _PLAIN_WIDTH + 1
    columns = max(1, (width // scale - 1) // (lettering.COLUMNS + 1))
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, columns)]
    fields = [lettering.lettered(line, scale)[:, :width] for line in lines]
    widest = max(field.shape[1] for field in fields)
    return np.vstack([np.pad(field, ((0, 0), (0, widest - field.shape[1]))) for field in fields])

"""Since when a source has shown the same picture, to the last pixel."""

from __future__ import annotations

import numpy as np

from lanline.media.api import Picture, Pixels

_GLANCE_ROWS = 37
"""Of so many rows one is compared first: what moves is seen there, as a rule, and the rest left alone."""


class Stillness:
    def __init__(self) -> None:
        self._last: Picture | None = None
        self._since_us = 0

    def since_us(self, picture: Picture) -> int:
        """When the first was captured of those that are as this one."""
        last, self._last = self._last, picture
        if last is None or last.layout is not picture.layout or not _is_same(last.pixels, picture.pixels):
            self._since_us = picture.captured_at_us
        return self._since_us


def _is_same(one: Pixels, other: Pixels) -> bool:
    if one is other:
        return True
    glance = slice(None, None, _GLANCE_ROWS)
    return np.array_equal(one[glance], other[glance]) and np.array_equal(one, other)

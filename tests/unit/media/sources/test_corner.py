from __future__ import annotations

import threading

import numpy as np
import pytest

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Picture, Size
from lanline.media.sources.corner import Corner

LIMIT_S = 60


class Plain:
    """A source of one brightness; `has_given` is set when the second picture is asked for."""

    fps = 20.0

    def __init__(self, size: Size, value: int, layout: Layout = Layout.YUV, most: int = 1000) -> None:
        self.size = size
        shape = (size.height, size.width, 3) if layout is Layout.RGB else (size.height * 3 // 2, size.width)
        self._picture = Picture(np.full(shape, value, np.uint8), layout, 7)
        self._left = most
        self.has_given, self.is_closed = threading.Event(), threading.Event()

    def read(self) -> Picture | None:
        if self._left == 0:
            raise MediaProblem("It was unplugged.")
        self._left -= 1
        if self.is_closed.wait(0.001):
            return None
        self.has_given.set()
        return self._picture

    def close(self) -> None:
        self.is_closed.set()


@pytest.mark.parametrize("layout", list(Layout))
def test_the_second_source_stands_in_the_lower_right_corner_in_its_own_proportion(layout: Layout) -> None:
    whole, small = Plain(Size(320, 160), 50, layout), Plain(Size(100, 100), 200, layout)
    corner = Corner(whole, small)
    while (picture := corner.read()) is not None and int(picture.pixels.max()) < 190:
        pass
    assert picture is not None
    assert (picture.size, picture.captured_at_us, corner.size, corner.fps) == (Size(320, 160), 7, Size(320, 160), 20.0)
    light = picture.pixels[..., 0] if layout is Layout.RGB else picture.pixels[:160]
    assert abs(int(light[158, 318]) - 200) <= 2
    assert {int(light[100, 318]), int(light[158, 270]), int(light[0, 0])} == {50}
    assert int((light > 100).sum()) == 40 * 40
    assert int(whole._picture.pixels.max()) == 50, "a source may give the same picture again"
    corner.close()
    assert whole.is_closed.is_set()


def test_when_the_second_source_breaks_the_first_one_goes_on_with_what_it_gave() -> None:
    whole, small = Plain(Size(320, 160), 50), Plain(Size(100, 100), 200, most=1)
    corner = Corner(whole, small)
    assert small.is_closed.wait(LIMIT_S)
    picture = corner.read()
    assert picture is not None
    assert int(picture.pixels.max()) >= 190
    corner.close()

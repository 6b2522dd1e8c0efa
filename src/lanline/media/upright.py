"""Pictures as they are meant to be seen: turned as the camera was held, in the proportion of their pixels, and whole,
with black beside them where the proportion is another.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from lanline.media.api import Layout, Picture, Pixels, Size
from lanline.media.colours import as_picture, even, fitted

LARGEST = Size(8192, 8192)
_SQUARE = Fraction(1)
_MOST_STRETCH = 16
"""A file that claims pixels of another shape than this is mistaken."""
_ASTRAY = 0.02
"""A proportion that differs by no more is nobody's concern: sizes are even, and rungs are rounded."""
_BLACK = {Layout.RGB: (0,), Layout.YUV: (16, 128, 128), Layout.FULL_YUV: (0, 128, 128)}
_BLACK[Layout.HD_YUV] = _BLACK[Layout.YUV]


def upright_size(frame: av.VideoFrame, pixel_shape: Fraction | None = None) -> Size:
    """`pixel_shape` is the width of a pixel by its height; None is a square."""
    shape = pixel_shape or _SQUARE
    if not Fraction(1, _MOST_STRETCH) <= shape <= _MOST_STRETCH:
        shape = _SQUARE
    width, height = round(frame.width * max(shape, _SQUARE)), round(frame.height / min(shape, _SQUARE))
    size = Size(height, width) if _quarter_turns(frame) % 2 else Size(width, height)
    if size.width > LARGEST.width or size.height > LARGEST.height:
        size = fitted(size, LARGEST)
    return even(size)


def as_upright_picture(
    frame: av.VideoFrame,
    layout: Layout,
    captured_at_us: int,
    size: Size,
    reformatter: VideoReformatter,
    pixel_shape: Fraction | None = None,
    *,
    is_film: bool = False,
) -> Picture:
    room, turns = _room(upright_size(frame, pixel_shape), size), _quarter_turns(frame)
    lying = Size(room.height, room.width) if turns % 2 else room
    picture = as_picture(frame, layout, captured_at_us, lying, reformatter, is_film=is_film)
    if room == size and not turns:
        return picture
    planes = [np.rot90(plane, turns) for plane in _planes(picture)]
    return Picture(_joined(_amid_black(planes, layout, size), layout, size), layout, captured_at_us)


def _quarter_turns(frame: av.VideoFrame) -> int:
    """To the left."""
    return round(frame.rotation / 90) % 4


def _room(own: Size, size: Size) -> Size:
    """What it takes of a picture of that size."""
    if abs(own.width * size.height / (own.height * size.width) - 1) <= _ASTRAY:
        return size
    return even(fitted(own, size))


def _planes(picture: Picture) -> list[Pixels]:
    if picture.layout is Layout.RGB:
        return [picture.pixels]
    width, height = picture.size.width, picture.size.height
    flat = picture.pixels.reshape(-1)
    luma, u, v = np.split(flat, [width * height, width * height * 5 // 4])
    half = (height // 2, width // 2)
    return [luma.reshape(height, width), u.reshape(half), v.reshape(half)]


def _amid_black(planes: list[Pixels], layout: Layout, size: Size) -> list[Pixels]:
    placed = []
    for number, (plane, black) in enumerate(zip(planes, _BLACK[layout], strict=True)):
        halved = 2 if number else 1
        field = np.full((size.height // halved, size.width // halved, *plane.shape[2:]), black, np.uint8)
        # Even places in the plane of light, so that those of colour lie over it.
        top = (size.height // 2 - planes[0].shape[0] // 2) // 2 * 2 // halved
        left = (size.width // 2 - planes[0].shape[1] // 2) // 2 * 2 // halved
        field[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
        placed.append(field)
    return placed


def _joined(planes: list[Pixels], layout: Layout, size: Size) -> Pixels:
    if layout is Layout.RGB:
        return planes[0]
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(size.height * 3 // 2, size.width)

"""One picture in another layout or size, with the colours that it had.

Pictures of planes are BT.601 here, whatever they came as, but for those of films that are only shown: a film in HD is
BT.709, and a picture without a mark is what its kind usually is.
"""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from lanline.media.api import Layout, Picture, Pixels, Size

_HOW = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Without the last two, grey becomes a little green."""
_SPACES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""By the numbers of ITU-T H.273, as frames have them."""
ITU601_NUMBER, _ITU709_NUMBER = 6, 1
_TALLEST_BEFORE_HD = 576


def as_frame(picture: Picture) -> av.VideoFrame:
    """As the library of codecs knows it. The pixels are not copied: they are to stay as they are while it is in use."""
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture.pixels), format=picture.layout.format)
    if picture.layout is not Layout.RGB:
        is_full = picture.layout is Layout.FULL_YUV
        frame.color_range = ColorRange.JPEG if is_full else ColorRange.MPEG
        frame.colorspace = _ITU709_NUMBER if picture.layout is Layout.HD_YUV else ITU601_NUMBER
    return frame


def as_picture(
    frame: av.VideoFrame,
    layout: Layout,
    captured_at_us: int,
    size: Size | None = None,
    reformatter: VideoReformatter | None = None,
    *,
    is_film: bool = False,
) -> Picture:
    """Of even width and height, which the halved planes of colour need. `is_film`: large and without a mark is HD."""
    size = size or even(Size(frame.width, frame.height))
    changed = (reformatter or VideoReformatter()).reformat(
        frame,
        width=size.width,
        height=size.height,
        format=layout.format,
        interpolation=_HOW,
        src_colorspace=_space_of(frame, is_film=is_film),
        dst_colorspace=Colorspace.ITU709 if layout is Layout.HD_YUV else Colorspace.ITU601,
        src_color_range=_range_of(frame),
        dst_color_range=ColorRange.MPEG if layout in {Layout.YUV, Layout.HD_YUV} else ColorRange.JPEG,
    )
    return Picture(cast("Pixels", changed.to_ndarray()), layout, captured_at_us)


def layout_of_film(frame: av.VideoFrame) -> Layout:
    """In which it is shown without another computation."""
    return Layout.HD_YUV if _space_of(frame, is_film=True) is Colorspace.ITU709 else Layout.YUV


def _space_of(frame: av.VideoFrame, *, is_film: bool) -> Colorspace:
    usual = Colorspace.ITU709 if is_film and frame.height > _TALLEST_BEFORE_HD else Colorspace.ITU601
    return _SPACES.get(int(frame.colorspace), usual)


def _range_of(frame: av.VideoFrame) -> ColorRange:
    if frame.color_range in {ColorRange.MPEG, ColorRange.JPEG}:
        return ColorRange(frame.color_range)
    is_full = frame.format.is_rgb or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if is_full else ColorRange.MPEG


class Colours:
    """Changes layout and size; keeps what it has worked out for the next picture of the same kind."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def change(self, picture: Picture, layout: Layout, size: Size | None = None) -> Picture:
        size = size or picture.size
        if picture.layout is layout and picture.size == size:
            return picture
        return as_picture(as_frame(picture), layout, picture.captured_at_us, size, self._reformatter)


def even(size: Size) -> Size:
    return Size(max(2, size.width & ~1), max(2, size.height & ~1))


def fitted(size: Size, room: Size) -> Size:
    """As large as the room allows, in the same proportion."""
    scale = min(room.width / size.width, room.height / size.height)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))

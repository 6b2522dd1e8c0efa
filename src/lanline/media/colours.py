"""One picture in another layout or size."""

from __future__ import annotations

from typing import cast

import av
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from lanline.media.api import Layout, Picture, Pixels, Size


def as_frame(picture: Picture) -> av.VideoFrame:
    """As the library of codecs knows it."""
    frame = av.VideoFrame.from_ndarray(picture.pixels, format=picture.layout.value)
    if picture.layout is not Layout.RGB:
        is_full = picture.layout is Layout.FULL_YUV
        frame.color_range = ColorRange.JPEG if is_full else ColorRange.MPEG
    return frame


def as_picture(
    frame: av.VideoFrame,
    layout: Layout,
    captured_at_us: int,
    size: Size | None = None,
    reformatter: VideoReformatter | None = None,
) -> Picture:
    """Of even width and height, which the halved planes of colour need."""
    size = size or even(Size(frame.width, frame.height))
    changed = (reformatter or VideoReformatter()).reformat(
        frame,
        width=size.width,
        height=size.height,
        format=layout.value,
        interpolation=Interpolation.BILINEAR,
        dst_color_range=ColorRange.MPEG if layout is Layout.YUV else ColorRange.JPEG,
    )
    return Picture(cast("Pixels", changed.to_ndarray()), layout, captured_at_us)


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

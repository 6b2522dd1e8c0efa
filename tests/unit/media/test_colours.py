"""What is shown has the colours that were filmed: measured for each source and codec, in a terminal and in a file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size, Source
from lanline.media.codecs.choice import layout_for, make_decoder, make_encoder
from lanline.media.colours import Colours
from lanline.media.sinks.recording import Recording
from lanline.media.sources.imagefolder import ImageFolder
from lanline.media.sources.moviefile import MovieFile
from lanline.media.sources.testpattern import TestPattern

COLOUR = (200, 60, 30)
CODECS = [Codec.JPEG, Codec.H264, Codec.VP8]
NEAR = 3
SMALL = Size(320, 240)
_SPACES = {"601": (Colorspace.ITU601, 6), "709": (Colorspace.ITU709, 1)}
_RANGES = {"limited": ColorRange.MPEG, "full": ColorRange.JPEG}


def film(path: Path, space: str, colour_range: str, size: Size = SMALL, *, is_marked: bool = True) -> Path:
    """Of one colour, as a camera of that kind writes it, without loss."""
    colorspace, number = _SPACES[space]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=50, options={"preset": "ultrafast", "qp": "0"})
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        context = stream.codec_context
        if is_marked:
            context.colorspace, context.color_range = number, int(_RANGES[colour_range])
        pixels = np.full((size.height, size.width, 3), COLOUR, dtype=np.uint8)
        for count in range(3):
            frame = VideoReformatter().reformat(
                av.VideoFrame.from_ndarray(pixels, format="rgb24"),
                format="yuv420p",
                dst_colorspace=colorspace,
                dst_color_range=_RANGES[colour_range],
            )
            frame.pts, frame.time_base = count, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def opened(kind: str, folder: Path, layout: Layout) -> Source:
    match kind.split():
        case ["folder"]:
            picture = np.full((240, 320, 3), COLOUR, dtype=np.uint8)
            (folder / "a.jpg").write_bytes(simplejpeg.encode_jpeg(picture, quality=100, colorsubsampling="444"))
            return ImageFolder(folder, None, 1000, layout)
        case ["film", space, colour_range]:
            return MovieFile(film(folder / "film.mp4", space, colour_range), None, None, layout)
        case _:  # HD, and without a mark
            path = film(folder / "film.mp4", "709", "limited", Size(1280, 720), is_marked=False)
            return MovieFile(path, None, None, layout)


def encoded(source: Source, codec: Codec) -> list[EncodedFrame]:
    encoder = make_encoder(codec, 95, 30.0)
    frames: list[EncodedFrame] = []
    for _ in range(3):
        picture = source.read()
        assert picture is not None
        frames += encoder.encode(picture)
    encoder.close()
    source.close()
    return frames


def shown(frames: list[EncodedFrame], codec: Codec) -> np.ndarray:
    """As a terminal is given it, and a saved picture."""
    decoder = make_decoder(codec)
    pictures = [picture for frame in frames for picture in decoder.decode(frame)]
    return Colours().change(pictures[-1], Layout.RGB).pixels


def in_file(frames: list[EncodedFrame], path: Path) -> np.ndarray:
    """As another program reads the recording, by what is marked in it."""
    recording = Recording(path)
    for number, frame in enumerate(frames):
        at_us = number * 40_000
        recording.write(EncodedFrame(frame.codec, frame.is_key, at_us, frame.payload, frame.width, frame.height))
    recording.close()
    with av.open(str(path)) as container:
        frame = list(container.decode(video=0))[-1]
    is_709 = int(frame.colorspace) == 1 or (int(frame.colorspace) == 2 and frame.height > 576)
    space = Colorspace.ITU709 if is_709 else Colorspace.ITU601
    is_full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    changed = VideoReformatter().reformat(
        frame,
        format="rgb24",
        src_colorspace=space,
        src_color_range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    return changed.to_ndarray()


def assert_near(pixels: np.ndarray, colour: tuple[int, int, int]) -> None:
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].astype(int)
    assert np.abs(middle - colour).max() <= NEAR, f"{middle} for {colour}"


KINDS = ["film 601 limited", "film 601 full", "film 709 limited", "film 709 full", "HD film without a mark", "folder"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_source_keeps_its_colour_with_each_codec(tmp_path: Path, kind: str, codec: Codec) -> None:
    frames = encoded(opened(kind, tmp_path, layout_for(codec)), codec)
    assert_near(shown(frames, codec), COLOUR)
    assert_near(in_file(frames, tmp_path / "kept.mkv"), COLOUR)


@pytest.mark.parametrize("codec", CODECS)
def test_the_bars_of_the_test_picture_are_three_quarters_of_full(codec: Codec) -> None:
    pixels = shown(encoded(TestPattern(Size(1280, 720), 1000, layout_for(codec)), codec), codec)
    row = pixels[640].astype(int)  # below the lettering and the waves
    bars = [tuple(row[1280 * (2 * number + 1) // 14]) for number in range(7)]
    wanted = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
    for bar, colour in zip(bars, wanted, strict=True):
        assert np.abs(np.array(bar) - colour).max() <= NEAR, f"{bar} for {colour}"


@pytest.mark.parametrize("layout", [Layout.YUV, Layout.FULL_YUV])
@pytest.mark.parametrize("grey", [0, 64, 128, 191, 255])
def test_grey_stays_grey(layout: Layout, grey: int) -> None:
    made = Picture(np.full((64, 64, 3), grey, dtype=np.uint8), Layout.RGB, 0)
    colours = Colours()
    assert_near(colours.change(colours.change(made, layout), Layout.RGB).pixels, (grey, grey, grey))

from __future__ import annotations

import numpy as np
import pytest

from lanline.media import framenumber
from lanline.media.api import Codec, Layout, Picture, Size
from lanline.media.codecs.choice import layout_for, make_decoder, make_encoder
from lanline.media.colours import Colours


@pytest.mark.parametrize("number", [0, 1, 0b1010101010101010, 0x8001, 65_535])
@pytest.mark.parametrize("size", [Size(1280, 720), Size(320, 240), Size(160, 120)])
def test_a_painted_number_is_read_back(number: int, size: Size) -> None:
    pixels = np.full((size.height, size.width, 3), 128, dtype=np.uint8)
    framenumber.paint(pixels, number)
    assert framenumber.read(Picture(pixels, Layout.RGB, 0)) == number


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec.is_video])
def test_a_number_survives_every_codec_at_its_lowest_quality(codec: Codec) -> None:
    pixels = np.full((720 * 3 // 2, 1280), 128, dtype=np.uint8)
    framenumber.paint(pixels, 0xA53C)
    encoder, decoder = make_encoder(codec, 10, 20), make_decoder(codec)
    frames = encoder.encode(Picture(pixels, layout_for(codec), 0))
    encoder.close()
    shown = decoder.decode(frames[0])[0]
    assert framenumber.read(shown) == 0xA53C


def test_a_number_survives_a_change_of_size_and_layout() -> None:
    pixels = np.full((720, 1280, 3), 128, dtype=np.uint8)
    framenumber.paint(pixels, 12_345)
    small = Colours().change(Picture(pixels, Layout.RGB, 0), Layout.YUV, Size(640, 360))
    # Half as large, and so are the squares: the reader is told by bringing it back.
    assert framenumber.read(Colours().change(small, Layout.RGB, Size(1280, 720))) == 12_345

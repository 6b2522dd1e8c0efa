"""What all codecs have in common, and what each is asked for besides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg

from lanline.errors import DamagedFrame
from lanline.media import framenumber
from lanline.media.api import Codec, EncodedFrame, Layout, Picture, Size
from lanline.media.codecs import moving
from lanline.media.codecs.choice import layout_for, make_decoder, make_encoder
from lanline.media.codecs.jpeg import JpegDecoder
from lanline.media.codecs.moving import bitrate_of
from lanline.media.colours import Colours
from lanline.media.sources.testpattern import TestPattern

VIDEO = [codec for codec in Codec if codec.is_video]
MOVING = [codec for codec in VIDEO if not codec.is_intra_only]
SMALL = Size(640, 360)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (360, 2000), dtype=np.uint8)


def pictures(noise: np.ndarray, layout: Layout, count: int) -> Iterator[Picture]:
    """Something hard to encode that moves."""
    for number in range(count):
        pixels = np.full((540, 640), 128, dtype=np.uint8)
        pixels[:360] = noise[:, number * 5 : number * 5 + 640] // 2 + 60
        framenumber.paint(pixels, number)
        yield Picture(pixels, layout, number * 1000)


@pytest.mark.parametrize("codec", VIDEO)
def test_each_picture_comes_out_at_once_with_its_number_and_its_time(codec: Codec) -> None:
    source = TestPattern(SMALL, 1000, layout_for(codec))
    encoder, decoder = make_encoder(codec, 60, 20), make_decoder(codec)
    for number in range(12):
        picture = source.read()
        assert picture is not None
        frames = encoder.encode(picture)
        shown = [each for frame in frames for each in decoder.decode(frame)]
        assert [frame.captured_at_us for frame in frames] == [picture.captured_at_us]
        assert [framenumber.read(each) for each in shown] == [number]
        assert (frames[0].width, frames[0].height) == (640, 360)
        assert shown[0].size == SMALL
    encoder.close()


@pytest.mark.parametrize("codec", VIDEO)
@pytest.mark.parametrize("layout", list(Layout))
def test_colours_survive(codec: Codec, layout: Layout) -> None:
    source = TestPattern(SMALL, 1000, Layout.YUV).read()
    assert source is not None
    colours = Colours()
    wanted = colours.change(source, Layout.RGB).pixels.astype(int)
    encoder, decoder = make_encoder(codec, 90, 20), make_decoder(codec)
    shown = decoder.decode(encoder.encode(colours.change(source, layout))[0])[0]
    encoder.close()
    found = colours.change(shown, Layout.RGB).pixels.astype(int)
    middle = slice(60, 150)  # the bars alone
    assert np.abs(found[middle] - wanted[middle]).mean() < 6


@pytest.mark.parametrize("codec", MOVING)
def test_key_frames_come_first_when_asked_for_and_not_otherwise(codec: Codec, noise: np.ndarray) -> None:
    encoder = make_encoder(codec, 40, 20)
    keys = []
    for number, picture in enumerate(pictures(noise, Layout.YUV, 20)):
        if number == 12:
            encoder.request_key()
        keys += [number for frame in encoder.encode(picture) if frame.is_key]
    encoder.close()
    assert keys == [0, 12]


def test_a_key_frame_of_h264_is_one_from_which_everything_begins_anew() -> None:
    encoder = make_encoder(Codec.H264, 60, 20)
    for number in range(3):
        picture = TestPattern(SMALL, 1000, Layout.YUV).read()
        assert picture is not None
        encoder.request_key()
        payload = encoder.encode(picture)[0].payload
        units = {payload[at + 3] & 31 for at in range(len(payload) - 3) if payload[at : at + 3] == b"\0\0\1"}
        assert {5, 7, 8} <= units, f"IDR, SPS and PPS (H.264, table 7-1) in picture {number}"
    encoder.close()


@pytest.mark.parametrize("codec", MOVING)
def test_a_decoder_that_joins_late_begins_at_a_key_frame(codec: Codec) -> None:
    source = TestPattern(SMALL, 1000, Layout.YUV)
    encoder, decoder = make_encoder(codec, 60, 20), make_decoder(codec)
    seen = []
    for number in range(8):
        if number == 5:
            encoder.request_key()
        picture = source.read()
        assert picture is not None
        for frame in encoder.encode(picture):
            if number < 2:
                continue
            try:
                seen += [framenumber.read(each) for each in decoder.decode(frame)]
            except DamagedFrame:
                assert not seen
    encoder.close()
    assert seen == [5, 6, 7]


@pytest.mark.parametrize("codec", VIDEO)
def test_a_change_of_size_begins_with_a_key_frame_and_is_decoded(codec: Codec) -> None:
    encoder, decoder = make_encoder(codec, 60, 20), make_decoder(codec)
    for size in (SMALL, Size(320, 240), Size(800, 600)):
        picture = TestPattern(size, 1000, layout_for(codec)).read()
        assert picture is not None
        frame = encoder.encode(picture)[0]
        assert frame.is_key
        assert [each.size for each in decoder.decode(frame)] == [size]
    encoder.close()


@pytest.mark.parametrize("codec", VIDEO)
@pytest.mark.parametrize("bits_per_s", [400_000, 3_000_000])
def test_a_bit_rate_is_kept_to_within_a_second(codec: Codec, bits_per_s: int, noise: np.ndarray) -> None:
    encoder = make_encoder(codec, 60, 20)
    sizes = []
    for number, picture in enumerate(pictures(noise, layout_for(codec), 80)):
        if number == 20:
            encoder.set_bitrate(bits_per_s)
        sizes.append(sum(len(frame.payload) for frame in encoder.encode(picture)))
    encoder.close()
    kept = sum(sizes[40:]) * 8 / 2
    # JPEG cannot be worse than its lowest quality, whatever the rate.
    assert kept < 1.3 * bits_per_s or (codec is Codec.JPEG and bits_per_s < 3_000_000)


@pytest.mark.parametrize("codec", VIDEO)
def test_a_lower_quality_is_smaller(codec: Codec, noise: np.ndarray) -> None:
    def size(quality: int) -> int:
        encoder = make_encoder(codec, quality, 20)
        total = sum(
            len(frame.payload) for each in pictures(noise, layout_for(codec), 20) for frame in encoder.encode(each)
        )
        encoder.close()
        return total

    assert size(10) < 0.7 * size(80)


def test_the_rate_that_looks_like_a_quality_doubles_every_17_points() -> None:
    assert bitrate_of(61, SMALL, 20) == pytest.approx(2 * bitrate_of(44, SMALL, 20), rel=0.01)


@pytest.mark.parametrize("codec", VIDEO)
@pytest.mark.parametrize("payload", [b"", b"\xff", b"no picture at all", bytes(1000), bytes(range(256)) * 20])
def test_what_is_no_frame_is_refused_with_the_one_error_or_shows_nothing(codec: Codec, payload: bytes) -> None:
    decoder = make_decoder(codec)
    try:
        shown = decoder.decode(EncodedFrame(codec, True, 0, payload, 0, 0))
    except DamagedFrame:
        return
    assert shown == []


@pytest.mark.parametrize("codec", VIDEO)
def test_a_frame_that_is_cut_off_or_bent_never_raises_anything_else(codec: Codec) -> None:
    picture = TestPattern(SMALL, 1000, layout_for(codec)).read()
    assert picture is not None
    encoder = make_encoder(codec, 60, 20)
    payload = encoder.encode(picture)[0].payload
    encoder.close()
    rng = np.random.default_rng(7)
    for _ in range(40):
        bent = bytearray(payload[: int(rng.integers(1, len(payload) + 1))])
        bent[int(rng.integers(len(bent)))] ^= 1 << int(rng.integers(8))
        decoder = make_decoder(codec)
        try:
            decoder.decode(EncodedFrame(codec, True, 0, bytes(bent), 0, 0))
        except DamagedFrame:
            continue


def test_a_small_file_cannot_claim_a_huge_picture() -> None:
    tiny = bytearray(simplejpeg.encode_jpeg(np.zeros((16, 16, 3), dtype=np.uint8)))
    at = tiny.index(b"\xff\xc0") + 5
    tiny[at : at + 4] = b"\xff\xdc\xff\xdc"
    with pytest.raises(DamagedFrame, match="larger than"):
        JpegDecoder().decode(EncodedFrame(Codec.JPEG, True, 0, bytes(tiny), 0, 0))


def test_a_codec_that_the_library_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = moving._Engine("no such encoder", "h264", {}, True)
    monkeypatch.setitem(moving._ENGINES, Codec.H264, lacking)
    with pytest.raises(moving.MediaProblem, match="h264 cannot be encoded here"):
        make_encoder(Codec.H264, 60, 20).encode(next(pictures(np.zeros((360, 2000), np.uint8), Layout.YUV, 1)))

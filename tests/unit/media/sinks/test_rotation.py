from __future__ import annotations

from pathlib import Path

import av
import pytest

from lanline.media.api import Codec, EncodedFrame, Layout, Size
from lanline.media.codecs.moving import MovingEncoder
from lanline.media.sinks.rotation import RotatingRecording
from lanline.media.sources.testpattern import TestPattern


def record(path: Path, keep: int | None) -> None:
    """Ten pictures, each second one a key frame, in files of 0.2 s."""
    source, encoder = TestPattern(Size(64, 64), 240, Layout.YUV), MovingEncoder(Codec.H264, 60, 20)
    recording = RotatingRecording(path, 0.2, keep, lambda: False)
    for number in range(10):
        if not number % 2:
            encoder.request_key()
        picture = source.read()
        assert picture is not None
        for frame in encoder.encode(picture):
            at_us = number * 50_000
            recording.write(EncodedFrame(frame.codec, frame.is_key, at_us, frame.payload, frame.width, frame.height))
    recording.close()


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(("keep", "kept"), [(None, {"a.mkv": 4, "a-2.mkv": 4, "a-3.mkv": 2}), (1, {"a-3.mkv": 2})])
def test_each_file_begins_with_a_key_frame_and_no_frame_is_missing(
    tmp_path: Path, keep: int | None, kept: dict[str, int]
) -> None:
    record(tmp_path / "a.mkv", keep)
    assert {path.name: frames_in(path) for path in tmp_path.iterdir()} == kept


def test_a_file_that_is_there_is_neither_overwritten_nor_let_go(tmp_path: Path) -> None:
    (tmp_path / "a-2.mkv").write_bytes(b"mine")
    record(tmp_path / "a.mkv", keep=1)
    assert (tmp_path / "a-2.mkv").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"a-2.mkv", "a-4.mkv"}

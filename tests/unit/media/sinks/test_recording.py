from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import av
import pytest

from lanline.errors import DamagedFrame, InvalidInput, MediaProblem
from lanline.media import framenumber
from lanline.media.api import Codec, EncodedFrame, Layout, Size
from lanline.media.codecs.choice import layout_for, make_encoder
from lanline.media.colours import as_picture
from lanline.media.sinks.recording import Recording, check_recording
from lanline.media.sources.testpattern import TestPattern

KINDS = [
    (Codec.JPEG, "mp4"),
    (Codec.JPEG, "mkv"),
    (Codec.H264, "mp4"),
    (Codec.H264, "mkv"),
    (Codec.VP8, "mkv"),
    (Codec.VP8, "webm"),
    (Codec.AV1, "mp4"),
    (Codec.AV1, "mkv"),
    (Codec.AV1, "webm"),
]


def frames(codec: Codec, count: int) -> list[EncodedFrame]:
    source = TestPattern(Size(640, 360), 1000, layout_for(codec))
    encoder = make_encoder(codec, 60, 20)
    made = []
    for number in range(count):
        picture = source.read()
        assert picture is not None
        made += [
            EncodedFrame(codec, frame.is_key, 5_000_000 + number * 50_000, frame.payload, frame.width, frame.height)
            for frame in encoder.encode(picture)
        ]
    encoder.close()
    return made


def played(path: Path) -> tuple[list[int], list[int]]:
    """The numbers, and when each is shown, in milliseconds."""
    with av.open(str(path)) as container:
        shown = list(container.decode(video=0))
        numbers = [framenumber.read(as_picture(frame, Layout.YUV, 0)) for frame in shown]
        return numbers, [round(1000 * (frame.time or 0)) for frame in shown]


@pytest.mark.parametrize(("codec", "ending"), KINDS)
def test_every_frame_is_in_the_file_at_its_time_and_not_encoded_again(
    tmp_path: Path, codec: Codec, ending: str
) -> None:
    path = tmp_path / f"film.{ending}"
    recording = Recording(path)
    written = frames(codec, 12)
    for frame in written:
        recording.write(frame)
    recording.close()
    numbers, times = played(path)
    assert numbers == list(range(12))
    assert times == [50 * number for number in range(12)]
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name in {"mjpeg", "h264", "vp8", "libdav1d", "av1"}
    assert path.stat().st_size < 1.3 * sum(len(frame.payload) for frame in written) + 10_000


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_was_recorded_can_be_played_though_the_end_never_came(tmp_path: Path, ending: str) -> None:
    path, copy = tmp_path / f"film.{ending}", tmp_path / f"copy.{ending}"
    recording = Recording(path)
    for frame in frames(Codec.JPEG, 100):
        recording.write(frame)
    shutil.copy(path, copy)  # what a crash would leave
    recording.close()
    numbers, _ = played(copy)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 75


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_small_picture_does_not_wait_in_this_program(tmp_path: Path, ending: str) -> None:
    path, copy = tmp_path / f"film.{ending}", tmp_path / f"copy.{ending}"
    recording = Recording(path)
    for frame in frames(Codec.H264, 100):
        recording.write(frame if frame.is_key else replace(frame, payload=frame.payload[:40]))
    shutil.copy(path, copy)
    recording.close()
    assert copy.stat().st_size >= 75 * 40


def test_a_recording_begins_with_a_key_frame(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    recording = Recording(path)
    made = frames(Codec.H264, 3)
    for frame in [made[1], made[2], *made]:
        recording.write(frame)
    recording.close()
    assert played(path)[0] == [0, 1, 2]


@pytest.mark.parametrize("name", ["film", "film.avi", "no/such/folder.mkv"])
def test_a_file_that_cannot_be_is_refused_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        check_recording(tmp_path / name)


def test_a_codec_that_the_container_does_not_take_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\.mp4 cannot hold vp8.*\.mkv"):
        Recording(tmp_path / "film.mp4").write(frames(Codec.VP8, 1)[0])


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec.is_video])
def test_garbage_begins_no_recording(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / "film.mkv"
    recording = Recording(path)
    try:
        recording.write(EncodedFrame(codec, True, 0, b"no frame at all", 0, 0))
    except (DamagedFrame, MediaProblem):
        good = frames(codec, 2)
        for frame in good:
            recording.write(frame)
        recording.close()
        assert played(path)[0] == [0, 1]
    else:
        pytest.fail("it was taken")


def test_another_codec_ends_the_recording_which_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    recording = Recording(path)
    for frame in frames(Codec.H264, 3):
        recording.write(frame)
    with pytest.raises(MediaProblem, match=r"sends jpeg now.*film\.mkv ends here"):
        recording.write(frames(Codec.JPEG, 1)[0])
    recording.close()
    assert played(path)[0] == [0, 1, 2]


def test_a_recording_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(b"of yesterday")
    with pytest.raises(InvalidInput, match=r"film\.mkv is there already"):
        check_recording(path)
    assert path.read_bytes() == b"of yesterday"


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_full_disk_is_said(ending: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    link = Path(f"/dev/shm/lanline-full.{ending}")
    link.unlink(missing_ok=True)
    link.symlink_to(full)
    try:
        recording = Recording(link)
        problem = None
        for frame in frames(Codec.JPEG, 60):
            try:
                recording.write(frame)
            except MediaProblem as said:
                problem = said
                break
        assert "cannot be written" in str(problem)
        with contextlib.suppress(MediaProblem):  # may say it once more, and nothing else
            recording.close()
    finally:
        link.unlink()

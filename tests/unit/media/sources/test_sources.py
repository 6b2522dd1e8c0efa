"""Sources that need no device; and what is said of devices and files that are not there or not right."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from av.stream import Disposition

from filmhouse import turned
from lanline.errors import InvalidInput, MediaProblem
from lanline.media import framenumber, lettering, pace
from lanline.media.api import Layout, Picture, Size, Source
from lanline.media.sources import camera, device, moviefile
from lanline.media.sources.choice import Wanted, description, open_source
from lanline.media.sources.imagefolder import ImageFolder
from lanline.media.sources.moviefile import MovieFile
from lanline.media.sources.testpattern import TestPattern
from lanline.media.upright import upright_size

SMALL = Size(320, 240)


def film(path: Path, count: int = 10, fps: int = 50, size: Size = SMALL) -> Path:
    """Its pictures carry their numbers."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for number in range(count):
            pixels = np.full((size.height, size.width, 3), 128, dtype=np.uint8)
            framenumber.paint(pixels, number)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class TimeModule:
    """In the place of `time`, for a machine that is quick enough for any film: it goes on while it sleeps only."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return round(self.now * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> TimeModule:
    clock = TimeModule()
    for module in (moviefile, pace):
        monkeypatch.setattr(module, "time", clock)
    return clock


def read_in_time(source: Source, count: int, least_s: float, most_s: float) -> list[Picture]:
    """All that were read until `count` of them took as long as they should: a busy machine gets ten tries."""
    pictures: list[Picture] = []
    for _ in range(10):
        begun = time.monotonic()
        for _ in range(count):
            picture = source.read()
            assert picture is not None
            pictures.append(picture)
        if least_s < (took := time.monotonic() - begun) < most_s:
            return pictures
    pytest.fail(f"{count} pictures took {took:.2f} s")


def test_the_pattern_counts_moves_and_keeps_its_beat() -> None:
    source = TestPattern(Size(640, 360), 100, Layout.YUV)
    pictures = read_in_time(source, 20, 0.18, 2)
    assert [framenumber.read(picture) for picture in pictures] == list(range(len(pictures)))
    times = [picture.captured_at_us for picture in pictures]
    assert times == sorted(times)
    first, second = (picture.pixels[180:250] for picture in pictures[:2])
    assert (first != second).any()


def test_an_odd_size_becomes_even() -> None:
    assert TestPattern(Size(333, 251)).size == Size(332, 250)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_film_is_played_in_its_own_time_and_over_again(tmp_path: Path, layout: Layout, clock: TimeModule) -> None:
    source = MovieFile(film(tmp_path / "film.mp4"), None, None, layout)
    assert (source.size, source.fps) == (Size(320, 240), 50)
    begun = clock.now
    pictures = [source.read() for _ in range(25)]
    source.close()
    assert [framenumber.read(picture) for picture in pictures if picture] == [*range(10), *range(10), *range(5)]
    assert {picture.layout for picture in pictures if picture} == {layout}
    assert clock.now - begun == pytest.approx(24 / 50)


def test_a_film_that_is_faster_than_wanted_is_thinned_out_and_not_slowed_down(
    tmp_path: Path, clock: TimeModule
) -> None:
    source = MovieFile(film(tmp_path / "film.mkv", 50), Size(160, 120), 10, Layout.YUV)
    begun = clock.now
    pictures = [source.read() for _ in range(6)]
    source.close()
    assert source.fps == 10
    numbers = [framenumber.read(picture) for picture in pictures if picture]
    assert {picture.size for picture in pictures if picture} == {Size(160, 120)}
    assert numbers == pytest.approx([0, 5, 10, 15, 20, 25], abs=1)
    assert clock.now - begun == pytest.approx(numbers[-1] / 50)


def test_a_machine_that_cannot_keep_up_plays_a_film_slower_and_leaves_nothing_out(
    tmp_path: Path, clock: TimeModule
) -> None:
    source = MovieFile(film(tmp_path / "film.mkv", 20), None, None, Layout.YUV)
    numbers = []
    for _ in range(10):
        picture = source.read()
        assert picture is not None
        numbers.append(framenumber.read(picture))
        clock.now += 2.0
    begun = clock.now
    for _ in range(10):
        source.read()
    source.close()
    assert numbers == list(range(10))
    assert clock.now - begun == pytest.approx(9 / 50), "it does not hurry afterwards"


def test_of_a_film_that_is_cut_off_the_good_part_is_played(tmp_path: Path) -> None:
    whole = film(tmp_path / "film.mkv", 40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    source = MovieFile(cut, None, None, Layout.YUV)
    numbers = [framenumber.read(picture) for picture in (source.read() for _ in range(60)) if picture]
    source.close()
    good = numbers.index(0, 1)
    assert 5 < good < 40
    assert numbers[:good] == list(range(good))


def test_of_a_film_without_one_good_picture_that_is_said(tmp_path: Path) -> None:
    whole = film(tmp_path / "film.mp4").read_bytes()
    start, end = whole.index(b"mdat") + 4, whole.index(b"moov") - 4
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole[:start] + bytes(end - start) + whole[end:])
    with pytest.raises(MediaProblem, match=r"No picture can be read from .*broken\.mp4"):
        MovieFile(broken, None, None, Layout.YUV).read()


def test_the_pictures_of_a_folder_come_in_order_at_one_size_and_over_again(tmp_path: Path) -> None:
    for number, side in ((2, 320), (1, 160), (3, 640)):
        pixels = np.full((side, side, 3), 128, dtype=np.uint8)
        pixels[: side // 2] = number * 60
        (tmp_path / f"{number}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels))
    (tmp_path / "2b.jpg").write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("no picture")
    source = ImageFolder(tmp_path, None, 200, Layout.RGB)
    pictures = [source.read() for _ in range(5)]
    source.close()
    assert {picture.size for picture in pictures if picture} == {Size(160, 160)}
    tops = [int(picture.pixels[10, 10, 0]) for picture in pictures if picture]
    assert tops == pytest.approx([60, 120, 180, 60, 120], abs=5)


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem, match="no picture in the folder"):
        open_source(Wanted(str(tmp_path)), Layout.YUV)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is no video file"), (b"just words\n" * 100, "is no video file"), (None, "There is no file")],
)
def test_what_is_no_film_is_said(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaProblem, match=sentence):
        open_source(Wanted(str(path)), Layout.YUV)


def test_a_film_with_sound_alone_is_said(tmp_path: Path) -> None:
    path = tmp_path / "song.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaProblem, match="There is no picture in"):
        open_source(Wanted(str(path)), Layout.YUV)


def test_no_camera_and_a_wrong_number_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_DEVICES", tmp_path)
    monkeypatch.setattr(camera.sys, "platform", "linux")
    with pytest.raises(MediaProblem, match=r"no camera here\. .*--source test"):
        open_source(Wanted("camera"), Layout.YUV)
    for name in ("video0", "video10", "video2", "video-codec"):
        (tmp_path / name).touch()
    with pytest.raises(MediaProblem, match=r"no camera 7 here.*: 0, 2, 10\."):
        open_source(Wanted("camera", 7), Layout.YUV)


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (OSError(16, "busy"), "in use by another program"),
        (OSError(13, "denied"), "group 'video'"),
        (OSError(22, "invalid"), "cannot be opened"),
    ],
)
def test_a_camera_that_cannot_be_had_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: OSError, sentence: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(camera, "_DEVICES", tmp_path)
    monkeypatch.setattr(camera.sys, "platform", "linux")
    monkeypatch.setattr(device.av, "open", refuse)
    (tmp_path / "video0").touch()
    with pytest.raises(MediaProblem, match=sentence):
        open_source(Wanted("camera"), Layout.YUV)


def test_a_live_source_is_thinned_out_scaled_and_its_end_is_said(tmp_path: Path) -> None:
    container = av.open(str(film(tmp_path / "film.mkv", 30, 30)))
    source = device.Device(container, "Camera 0", Size(160, 120), 1000, Layout.FULL_YUV)
    assert source.fps == 30
    picture = source.read()
    assert picture is not None
    assert (picture.size, picture.layout) == (Size(160, 120), Layout.FULL_YUV)
    while source.read() is not None:
        pass
    source.close()


def test_without_a_display_the_screen_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MediaProblem, match="DISPLAY is not set"):
        open_source(Wanted("screen"), Layout.YUV)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(MediaProblem, match="Wayland"):
        open_source(Wanted("screen"), Layout.YUV)


def song_with_cover(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        song, cover = container.add_stream("aac", rate=48_000), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        sound.sample_rate = 48_000
        container.mux(song.encode(sound) + song.encode(None))
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture) + cover.encode(None))
    return path


def test_the_cover_of_a_song_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem, match="There is no picture in"):
        MovieFile(song_with_cover(tmp_path / "song.mp4"), None, None, Layout.YUV)


def test_a_film_of_a_telephone_stands_upright(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    lying = np.zeros((120, 320, 3), np.uint8)
    lying[:, :160] = 255  # what is left becomes the upper half
    encode(path, [lying], fps=10)
    source = MovieFile(turned(path), None, None, Layout.RGB)
    picture = source.read()
    source.close()
    assert picture is not None
    assert source.size == picture.size == Size(120, 320)
    assert picture.pixels[:150].min() > 200
    assert picture.pixels[170:].max() < 50


def test_a_film_whose_pixels_are_no_squares_is_stretched(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    encode(path, [np.zeros((576, 720, 3), np.uint8)], fps=10, pixel_shape=Fraction(64, 45))
    assert MovieFile(path, None, None, Layout.YUV).size == Size(1024, 576)


def encode(path: Path, pictures: list[np.ndarray], fps: int, pixel_shape: Fraction = Fraction(1), gap: int = 1) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_shape
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number * gap, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_picture_that_stands_long_is_sent_again_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "slides.mkv"
    encode(path, [np.full((120, 160, 3), shade, np.uint8) for shade in (0, 250)], fps=1, gap=3)
    clock = [100.0]
    monkeypatch.setattr(moviefile.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(moviefile.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    source = MovieFile(path, None, None, Layout.RGB)
    shades = []
    for _ in range(4):
        picture = source.read()
        assert picture is not None
        shades.append((round(clock[0] - 100), int(picture.pixels.mean()) > 128))
    source.close()
    assert shades == [(0, False), (1, False), (2, False), (3, True)]


def test_pictures_of_another_proportion_are_whole_and_not_stretched(tmp_path: Path) -> None:
    for name, shape in (("a", (100, 200, 3)), ("b", (200, 100, 3))):
        (tmp_path / f"{name}.jpg").write_bytes(simplejpeg.encode_jpeg(np.full(shape, 250, np.uint8)))
    for layout, black, brightness in ((Layout.RGB, 0, 250), (Layout.YUV, 16, 231), (Layout.FULL_YUV, 0, 250)):
        source = ImageFolder(tmp_path, None, 200, layout)
        wide, tall = source.read(), source.read()
        source.close()
        assert wide is not None
        assert tall is not None
        assert wide.size == tall.size == Size(200, 100)
        light = tall.pixels[:100].reshape(100, 200, -1)[..., 0]
        assert light[:, 76:124].min() > brightness - 6
        assert np.abs(light[:, :74].astype(int) - black).max() < 2
        assert np.abs(light[:, 126:].astype(int) - black).max() < 2
        if layout is not Layout.RGB:
            assert np.abs(tall.pixels[100:].astype(int) - 128).max() < 3


def test_a_picture_larger_than_any_encoder_takes_is_made_smaller(tmp_path: Path) -> None:
    frame = av.VideoFrame(20_000, 10_000, "gray")
    assert upright_size(frame) == Size(8192, 4096)


def test_the_letters_of_the_pattern_stand_on_grey_in_its_upper_half() -> None:
    picture = TestPattern(Size(1280, 720), 1000, Layout.YUV).read()
    assert picture is not None
    width, height = 1280, 720
    luma = picture.pixels[:height]
    flat = picture.pixels.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)
    left, top = 2 * 8, (32 + height // 16) & ~1
    box = luma[top : top + 2 * lettering.height_of(8), left : left + lettering.width_of("00000000", 8)]
    assert set(np.unique(box)) == {16, 235}
    colour = flat[:, top // 2 : top // 2 + lettering.height_of(8), left // 2 : (left + box.shape[1]) // 2]
    assert set(np.unique(colour)) == {128}
    assert top + box.shape[0] < height // 2, "nothing that a window writes at its lower edge hides it"


@pytest.mark.parametrize("name", ["", "  ", "folder:"])
def test_a_source_that_names_nothing_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="names nothing: it is camera, "):
        open_source(Wanted(name), Layout.RGB)


def test_a_folder_is_named_whole_before_it_is_shown(tmp_path: Path) -> None:
    simple = np.full((64, 64, 3), 100, dtype=np.uint8)
    (tmp_path / "a.jpg").write_bytes(simplejpeg.encode_jpeg(simple))
    for name in (str(tmp_path), f"folder:{tmp_path}"):
        assert description(Wanted(name)) == f"the pictures of the folder {tmp_path}"
        source = open_source(Wanted(name), Layout.RGB)
        assert isinstance(source, ImageFolder)
        source.close()
    with pytest.raises(InvalidInput, match="There is no folder"):
        open_source(Wanted(f"folder:{tmp_path / 'a.jpg'}"), Layout.RGB)

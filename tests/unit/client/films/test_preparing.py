"""One file becomes a film in its qualities: key frames at the same times, resumable, nothing overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from filmhouse import make_film, turned
from lanline.client.films import preparing
from lanline.client.films.preparing import Preparing
from lanline.errors import InvalidInput, MediaProblem
from lanline.media import filmencoder
from lanline.wire.mp4.film import FilmIndex, read_film

Tell = Callable[[float], object]


def index_of(path: Path) -> FilmIndex:
    data = path.read_bytes()
    return read_film(lambda at, size: data[at : at + size], len(data))


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "PIECE_S", 2.0)


def test_key_frames_stand_at_the_same_times_in_all_qualities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "QUALITIES", (24, 36, 1440))
    monkeypatch.setattr(filmencoder, "LOOKS", dict.fromkeys((24, 36, 1440), filmencoder.Look(30, 400)))
    source = make_film(tmp_path / "lake.mov", 5.0, size=(96, 54), fps=12, key_every=60)
    made = Preparing(source, tmp_path).run()
    assert [path.name for path in made] == ["lake_24p.mp4", "lake_36p.mp4", "lake_1440p.mp4"]
    indexes = [index_of(path) for path in made]
    assert [(each.width, each.height) for each in indexes] == [(42, 24), (64, 36), (96, 54)]
    times = [[round(part.start_s, 2) for part in each.parts] for each in indexes]
    assert times == [[0.0, 2.0, 4.0]] * 3
    assert all(part.is_key for each in indexes for part in each.parts)
    assert all(each.duration_s == pytest.approx(5.0, abs=0.1) for each in indexes)
    assert len({each.parts[-1].sounds for each in indexes}) == 1
    for path in made:
        with av.open(str(path)) as container:
            assert len([*container.decode(video=0)]) == 60
    assert not list(tmp_path.glob(".*"))


def test_of_a_file_that_is_cut_off_it_is_known_how_much_is_missing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "lake.mp4", 20.0)
    with (
        av.open(str(source)) as whole,
        av.open(str(tmp_path / "front.mp4"), "w", options={"movflags": "faststart"}) as front,
    ):
        stream = front.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                front.mux(packet)
    data = (tmp_path / "front.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    preparing = Preparing(tmp_path / "cut.mp4", tmp_path, "cut")
    preparing.run()
    assert 2.0 < preparing.missing_s < 19.0
    whole_film = Preparing(tmp_path / "front.mp4", tmp_path, "front")
    whole_film.run()
    assert whole_film.missing_s < 0.5


def test_what_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "lake.mp4", 5.0)
    whole, encoded = filmencoder.FilmFile.encode_piece, []

    def encode(self: filmencoder.FilmFile, begin_s: float, end_s: float, targets: dict[int, Path], tell: Tell) -> bool:
        encoded.append(begin_s)
        if len(encoded) == 2:
            raise KeyboardInterrupt
        return whole(self, begin_s, end_s, targets, tell)

    monkeypatch.setattr(filmencoder.FilmFile, "encode_piece", encode)
    with pytest.raises(KeyboardInterrupt):
        Preparing(source, tmp_path).run()
    assert not list(tmp_path.glob("lake_*"))
    shares: list[float] = []
    [made] = Preparing(source, tmp_path).run(shares.append)
    assert encoded == [0.0, 2.0, 2.0, 4.0, 6.0]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert index_of(made).duration_s == pytest.approx(5.0, abs=0.25)


@pytest.mark.parametrize("how", [{"has_sound": False}, {"skips": True}, {"pixels": "yuv420p10le"}, {"fps": 7}], ids=str)
def test_odd_films_can_be_prepared(tmp_path: Path, how: dict[str, object]) -> None:
    source = make_film(tmp_path / "odd.mp4", 3.0, **how)  # type: ignore[arg-type]
    [made] = Preparing(source, tmp_path).run()
    with av.open(str(made)) as container, av.open(str(source)) as original:
        assert container.streams.video[0].pix_fmt == "yuv420p"
        times = [round(frame.time, 2) for frame in container.decode(video=0)]
        assert times == [round(frame.time, 2) for frame in original.decode(video=0)]
    assert len(index_of(made).tracks) == (1 if "has_sound" in how else 2)


def test_a_film_that_was_taken_upright_stands_upright(tmp_path: Path) -> None:
    [made] = Preparing(turned(make_film(tmp_path / "phone.mp4", 1.0)), tmp_path).run()
    with av.open(str(made)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, frame.rotation) == (36, 64, 0)
    light = frame.to_ndarray(format="gray")
    assert light[:, 22:].min() > 200
    assert light[:, :14].max() < 50


def test_on_a_full_disk_that_is_said_and_with_room_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "lake.mp4", 5.0)
    whole, encoded = filmencoder.FilmFile.encode_piece, []

    def encode(self: filmencoder.FilmFile, begin_s: float, end_s: float, targets: dict[int, Path], tell: Tell) -> bool:
        encoded.append(begin_s)
        if len(encoded) == 2:
            for path in targets.values():
                path.symlink_to("/dev/full")
        try:
            return whole(self, begin_s, end_s, targets, tell)
        finally:
            for path in targets.values():
                if path.is_symlink():
                    path.unlink()

    monkeypatch.setattr(filmencoder.FilmFile, "encode_piece", encode)
    with pytest.raises(MediaProblem, match="There is no room left"):
        Preparing(source, tmp_path).run()
    assert not list(tmp_path.glob("lake_*"))
    [made] = Preparing(source, tmp_path).run()
    assert encoded == [0.0, 2.0, 2.0, 4.0, 6.0]
    assert index_of(made).duration_s == pytest.approx(5.0, abs=0.25)


def test_a_disk_that_is_full_only_when_a_piece_is_closed_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path / "lake.mp4", 2.0)

    def close(self: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lanline.media.filmencoder._PieceWriter.close", close)
    with pytest.raises(MediaProblem, match="There is no room left"):
        Preparing(source, tmp_path).run()


def test_how_far_it_is_is_told_from_the_beginning_on_and_within_each_piece(tmp_path: Path) -> None:
    shares: list[float] = []
    Preparing(make_film(tmp_path / "lake.mp4", 5.0), tmp_path).run(shares.append)
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert all(after - before < 0.2 for before, after in pairwise(shares))


def test_of_two_programs_that_prepare_the_same_film_the_second_is_told(tmp_path: Path) -> None:
    source = make_film(tmp_path / "lake.mp4", 2.0)
    problems: list[str] = []

    def prepare_once_more(_: float) -> None:
        if not problems:
            with pytest.raises(MediaProblem) as told:
                Preparing(source, tmp_path).run()
            problems.append(str(told.value))

    assert all(path.exists() for path in Preparing(source, tmp_path).run(prepare_once_more))
    assert problems == [f"Another program is preparing lake in {tmp_path} just now."]


def test_the_sound_is_written_while_it_is_read_however_long_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = filmencoder.FilmFile(make_film(tmp_path / "lake.mp4", 1.0))
    target, found = tmp_path / "sound.mp4", []

    def sounds(_: object) -> Iterator[av.AudioFrame]:
        for number in range(3_000):
            noise = np.random.default_rng(number).random((1, 1_024), np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="flt", layout="mono")
            frame.rate, frame.pts, frame.time_base = 48_000, number * 1_024, Fraction(1, 48_000)
            yield frame
        found.append(target.stat().st_size)

    monkeypatch.setattr(filmencoder.FilmFile, "_sounds", staticmethod(sounds))
    source.encode_sound(target)
    assert found[0] > target.stat().st_size / 2


def two_qualities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "QUALITIES", (24, 1440))
    monkeypatch.setattr(filmencoder, "LOOKS", dict.fromkeys((24, 1440), filmencoder.Look(30, 400)))


def test_a_disk_that_is_full_between_two_qualities_leaves_neither_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_qualities(monkeypatch)
    source, whole = make_film(tmp_path / "lake.mp4", 1.0), filmencoder.join_film

    def join(pieces: list[Path], sound: Path | None, target: Path) -> None:
        if target.name.startswith("1440p"):
            raise MediaProblem("There is no room left.")
        whole(pieces, sound, target)

    monkeypatch.setattr(preparing, "join_film", join)
    with pytest.raises(MediaProblem):
        Preparing(source, tmp_path).run()
    assert not list(tmp_path.glob("lake_*"))
    monkeypatch.setattr(preparing, "join_film", whole)
    again = Preparing(source, tmp_path)
    again.check_free()
    assert [path.name for path in again.run()] == ["lake_24p.mp4", "lake_1440p.mp4"]


def test_who_was_killed_while_it_put_them_in_place_goes_on_and_overwrites_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_qualities(monkeypatch)
    source, placed = make_film(tmp_path / "lake.mp4", 1.0), Preparing._put_in_place

    def place(self: Preparing, lines: int) -> None:
        if lines == 1440:
            raise KeyboardInterrupt
        placed(self, lines)

    monkeypatch.setattr(Preparing, "_put_in_place", place)
    with pytest.raises(KeyboardInterrupt):
        Preparing(source, tmp_path).run()
    assert [path.name for path in tmp_path.glob("lake_*")] == ["lake_24p.mp4"]
    monkeypatch.setattr(Preparing, "_put_in_place", placed)
    other = tmp_path / "lake_1440p.mp4"
    other.write_text("of somebody else")
    with pytest.raises(InvalidInput, match="lake_1440p"):
        Preparing(source, tmp_path).check_free()
    other.unlink()
    again = Preparing(source, tmp_path)
    again.check_free()
    assert all(path.exists() for path in again.run())
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_overwritten_and_what_is_no_film_is_said(tmp_path: Path) -> None:
    source = make_film(tmp_path / "lake.mp4", 1.0)
    Preparing(source, tmp_path).run()
    with pytest.raises(InvalidInput, match="there already"):
        Preparing(source, tmp_path).check_free()
    (tmp_path / "text.mp4").write_text("No film at all.\n" * 50)
    for name in ("text.mp4", "nothing.mp4"):
        with pytest.raises(MediaProblem, match=name):
            Preparing(tmp_path / name, tmp_path)


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem, match=r"is a folder\. Give one video file"):
        Preparing(tmp_path, tmp_path)

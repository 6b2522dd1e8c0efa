"""The server's own reader of MP4: what it makes of a film is what FFmpeg makes of it; of other files, a sentence."""

from __future__ import annotations

import io
import random
from pathlib import Path

import av
import pytest

from filmhouse import beep, make_film
from lanline.errors import MediaProblem
from lanline.wire.mp4.film import LEAST_PART_S, FilmIndex, read_film
from lanline.wire.mp4.fragment import HeadReader


def index_of(data: bytes) -> FilmIndex:
    return read_film(lambda at, size: data[at : at + size], len(data))


def parts_of(data: bytes) -> tuple[FilmIndex, list[bytes]]:
    index = index_of(data)
    return index, [
        index.part_bytes(number, lambda at, size: data[at : at + size]) for number in range(len(index.parts))
    ]


def times(source: object, kind: str) -> list[float]:
    with av.open(source) as container:
        return [round(frame.time, 3) for frame in container.decode(**{kind: 0})]


@pytest.mark.parametrize(
    "options",
    [{}, {"movflags": "+faststart"}, {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
     {"movflags": "frag_keyframe+empty_moov"}],
    ids=["index at the end", "index in front", "fragments", "older fragments"],
)  # fmt: skip
def test_its_parts_are_the_film(tmp_path: Path, options: dict[str, str]) -> None:
    path = make_film(tmp_path / "a.mp4", **options)
    index, parts = parts_of(path.read_bytes())
    assert [len(part) for part in parts] == [each.size_bytes for each in index.parts]
    whole = index.head + b"".join(parts)
    assert times(io.BytesIO(whole), "video") == times(str(path), "video")
    assert times(io.BytesIO(whole), "audio") == times(str(path), "audio")
    assert all(each.is_key for each in index.parts)
    assert all(each.end_s - each.start_s >= LEAST_PART_S - 0.001 for each in index.parts[:-1])
    assert index.duration_s == pytest.approx(6.0, abs=0.25)


def test_samples_are_told_with_their_times(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4")
    index, parts = parts_of(path.read_bytes())
    reader = HeadReader(index.head)
    samples = [each for part in parts for each in reader.samples(part)]
    shown = sorted(round(each.shown_at_s, 3) for each in samples if each.is_video)
    assert shown == times(str(path), "video")
    assert [each.is_key for each in samples if each.is_video].count(True) == 6
    sounds = [each.shown_at_s for each in samples if not each.is_video]
    assert sounds == sorted(sounds)
    assert sounds[0] == pytest.approx(0.0, abs=0.03)


def test_in_a_part_the_sound_stands_first_so_that_pictures_can_be_shown_as_they_come(tmp_path: Path) -> None:
    index, parts = parts_of(make_film(tmp_path / "a.mp4").read_bytes())
    reader = HeadReader(index.head)
    samples = reader.samples(parts[0])
    pictures = [each for each in samples if each.is_video]
    assert max(each.end for each in samples if not each.is_video) == pictures[0].at
    assert [each.end for each in pictures] == [*(each.at for each in pictures[1:]), len(parts[0])]
    assert reader.samples(parts[0][: pictures[0].end]) == samples, "known from the beginning alone"
    assert reader.samples(parts[0][:20]) == []


def test_what_has_no_key_frame_for_long_is_cut_all_the_same(tmp_path: Path) -> None:
    index = index_of(make_film(tmp_path / "a.mp4", 25.0, key_every=1000, has_sound=False).read_bytes())
    assert [each.is_key for each in index.parts] == [True, False, False]
    assert max(each.end_s - each.start_s for each in index.parts) <= 10.2


@pytest.mark.parametrize(
    "how",
    [{"has_sound": False}, {"skips": True}, {"pixels": "yuv420p10le"}, {"codec": "mpeg4"}, {"fps": 7}],
    ids=["without sound", "variable rate", "10 bit", "another codec", "odd rate"],
)
def test_odd_films_are_films(tmp_path: Path, how: dict[str, object]) -> None:
    path = make_film(tmp_path / "a.mp4", 4.0, **how)  # type: ignore[arg-type]
    index, parts = parts_of(path.read_bytes())
    assert times(io.BytesIO(index.head + b"".join(parts)), "video") == times(str(path), "video")


def test_the_good_part_of_a_film_that_is_cut_off_is_a_film(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "a.mp4", movflags="+faststart").read_bytes()
    index = index_of(whole[: len(whole) * 2 // 3])
    assert 2.0 < index.duration_s < 5.0


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "a.mp4").read_bytes()
    sound = tmp_path / "b.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        container.mux([*stream.encode(beep(0)), *stream.encode(None)])
    for data, why in (
        (b"", "no MP4"), (b"This is a text.\n" * 100, "no MP4"), (whole[: len(whole) // 2], "cut off"),
        (sound.read_bytes(), "no picture"), (b"\x00\x00\x00\x08moov", "damaged|no picture|cut off"),
    ):  # fmt: skip
        with pytest.raises(MediaProblem, match=why):
            index_of(data)


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}], ids=["tables", "fragments"])
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path: Path, options: dict[str, str]) -> None:
    whole = bytearray(make_film(tmp_path / "a.mp4", 2.0, movflags=options.get("movflags", "+faststart")).read_bytes())
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(min(3000, len(data)))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
        try:
            index, parts = parts_of(bytes(data))
            reader = HeadReader(index.head)
            for part in parts:
                reader.samples(part)
        except MediaProblem:
            continue

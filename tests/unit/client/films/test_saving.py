"""A film goes into a file as it came; what cannot be written is one sentence."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import BinaryIO

import pytest

from lanline.client.films.saving import FilmSaving, check_target
from lanline.errors import InvalidInput, MediaProblem
from lanline.model.films import FilmPlan, FilmQuality, PartInfo
from lanline.proto.films.playing import Playing

PARTS = tuple(PartInfo(2.0 * number, 2.0 * number + 2, 1_000 + number, True) for number in range(40))
PLAN = FilmPlan("lake", "v", (FilmQuality(240, b"head", PARTS), FilmQuality(720, b"better", PARTS)))


class Fetch:
    """All that is asked for is here at once: each byte tells its part."""

    def __init__(self, playing: Playing) -> None:
        self.problem: Exception | None = None
        self.on_film_replaced = lambda: None
        self.is_closed = False
        self._playing = playing

    def pump(self) -> None:
        now = asyncio.get_running_loop().time()
        while (request := self._playing.next_request(now)) is not None:
            self._playing.receive(request.number, bytes([request.part]) * request.size, now)

    async def close(self) -> None:
        self.is_closed = True


async def save(path: Path, start_s: float = 0.0, kind: type[FilmSaving] = FilmSaving) -> list[float]:
    playing = Playing(PLAN, start_s, 1440)
    fetch = Fetch(playing)
    told: list[float] = []
    try:
        await kind(fetch, playing, path, told.append).run()  # type: ignore[arg-type]
    finally:
        assert fetch.is_closed
    return told


def test_the_best_quality_is_saved_from_its_head_to_its_end(tmp_path: Path) -> None:
    told = asyncio.run(save(tmp_path / "lake.mp4"))
    parts = b"".join(bytes([number]) * part.size_bytes for number, part in enumerate(PARTS))
    assert (tmp_path / "lake.mp4").read_bytes() == b"better" + parts
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_it_begins_with_the_part_that_holds_the_start(tmp_path: Path) -> None:
    asyncio.run(save(tmp_path / "lake.mp4", 75.0))
    assert (tmp_path / "lake.mp4").read_bytes().startswith(b"better\x25\x25")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class Full(FilmSaving):
        def _write(self, file: BinaryIO, lines: int, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MediaProblem, match=r"lake.mp4 cannot be written: No space left on device\."):
        asyncio.run(save(tmp_path / "lake.mp4", kind=Full))
    assert not (tmp_path / "lake.mp4").exists(), "with room again the same command is good"


def test_what_there_is_of_a_film_that_was_cut_short_stays(tmp_path: Path) -> None:
    class Filling(FilmSaving):
        def _write(self, file: BinaryIO, lines: int, data: bytes) -> None:
            super()._write(file, lines, data)
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MediaProblem):
        asyncio.run(save(tmp_path / "lake.mp4", kind=Filling))
    assert (tmp_path / "lake.mp4").read_bytes().startswith(b"better")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "lake.mp4").write_text("mine")
    for path in (tmp_path / "lake.mp4", tmp_path / "no" / "lake.mp4"):
        with pytest.raises(InvalidInput):
            check_target(path)
    with pytest.raises(InvalidInput, match="is there already"):
        asyncio.run(save(tmp_path / "lake.mp4"))
    assert (tmp_path / "lake.mp4").read_text() == "mine"

"""A film goes up piece by piece, and on where it was whatever becomes of the link; what stops it is one sentence."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lanline.client.films import uploading
from lanline.client.films.uploading import FilmUpload
from lanline.client.node.films import BeginUpload, EndUpload, FilmDone, PutPiece, UploadBegun
from lanline.client.view.values import NodeState
from lanline.errors import InvalidInput, LinkError, LinkLost, RefusalCode, RequestRefused

DATA = bytes(range(256)) * 4096
LIMIT_S = 5.0


class Server:
    """Keeps what comes in order; `problems` are raised at the pieces of these numbers."""

    def __init__(self, problems: dict[int, Exception] | None = None, *, comes_back: bool = True) -> None:
        self.view = SimpleNamespace(state=NodeState.SYNCHRONIZED)
        self.data = b""
        self.begun = 0
        self.ended: list[str] = []
        self.waited_s: list[float | None] = []
        self._problems = problems or {}
        self._pieces = 0
        self._comes_back = comes_back

    async def ask(self, command: object) -> object:
        await asyncio.sleep(0)
        match command:
            case BeginUpload():
                self.begun += 1
                return UploadBegun(len(self.data))
            case PutPiece(_, offset, data):
                self._pieces += 1
                if self._pieces in self._problems:
                    raise self._problems[self._pieces]
                if offset > len(self.data):
                    raise RequestRefused(RefusalCode.NOT_FOUND, "What comes before is not here.")
                self.data = self.data[:offset] + data
            case EndUpload(name):
                self.ended.append(name)
        return FilmDone()

    async def wait_until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
        self.waited_s.append(limit_s)
        return self._comes_back and condition()


def upload(tmp_path: Path, server: Server) -> list[float]:
    path = tmp_path / "lake_240p.mp4"
    path.write_bytes(DATA)
    told: list[float] = []
    asyncio.run(FilmUpload(path).run(server, told.append, LIMIT_S))  # type: ignore[arg-type]
    return told


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "_AGAIN_S", 0.0)


def test_it_comes_whole(tmp_path: Path) -> None:
    server = Server()
    told = upload(tmp_path, server)
    assert hashlib.sha256(server.data).digest() == hashlib.sha256(DATA).digest()
    assert (server.ended, server.begun) == (["lake"], 1)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("problem", [LinkLost("gone"), RequestRefused(RefusalCode.SLOW_DOWN, "slower", 0.001)], ids=str)
def test_what_passes_is_waited_for_and_it_goes_on_where_it_was(tmp_path: Path, problem: Exception) -> None:
    server = Server({3: problem, 7: problem})
    upload(tmp_path, server)
    assert server.data == DATA
    assert (server.ended, server.begun) == (["lake"], 3)


def test_a_server_that_does_not_come_back_is_waited_for_as_long_as_was_said(tmp_path: Path) -> None:
    server = Server({3: LinkLost("gone")}, comes_back=False)
    with pytest.raises(LinkError, match="The same command goes on"):
        upload(tmp_path, server)
    assert server.waited_s == [LIMIT_S]


def test_a_full_disk_is_told_and_not_what_it_led_to(tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="The disk is full"):
        upload(tmp_path, Server({3: RequestRefused(RefusalCode.STORAGE_FULL, "The disk is full.", 5.0)}))


def test_a_file_that_becomes_shorter_is_said(tmp_path: Path) -> None:
    (tmp_path / "lake_240p.mp4").write_bytes(DATA)
    uploaded = FilmUpload(tmp_path / "lake_240p.mp4")
    (tmp_path / "lake_240p.mp4").write_bytes(DATA[:1000])
    with pytest.raises(InvalidInput, match="shorter"):
        asyncio.run(uploaded.run(Server(), lambda _: None, LIMIT_S))  # type: ignore[arg-type]


def test_a_file_that_is_called_as_no_film_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="prepare"):
        FilmUpload(tmp_path / "lake.mp4")
    with pytest.raises(InvalidInput, match="cannot be read"):
        FilmUpload(tmp_path / "lake_240p.mp4")


@pytest.mark.parametrize("name", ["films", "lake_240p.mp4"])
def test_a_folder_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InvalidInput, match=rf"is a folder\. Give the files .*{name}/\*\.mp4"):
        FilmUpload(tmp_path / name)


@pytest.mark.parametrize("name", ["{long}", "{long}/lake_240p.mp4"])
def test_a_path_that_cannot_be_looked_at_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        FilmUpload(tmp_path / name.format(long="lake" * 100))

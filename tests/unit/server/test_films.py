"""The films of a server: listed, played part by part, uploaded; what is odd is said, and what is too much refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from filmhouse import make_film, make_library
from lanline.errors import CloseCode, RefusalCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed
from lanline.proto.films.window import Window
from lanline.storage import filmfolder
from lanline.storage.filmfolder import FilmFolder, OpenFile
from lanline.wire.chat import films
from lanline.wire.chat.answers import Done, Refused
from serverhouse.house import Client, House


class AtOnce(Executor):
    """In place of threads."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        work(*arguments, **named)
        return Future()


class Later(AtOnce):
    """A disk that takes its time, once `is_slow`."""

    def __init__(self) -> None:
        self.is_slow = False
        self._waiting: list[Callable[[], Any]] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if not self.is_slow:
            return super().submit(work, *arguments, **named)
        self._waiting.append(lambda: work(*arguments, **named))
        return Future()

    def finish(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()


@pytest.fixture(name="open_house")
def fixture_open_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """With films; what its threads have found is handed over as soon as it is found."""
    opened: list[tuple[House, FilmFolder]] = []

    def open_house(disk: Executor | None = None, **settings: Any) -> House:
        shelf = FilmFolder(tmp_path, lambda give: give(), disk or AtOnce())
        house = House(tmp_path, shelf=shelf, **settings)
        opened.append((house, shelf))
        return house

    yield open_house
    for house, shelf in opened:
        house.stop()
        shelf.close()


def listed(client: Client) -> films.Films:
    return client.ask(films.ListFilms(client.number()), films.Films)


def opened(client: Client, name: str = "lake") -> films.FilmOpened:
    return client.ask(films.OpenFilm(client.number(), name), films.FilmOpened)


def piece(client: Client, play: int, lines: int, part: int, offset: int = 0, size: int = 131_072) -> Any:
    request = client.number()
    client.say(films.GetFilmPart(request, play, lines, part, offset, size))
    return client.answer(request)


def test_the_library_tells_what_there_is_and_what_is_odd(open_house: Callable[..., House], tmp_path: Path) -> None:
    house = open_house()
    ann = house.join("ann")
    assert listed(ann).films == ()
    folder = make_library(tmp_path)
    (folder / "lake_1440p.mp4").unlink()
    (folder / "text_240p.mp4").write_text("No film at all.\n" * 50)
    (folder / "holiday.avi").write_bytes(b"x")
    found = listed(ann)
    assert [(each.name, [file.lines for file in each.files]) for each in found.films] == [
        ("lake", [240, 720]),
        ("text", [240]),
    ]
    assert "no MP4" in found.films[1].files[0].problem
    assert found.strange == ("holiday.avi",)
    assert found.films[0].files[0].duration_ms == pytest.approx(6000, abs=200)
    (folder / "text_240p.mp4").unlink()
    make_film(folder / "sea_240p.mp4", 2.0)
    assert [each.name for each in listed(ann).films] == ["lake", "sea"], "changes are noticed"


def test_file_names_that_are_no_utf8_are_listed_as_odd(open_house: Callable[..., House], tmp_path: Path) -> None:
    ann = open_house().join("ann")
    folder = make_library(tmp_path)
    make_film(folder / "sea_240p.mp4", 2.0).rename(folder / os.fsdecode(b"caf\xe9_240p.mp4"))
    (folder / os.fsdecode(b"\xff.avi")).write_bytes(b"x")
    found = listed(ann)
    assert [each.name for each in found.films] == ["lake"]
    assert sorted(found.strange) == ["caf�_240p.mp4", "�.avi"]


def test_a_folder_that_is_empty_or_not_there_has_no_films(open_house: Callable[..., House], tmp_path: Path) -> None:
    ann = open_house().join("ann")
    for _ in range(2):
        found = listed(ann)
        assert (found.films, found.strange, found.used_bytes) == ((), (), 0)
        assert ann.refusal(films.OpenFilm(ann.number(), "lake")) is RefusalCode.NOT_FOUND
        (tmp_path / "videos").mkdir(exist_ok=True)


def test_a_folder_that_cannot_be_read_is_said_and_is_no_end(
    open_house: Callable[..., House], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "videos").write_text("a file, where the folder should be")
    ann = open_house().join("ann")
    refused = ann.ask(films.ListFilms(ann.number()), Refused)
    assert refused.known_code is RefusalCode.SERVER_PROBLEM
    assert "folder of films cannot be used" in refused.text
    assert "Not a directory" in caplog.text, "the reason is for the admin"
    (tmp_path / "videos").unlink()
    assert listed(ann).films == ()


def test_who_is_refused_often_is_still_answered(open_house: Callable[..., House], tmp_path: Path) -> None:
    make_library(tmp_path)
    house = open_house()
    house.join("ann")
    ben = house.join("ben")
    for _ in range(70):
        assert ben.refusal(films.RenameFilm(ben.number(), "lake", "sea")) is RefusalCode.NOT_ALLOWED
    assert [each.name for each in listed(ben).films] == ["lake"]


def test_a_quality_that_cannot_be_read_is_left_out(
    open_house: Callable[..., House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_library(tmp_path)
    ann = open_house().join("ann")
    whole = filmfolder.OpenFile.__init__

    def opening(self: filmfolder.OpenFile, path: Path) -> None:
        if path.name == "lake_240p.mp4":
            raise PermissionError(13, "Permission denied")
        whole(self, path)

    monkeypatch.setattr(filmfolder.OpenFile, "__init__", opening)
    assert [each.lines for each in opened(ann).qualities] == [720, 1440]
    assert "Permission denied" in listed(ann).films[0].files[0].problem


def test_a_thousand_plays_of_one_member_are_refused_and_take_no_place(
    open_house: Callable[..., House], tmp_path: Path
) -> None:
    make_film(tmp_path / "videos" / "lake_240p.mp4", 1.0)
    house = open_house(most_plays_of_account=3)
    ann, bob = house.join("ann"), house.join("bob")
    codes = [ann.answer(ask_to_play(ann)) for _ in range(1000)]
    refused = [each.known_code for each in codes if isinstance(each, Refused)]
    assert len(refused) == 997
    assert set(refused) <= {RefusalCode.QUOTA_EXCEEDED, RefusalCode.SLOW_DOWN}
    assert house.server.films.playing == 3
    assert opened(bob).qualities, "it is nobody else's limit"


def ask_to_play(client: Client) -> int:
    request = client.number()
    client.say(films.OpenFilm(request, "lake"))
    return request


def test_parts_come_whole_and_are_read_once(
    open_house: Callable[..., House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    part = OpenFile.part

    def noted(file: OpenFile, number: int) -> bytes:
        read.append(number)
        return part(file, number)

    monkeypatch.setattr(OpenFile, "part", noted)
    make_library(tmp_path)
    house = open_house()
    ann, bob = house.join("ann"), house.join("bob")
    plays = [(client, opened(client)) for client in (ann, bob)]
    for client, film in plays:
        low = film.qualities[0]
        assert len(low.sizes) == len(low.lasts_us) == 3
        for number, size in enumerate(low.sizes):
            half = size // 2
            first = piece(client, film.play, 240, number, 0, half)
            rest = piece(client, film.play, 240, number, half)
            assert len(first.data + rest.data) == size
            assert first.data[4:8] == b"moof"
    assert read == [0, 1, 2]


def test_a_film_that_is_replaced_or_removed_goes_on_for_who_watches_it(
    open_house: Callable[..., House], tmp_path: Path
) -> None:
    folder = make_library(tmp_path)
    house = open_house()
    ann = house.join("ann")
    film = opened(ann)
    (folder / "lake_240p.mp4").unlink()
    make_film(tmp_path / "new.mp4", 3.0).rename(folder / "lake_720p.mp4")
    assert piece(ann, film.play, 240, 2).data
    assert piece(ann, film.play, 720, 2).data
    make_film(folder / "lake_1440p.mp4", 3.0)
    assert piece(ann, film.play, 1440, 2).known_code is RefusalCode.NOT_FOUND, "written over: it has to be opened anew"
    assert opened(ann).version != film.version
    assert [each.lines for each in opened(ann).qualities] == [720, 1440]


def test_a_play_is_its_own_programs_and_ends_with_it(open_house: Callable[..., House], tmp_path: Path) -> None:
    make_library(tmp_path)
    house = open_house(most_plays_of_account=3)
    ann, bob = house.join("ann"), house.join("bob")
    film = opened(ann)
    assert piece(bob, film.play, 240, 0).known_code is RefusalCode.NOT_FOUND
    assert piece(ann, film.play, 240, 99).known_code is RefusalCode.INVALID
    assert piece(ann, film.play, 480, 0).known_code is RefusalCode.INVALID
    opened(ann)
    opened(ann)
    refused = ann.ask(films.OpenFilm(ann.number(), "lake"), Refused)
    assert refused.known_code is RefusalCode.QUOTA_EXCEEDED
    assert "3 films at once" in refused.text
    house.pass_time(31)
    opened(ann)
    assert piece(ann, film.play, 240, 0).known_code is RefusalCode.NOT_FOUND, "the one that was idle for longest"
    ann.link.end(LinkClosed(CloseCode.DONE, "", by_peer=True))
    assert house.server.films.playing == 0


def test_a_name_that_is_no_film_is_refused(open_house: Callable[..., House], tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    (folder / "text_240p.mp4").write_text("No film at all.\n" * 50)
    ann = open_house().join("ann")
    for name, code in (
        ("nothing", RefusalCode.NOT_FOUND),
        ("../lake", RefusalCode.NOT_FOUND),
        ("text", RefusalCode.INVALID),
    ):
        assert ann.refusal(films.OpenFilm(ann.number(), name)) is code


def test_who_may_uploads_a_film_and_goes_on_where_it_was_cut_short(
    open_house: Callable[..., House], tmp_path: Path
) -> None:
    data = make_film(tmp_path / "own.mp4", 3.0).read_bytes()
    digest = hashlib.sha256(data).digest()
    house = open_house(members_may_upload=True)
    ann = house.join("ann")

    def begin(client: Client) -> int:
        return client.ask(
            films.BeginUpload(client.number(), "own", 240, len(data), digest), films.UploadBegun
        ).has_bytes

    def put(client: Client, offset: int, size: int) -> Any:
        message = films.PutFilmPiece(client.number(), digest, offset, data[offset : offset + size])
        client.say(message, Channel.BULK)
        return client.answer(message.request)

    assert begin(ann) == 0
    assert isinstance(put(ann, 0, 5000), Done)
    ann.link.end(LinkClosed(CloseCode.DONE, "", by_peer=True))
    again = house.sign_in("ann")
    assert begin(again) == 5000
    assert isinstance(put(again, 5000, len(data)), Done)
    assert isinstance(put(again, len(data), 0), Done)
    again.ask(films.EndUpload(again.number(), "own", 240, digest), Done)
    assert (tmp_path / "videos" / "own_240p.mp4").read_bytes() == data
    assert begin_refused(again, len(data), digest) is RefusalCode.INVALID, "it is there already"
    assert list((tmp_path / "videos").glob(".*")) == []


def begin(client: Client, digest: bytes, size: int, name: str = "own") -> Any:
    request = client.number()
    client.say(films.BeginUpload(request, name, 240, size, digest))
    return client.answer(request)


def test_what_is_on_its_way_counts_once_against_the_limit_of_space(open_house: Callable[..., House]) -> None:
    house = open_house(members_may_upload=True)
    ann, bob, operator = house.join("ann"), house.join("bob"), house.sign_in(house.operator_fingerprint)
    operator.ask(films.LimitFilms(operator.number(), 10_000), Done)
    own, other = bytes(32), bytes([1]) * 32
    assert begin(ann, own, 6000).has_bytes == 0
    put = films.PutFilmPiece(ann.number(), own, 0, bytes(5000))
    ann.say(put, Channel.BULK)
    assert isinstance(ann.answer(put.request), Done)
    assert begin(ann, own, 6000).has_bytes == 5000, "what is here of it already is not counted twice"
    refused = begin(bob, other, 5000)
    assert refused.known_code is RefusalCode.QUOTA_EXCEEDED, "there is no room for both when they are whole"
    assert "may take 10 kB. 6 kB are taken, and this one has 5 kB" in refused.text
    assert begin(bob, other, 4000).has_bytes == 0
    house.pass_time(601)
    assert begin(bob, bytes([2]) * 32, 5000).has_bytes == 0, "what nobody goes on with takes what is here of it"


def test_uploads_that_were_given_up_do_not_take_the_place_of_others(open_house: Callable[..., House]) -> None:
    house = open_house(members_may_upload=True)
    ann = house.join("ann")
    for number in range(8):
        assert begin(ann, bytes([number]) * 32, 5000, f"own {number}").has_bytes == 0
    assert begin(ann, bytes(32), 5000).has_bytes == 0, "the same one again"
    assert begin(ann, bytes([8]) * 32, 5000).known_code is RefusalCode.QUOTA_EXCEEDED
    house.pass_time(601)
    assert begin(ann, bytes([8]) * 32, 5000).has_bytes == 0


def begin_refused(client: Client, size: int, digest: bytes, name: str = "own") -> RefusalCode:
    return client.refusal(films.BeginUpload(client.number(), name, 240, size, digest))


def test_who_may_not_is_told_and_what_is_no_film_is_not_kept(open_house: Callable[..., House], tmp_path: Path) -> None:
    text = b"No film at all.\n" * 100
    digest = hashlib.sha256(text).digest()
    house = open_house()
    ann = house.join("ann")
    assert begin_refused(ann, len(text), digest) is RefusalCode.NOT_ALLOWED
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(films.BeginUpload(operator.number(), "own", 240, len(text), digest), films.UploadBegun)
    message = films.PutFilmPiece(operator.number(), digest, 0, text)
    operator.say(message, Channel.BULK)
    assert isinstance(operator.answer(message.request), Done)
    more = films.PutFilmPiece(operator.number(), digest, len(text), b"more")
    operator.say(more, Channel.BULK)
    assert operator.answer(more.request).known_code is RefusalCode.NOT_FOUND, "more than it said"
    refused = operator.ask(films.EndUpload(operator.number(), "own", 240, digest), Refused)
    assert "no MP4" in refused.text
    assert list((tmp_path / "videos").iterdir()) == []


def test_an_admin_renames_removes_and_limits(open_house: Callable[..., House], tmp_path: Path) -> None:
    folder = make_library(tmp_path)
    house = open_house()
    ann, operator = house.join("ann"), house.sign_in(house.operator_fingerprint)
    assert ann.refusal(films.RemoveFilm(ann.number(), "lake")) is RefusalCode.NOT_ALLOWED
    operator.ask(films.RenameFilm(operator.number(), "lake", "sea"), Done)
    operator.ask(films.RemoveFilm(operator.number(), "sea", 720), Done)
    assert sorted(path.name for path in folder.iterdir()) == ["sea_1440p.mp4", "sea_240p.mp4"]
    assert operator.refusal(films.RenameFilm(operator.number(), "sea", "../x")) is RefusalCode.INVALID
    operator.ask(films.LimitFilms(operator.number(), 1000), Done)
    assert begin_refused(operator, 10_000, bytes(32), "new") is RefusalCode.QUOTA_EXCEEDED
    assert listed(ann).most_bytes == 1000


def test_who_does_not_read_costs_little(open_house: Callable[..., House], tmp_path: Path) -> None:
    make_library(tmp_path)
    house = open_house()
    ann = house.join("ann", buffer_bytes=20_000)
    film = opened(ann)
    ann.link.is_reading = False
    requests = [ann.number() for _ in range(40)]
    for request in requests:
        ann.say(films.GetFilmPart(request, film.play, 1440, 0, 0, 131_072))
    ann.link.is_reading = True
    house.settle()
    answered = {message.request: message for message in ann.heard() if getattr(message, "request", 0) in requests}
    refused = [each for each in answered.values() if isinstance(each, Refused)]
    assert refused
    assert {each.known_code for each in refused} == {RefusalCode.SLOW_DOWN}


def test_all_that_a_player_asks_for_at_once_is_answered_also_by_a_slow_disk(
    open_house: Callable[..., House], tmp_path: Path
) -> None:
    """What is refused makes the player ask for less for a long time."""
    disk = Later()
    house = open_house(disk)
    ann = house.join("ann")
    make_library(tmp_path)
    film = opened(ann)
    window = Window()
    window.rate, window.size_bytes = 1.0, 256.0 * 1024  # a slow way, and a long one
    disk.is_slow = True
    requests = []
    while window.has_room:
        requests.append(ann.number())
        window.asked(requests[-1], window.piece_bytes, 0.0)
        ann.say(films.GetFilmPart(requests[-1], film.play, 1440, 0, 0, window.piece_bytes))
    disk.finish()
    house.settle()
    answered = {message.request: type(message) for message in ann.heard() if getattr(message, "request", 0) in requests}
    assert answered == dict.fromkeys(requests, films.FilmPiece)

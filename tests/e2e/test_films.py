"""Films as people use them: a server with a folder; members who list, play, upload; a server that is killed."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from e2e.cinema import Program
from e2e.house import House, clean_environment, house
from e2e.nodes import end_nodes
from e2e.tcprelay import tcp_relay
from filmhouse import make_film, make_library


@pytest.fixture(name="group")
def fixture_group(tmp_path: Path) -> Iterator[House]:
    make_library(tmp_path / "data", seconds=3.0)
    with house(tmp_path) as made:
        yield made


def play(group: House, name: str, *words: str, terminal: tuple[int, int] | None = None) -> Program:
    return Program("play", *words, "--home", str(group.folder / name), terminal=terminal, **clean_environment())


@pytest.mark.parametrize("blocks_udp", [False, True], ids=["udp", "websocket"])
def test_a_member_plays_a_film_to_its_end(group: House, *, blocks_udp: bool) -> None:
    server, invite = group.serve(), group.invite()
    with contextlib.ExitStack() as undo:
        if blocks_udp:
            invite = invite.replace(f":{server.port}/", f":{undo.enter_context(tcp_relay(server.port))}/")
        group.join("ann", invite)
        playing = play(group, "ann", "lake", "--sink", "null", "--stats", "--start", "0:01")
        told = playing.wait_out(r"first picture after [\d.]+ s, (\d+) pictures shown")
        assert int(told[1]) > 0
        assert playing.wait_end() == 0
        playing.dispose()
        end_nodes(group.folder)


def test_keys_pause_seek_and_change_the_quality_and_a_killed_server_is_no_end(group: House, tmp_path: Path) -> None:
    make_film(tmp_path / "data" / "videos" / "long_240p.mp4", 150.0, fps=2, key_every=4)
    make_film(tmp_path / "data" / "videos" / "long_720p.mp4", 150.0, fps=2, key_every=4, size=(96, 54))
    server = group.serve()
    group.join("ann")
    port = server.port
    playing = play(group, "ann", "long", "--sink", "terminal", terminal=(24, 80))
    playing.wait_out(r"\|> 0:0\d / 2:30 \[")
    playing.press(b" ")
    playing.wait_out(r"Paused at 0:\d\d: space goes on")
    playing.press(b" 1")
    playing.wait_out(r"240p, \d+ s ahead")
    playing.press(b"3")
    playing.wait_out(r"not there in 1440p, but in 240p and 720p")
    server.end(signal.SIGKILL)
    playing.press(b"\x1b[A")
    playing.wait_out(r"The server is not reached")
    group.serve(port=port)
    playing.wait_out(r"\|> 1:\d\d / 2:30")
    playing.press(b"q")
    assert playing.wait_end() == 0
    playing.dispose()


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def test_a_film_goes_into_a_file_as_it_is_and_over_no_other(group: House, tmp_path: Path) -> None:
    group.serve()
    group.join("ann")
    path = tmp_path / "own.mp4"
    saved = group.member("ann", "video", "play", "lake", "--sink", str(path))
    assert saved.returncode == 0, saved.stderr
    for kind in ("video", "audio"):
        assert packets(path, kind) == packets(group.data / "videos" / "lake_1440p.mp4", kind)
    again = group.member("ann", "video", "play", "lake", "--sink", str(path))
    assert again.returncode == 64
    assert "is there already" in again.stderr
    part = tmp_path / "part.mp4"
    assert group.member("ann", "video", "play", "lake", "--sink", str(part), "--start", "2", "--quality", "240p")
    assert 0 < part.stat().st_size < path.stat().st_size


def test_where_nothing_can_be_heard_that_is_said_and_the_film_goes_on(group: House) -> None:
    group.serve()
    group.join("ann")
    words = ("play", "lake", "--sink", "terminal", "--home", str(group.folder / "ann"))
    playing = Program(*words, terminal=(24, 120), **{**clean_environment(), "SDL_AUDIODRIVER": "none at all"})
    playing.wait_out(r"The film goes on without sound\.")
    assert playing.wait_end() == 0
    playing.dispose()


def test_a_quality_that_is_asked_for_and_is_not_there_is_said(group: House, tmp_path: Path) -> None:
    make_film(tmp_path / "data" / "videos" / "short_240p.mp4", 6.0, fps=2)
    group.serve()
    group.join("ann")
    for sink in (str(tmp_path / "own.mp4"), "null"):
        shown = group.member("ann", "video", "play", "short", "--sink", sink, "--quality", "720p")
        assert shown.returncode == 0, shown.stderr
        assert "The film is not there in 720p, but in 240p." in shown.stdout + shown.stderr


def test_an_admin_uploads_and_keeps_films_and_a_member_is_told_why_not(group: House, tmp_path: Path) -> None:
    group.serve()
    group.join("ann")
    own = make_film(tmp_path / "sea_240p.mp4", 2.0)
    refused = group.member("ann", "video", "upload", str(own))
    assert refused.returncode == 1
    assert "Only an admin" in refused.stderr
    group.admin("admin", "promote", "ann")
    uploaded = group.member("ann", "video", "upload", str(own))
    assert uploaded.returncode == 0, uploaded.stderr
    assert (group.data / "videos" / "sea_240p.mp4").read_bytes() == own.read_bytes()
    group.admin("admin", "videos", "rename", "sea", "ocean")
    group.admin("admin", "videos", "limit", "1MB")
    found = json.loads(group.admin("admin", "videos", "list", "--json"))
    assert [each["name"] for each in found["films"]] == ["lake", "ocean"]
    assert found["most_bytes"] == 1_000_000
    assert [each["quality"] for each in found["films"][0]["files"]] == ["240p", "720p", "1440p"]
    group.admin("admin", "videos", "remove", "lake")
    assert group.member("ann", "video", "library").stdout.splitlines()[1].startswith("ocean")


def test_what_cannot_be_played_is_one_sentence(group: House, tmp_path: Path) -> None:
    (tmp_path / "data" / "videos" / "text_240p.mp4").write_text("No film at all.\n" * 50)
    group.serve()
    group.join("ann")
    for words, status, sentence in (
        (("nothing",), 1, "no such film"),
        (("text",), 1, "no MP4"),
        (("lake", "--quality", "480p"), 64, "--quality is auto"),
        (("lake", "--start", "soon"), 64, "A time is written"),
        (("lake", "--start", "1:30"), 64, "The film ends at 0:03, before --start 1:30"),
        (("lake", "--sink", "nowhere"), 64, "--sink is"),
    ):
        done = group.member("ann", "video", "play", *words, *(() if "--sink" in words else ("--sink", "null")))
        assert (done.returncode, bool(re.search(sentence, done.stderr))) == (status, True), done.stderr
        assert done.stderr.count("\n") == 1

"""Video over encrypted links between real processes: the watch link, the first meeting, a changed key, a restart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from e2e.cinema import TRIES, Cinema, Program, is_whole, numbers_in
from serverhouse.ports import free_port


def serve(house: Cinema, home: Path, *options: str, port: int = 0) -> tuple[Program, str, int]:
    """The watch link besides."""
    program, port = house.serve("--home", str(home), *options, port=port)
    return program, program.wait_out(r"'(lanline-video://[^']+)'")[1], port


def watch(house: Cinema, home: Path, *options: str) -> Program:
    return house.run("watch", "--home", str(home), *options)


@pytest.mark.parametrize("codec", ["jpeg", "h264", "vp8", "av1"])
def test_every_codec_arrives_whole_and_in_order(house: Cinema, tmp_path: Path, codec: str) -> None:
    # So small that there is no smaller rung, which a busy machine would be given.
    _, link, _ = serve(house, tmp_path / "ann", "--codec", codec, "--size", "320x240")
    for number in range(TRIES):
        film = tmp_path / f"film{number}.mkv"
        viewer = watch(house, tmp_path / "bob", link, "--sink", str(film), "--stats")
        viewer.wait_aside(r"[345]\d shown")
        assert viewer.end() == 0
        if is_whole(numbers_in(film), 20):
            return
    pytest.fail("each time some were left out, which is more than a busy machine")


def test_a_link_is_remembered_and_another_key_is_a_hard_stop(house: Cinema, tmp_path: Path) -> None:
    port = free_port()
    first, link, _ = serve(house, tmp_path / "ann", port=port)
    place = ["--server-host", "127.0.0.1", "--server-port", str(port), "--sink", "null", "--stats"]
    without = watch(house, tmp_path / "bob", *place)
    assert without.wait_end() == 64
    assert f"127.0.0.1:{port} admits those who have its watch link" in without.aside.text
    for arguments, home in (([link, *place[4:]], "bob"), (place, "bob"), (place, "ann")):
        viewer = watch(house, tmp_path / home, *arguments)
        viewer.wait_out("fps")
        assert viewer.end() == 0
    assert first.end() == 0

    shutil.rmtree(tmp_path / "ann")
    _, new_link, _ = serve(house, tmp_path / "ann", port=port)
    assert new_link != link
    stopped = watch(house, tmp_path / "bob", *place)
    assert stopped.wait_end() == 1
    assert f"The key of 127.0.0.1:{port} has changed" in stopped.aside.text
    fooled = watch(house, tmp_path / "carl", link, "--sink", "null")
    assert fooled.wait_end() == 1
    assert "another key than the watch link names" in fooled.aside.text
    made_sure = watch(house, tmp_path / "bob", new_link, "--sink", "null", "--stats")
    made_sure.wait_out("fps")
    assert made_sure.end() == 0


def test_a_new_link_ends_the_old_one(house: Cinema, tmp_path: Path) -> None:
    port = free_port()
    first, link, _ = serve(house, tmp_path / "ann", port=port)
    assert first.end() == 0
    again, same, _ = serve(house, tmp_path / "ann", port=port)
    assert same == link
    assert again.end() == 0
    _, new_link, _ = serve(house, tmp_path / "ann", "--new-link", port=port)
    assert new_link.partition(".")[0] == link.partition(".")[0]
    refused = watch(house, tmp_path / "bob", link, "--sink", "null")
    assert refused.wait_end() == 1
    assert "This watch link is not valid, or not any more" in refused.aside.text
    viewer = watch(house, tmp_path / "bob", new_link, "--sink", "null", "--stats")
    viewer.wait_out("fps")
    assert viewer.end() == 0


def test_viewers_go_on_when_the_server_comes_back(house: Cinema, tmp_path: Path) -> None:
    first, link, port = serve(house, tmp_path / "ann", port=free_port())
    viewer = watch(house, tmp_path / "bob", link, "--sink", str(tmp_path / "film.mkv"), "--timeout", "0.5")
    viewer.wait_aside("The video begins")
    assert first.end() == 0
    viewer.wait_aside(r"No video for 0\.5 s")
    serve(house, tmp_path / "ann", port=port)
    viewer.wait_aside("The video is back")
    assert viewer.end() == 0


def test_a_viewer_that_was_killed_is_missed(house: Cinema, tmp_path: Path) -> None:
    server, link, _ = serve(house, tmp_path / "ann")
    viewer = watch(house, tmp_path / "bob", link, "--sink", "null", "--stats")
    viewer.wait_out("fps")
    assert viewer.end() == 0
    server.wait_aside(r"(?s)Viewers: 1\..*Viewers: 0\.")


def test_an_own_port_is_used(house: Cinema, tmp_path: Path) -> None:
    _, link, _ = serve(house, tmp_path / "ann")
    own = free_port()
    options = ["--listen-host", "127.0.0.1", "--listen-port", str(own), "--sink", "null", "--stats"]
    first = watch(house, tmp_path / "bob", link, *options)
    first.wait_out("fps")
    second = watch(house, tmp_path / "bob", link, *options)
    assert second.wait_end() == 1
    assert f"UDP port {own} on 127.0.0.1 is taken" in second.aside.text
    assert first.end() == 0


def test_who_mixes_the_two_formats_up_is_told_so(house: Cinema, tmp_path: Path) -> None:
    server, link, port = serve(house, tmp_path / "ann", port=free_port())
    plain = house.watch(port, "--sink", "null", "--timeout", "0.5")
    plain.wait_out("serves encrypted video: leave out --plain")
    assert plain.end() == 0
    assert server.end() == 0
    house.serve("--plain", port=port)
    sealed = watch(house, tmp_path / "bob", link, "--sink", "null", "--timeout", "0.5")
    sealed.wait_out("serves the plain format: watch it with --plain")
    assert sealed.end() == 0


def test_both_ends_tell_what_is_sent_in_which_size(house: Cinema, tmp_path: Path) -> None:
    server, link, _ = serve(house, tmp_path / "ann", "--stats", "--size", "320x240", "--codec", "h264")
    viewer = watch(house, tmp_path / "bob", link, "--sink", str(tmp_path / "film.mkv"), "--stats")
    viewer.wait_aside(r"The video begins: 320x240 h264")
    viewer.wait_aside(r"fps, \d+\.\d Mbit/s, 320x240 h264, \d+ ms on the way, \d+\.\d % lost")
    server.wait_aside(r"  [0-9a-f]{8}: 240p, 0\.0 % lost")
    assert viewer.end() == 0

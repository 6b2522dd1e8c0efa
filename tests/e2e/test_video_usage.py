"""What is typed wrong, or is not there, is said in one sentence; and nothing is sent."""

from __future__ import annotations

import os
import re
import subprocess
import termios
from pathlib import Path

import pytest

from e2e.cinema import TRIES, Cinema
from e2e.program import COMMAND
from serverhouse.ports import free_port

NO_DISPLAY = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
KEY = "q3wk6dii3wv3ulckgrxarosqoyjdrx4gidox7qkgnookpwujzdnq.mrswmz3infvgw3dnnzxxa4lsom"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["serve", "--source", "test", "--fps", "0"], 64, "--fps goes from 1 to 240; 0 is out of that."),
        (["serve", "--source", "test", "--fps", "1e9"], 64, "--fps goes from 1 to 240; 1e+09 is out of that."),
        (["serve", "--source", "test", "--fps", "nan"], 64, "--fps goes from 1 to 240; nan is out of that."),
        (["serve", "--source", "test", "--quality", "9"], 64, "--quality goes from 10 to 95; 9 is out of that."),
        (["serve", "--source", "test", "--mtu", "12", "--plain"], 64, "--mtu goes from 64 to 65,507; 12 is out"),
        (["serve", "--source", "test", "--mtu", "100"], 64, "--mtu goes from 256 to 65,507; 100 is out"),
        (["serve", "--source", "test", "--size", "big"], 64, "A size is written as 1280x720, and 'big' is not."),
        (["serve", "--source", "test", "--size", "9x9"], 64, "16 to 8192 pixels on each side; 9x9 is out"),
        (["serve", "--codec", "h265"], 64, "--codec is one of jpeg, h264, vp8, av1; 'h265' is none of them."),
        (["serve", "--plain", "--source", "test", "--codec", "av1"], 64, "The plain format carries JPEG only"),
        (["serve", "--plain", "--source", "nothing.mp4"], 1, "There is no file nothing.mp4."),
        (["serve", "--plain", "--source", __file__], 1, "is no video file, or is damaged."),
        (["serve", "--source", __file__], 1, "is no video file, or is damaged."),
        (["serve", "--camera-index", "97"], 1, "camera"),
        (["serve", "--plain", "--source", "screen"], 1, "There is no screen here: DISPLAY is not set."),
        (["serve", "--plain", "--source", "test", "--host", "no.such.host.invalid"], 1, "is not known here"),
        (["watch"], 64, "Give the watch link that the server shows; for a server that you have watched before"),
        (["watch", "--plain"], 64, "Name the server with --server-host."),
        (["watch", "--plain", "lanline-video://h/#x"], 64, "A watch link is for the encrypted way"),
        (["watch", "http://h/"], 64, "A watch link begins with lanline-video://."),
        (["watch", "lanline-video://h:1/#short"], 64, "has no secret: it is cut off"),
        (["watch", f"lanline-video://h:1/#{KEY}", "--server-host", "h"], 64, "leave out --server-host"),
        (["watch", "--server-host", "h", "--timeout", "0"], 64, "--timeout goes from 0.1 to 3,600; 0 is out of that."),
        (["watch", "--server-host", "h", "--max-buffer-frames", "0"], 64, "--max-buffer-frames goes from 1 to"),
        (["watch", "lanline-video://h/#" + KEY, "--sink", "film.avi"], 64, "film.avi is none of them."),
        (["watch", "lanline-video://no.such.host.invalid/#" + KEY, "--sink", "null"], 1, "is not known here"),
        (["watch", "--server-host", "cam.lan"], 64, "cam.lan:6000 admits those who have its watch link"),
        (["serve", "--source", "test", "--camera-index", "2"], 64, "--camera-index would do nothing here"),
        (["serve", "--source", "test", "--play-once"], 64, "--play-once would do nothing here: test has no end"),
        (["serve", "--source", "-", "--play-once"], 64, "--play-once would do nothing here"),
        (["serve", "--source", "window:x", "--play-once"], 64, "window:x has no end"),
        (["serve", "--source", "test", "--region", "64x64+0+0"], 64, "--region would do nothing here"),
        (["serve", "--source", "screen", "--region", "64x64"], 64, "is written as 640x480+100+50, and '64x64' is not."),
        (["serve", "--source", "test", "--quality", "50", "--bitrate", "500"], 64, "--quality would do nothing here"),
        (["watch", "--plain", "--server-host", "h", "--no-audio"], 64, "--no-audio would do nothing here"),
        (["watch", "--server-host", "h", "--rotate", "60"], 64, "--rotate would do nothing here"),
        (["watch", "--server-host", "h", "--sink", "a.mkv", "--keep", "2"], 64, "--keep would do nothing here"),
        (["serve", "--source", "test", "--bitrate", "1"], 64, "--bitrate goes from 16 to 200,000"),
        (["serve", "--source", "rtsp://127.0.0.1:9/x"], 1, "rtsp://127.0.0.1:9/x cannot be read"),
        (["watch", "lanline-video://h/#" + KEY, "--max-buffer-frames", "9"], 64, "would do nothing here: it is for"),
        (["serve", "--source", ""], 64, "--source names nothing"),
        (["serve", "--source", "test", "--public"], 64, "--public is for --plain"),
        (["serve", "--source", "test", "--plain", "--new-link"], 64, "The plain format has no watch link"),
        (["watch", "--plain", "--server-host", "127.0.0.1"], 1, "add --sink terminal"),
        (["watch", "--plain", "--server-host", "127.0.0.1", "--sink", "terminal"], 1, "The output is no terminal."),
    ],
)
def test_one_sentence_and_its_status(tmp_path: Path, arguments: list[str], status: int, sentence: str) -> None:
    port = ["--port", "0", "--host", "127.0.0.1"] if arguments[0] == "serve" and "--host" not in arguments else []
    done = subprocess.run(
        [*COMMAND, "video", *arguments, *port],
        env=NO_DISPLAY | {"LANLINE_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert re.fullmatch(r"lanline: [^\n]+\n", done.stderr), done.stderr
    assert sentence in done.stderr
    assert done.returncode == status


def test_a_terminal_shows_the_picture_and_is_given_back_as_it_was(house: Cinema) -> None:
    _, port = house.serve("--plain", "--size", "320x240")
    viewer = house.watch(
        port, "--sink", "terminal", "--stats", terminal=(24, 80),
        TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8",
    )  # fmt: skip
    before = termios.tcgetattr(viewer.inner)
    viewer.wait_out(r"\x1b\[c")
    viewer.press(b"\x1b[?62;22c")
    viewer.wait_out("▀")
    viewer.wait_out(r"\d+\.\d fps")
    assert termios.tcgetattr(viewer.inner) != before
    viewer.press(b"q")
    assert viewer.wait_end() == 0
    assert termios.tcgetattr(viewer.inner) == before
    assert viewer.out.text.endswith("\x1b[?25h\x1b[?1049l")


def test_ctrl_z_lends_the_terminal_to_the_shell_and_ctrl_backslash_leaves_it_whole(house: Cinema) -> None:
    _, port = house.serve("--plain", "--size", "320x240")
    viewer = house.watch(port, "--sink", "terminal", terminal=(24, 80), TERM="vt100", LC_ALL="C.UTF-8")
    before = termios.tcgetattr(viewer.inner)
    viewer.wait_out(r"\+\+\+")
    viewer.press(b"\x1a")
    # Nobody waits for a program that leads its session, so it goes on at once, on a screen of its own again.
    viewer.wait_out(r"(?s)\x1b\[\?1049l.*\x1b\[\?1049h.*\+\+\+")
    viewer.press(b"\x1c")
    assert viewer.wait_end() == 0
    assert termios.tcgetattr(viewer.inner) == before
    assert viewer.out.text.endswith("\x1b[?25h\x1b[?1049l")


@pytest.mark.parametrize(
    ("answer", "shown"), [(b"\x1b[?62;4;22c", "\x1bP0;1q"), (b"\x1b_Gi=4207;OK\x1b\\\x1b[?62c", "\x1b_Ga=T")]
)
def test_a_terminal_that_knows_pictures_is_sent_them(house: Cinema, answer: bytes, shown: str) -> None:
    _, port = house.serve("--plain", "--size", "320x240")
    for _ in range(TRIES):
        viewer = house.watch(port, "--sink", "terminal", terminal=(24, 80), TERM="xterm-256color", LC_ALL="C.UTF-8")
        viewer.wait_out(r"\x1b\[c")
        viewer.press(answer)
        # A terminal that takes longer than half a second, as on a busy machine, is taken for a simple one.
        viewer.wait_out(f"{re.escape(shown)}|▀")
        assert viewer.end() == 0
        assert viewer.out.text.endswith("\x1b[?25h\x1b[?1049l")
        if shown in viewer.out.text:
            return
    pytest.fail("it was never sent them")


def test_a_terminal_without_colour_is_sent_letters(house: Cinema) -> None:
    _, port = house.serve("--plain", "--size", "320x240")
    viewer = house.watch(port, "--sink", "terminal", terminal=(24, 80), TERM="vt100", LC_ALL="C.UTF-8")
    viewer.wait_out(r"\+\+\+")
    viewer.press(b"q")
    assert viewer.wait_end() == 0
    assert not re.search(r"\x1b\[[34]8;", viewer.out.text)


def test_silence_is_shown_in_the_terminal(house: Cinema) -> None:
    viewer = house.watch(
        free_port(), "--sink", "terminal", "--timeout", "0.2", terminal=(24, 80), TERM="vt100", LC_ALL="C.UTF-8"
    )
    viewer.wait_out("Nothing serves video at|No answer from")
    viewer.press(b"q")
    assert viewer.wait_end() == 0


def test_a_qr_code_is_shown_at_a_terminal_and_nowhere_else(house: Cinema, tmp_path: Path) -> None:
    options = ["serve", "--host", "127.0.0.1", "--port", "0", "--source", "test", "--home", str(tmp_path)]
    shown = house.run(*options, terminal=(60, 120), LC_ALL="C.UTF-8")
    shown.wait_out("Watch with")
    assert shown.out.text.count("▀") > 30
    assert shown.end() == 0
    piped = house.run(*options)
    piped.wait_out("Watch with")
    assert "▀" not in piped.out.text
    assert piped.end() == 0

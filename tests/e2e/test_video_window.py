"""A window of the command on a display that nobody sees; the screen of that display sent as video, and watched."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from e2e.cinema import TRIES, Cinema, cinema
from lanline.media import framenumber
from lanline.media.api import Layout, Picture
from lanline.media.colours import as_picture


@pytest.fixture(name="house")
def _house() -> Iterator[Cinema]:
    with cinema() as made:
        yield made


@pytest.fixture(name="display")
def _display() -> Iterator[str]:
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("Xvfb is not installed (Debian: xvfb)")
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(writing), "-screen", "0", "800x450x24", "-nolisten", "tcp", "-nocursor"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        assert select.select([reading], [], [], 60)[0], "Xvfb does not start"
        yield f":{int(os.read(reading, 16))}"
    finally:
        os.close(reading)
        process.terminate()
        process.wait(60)


def numbers_in_the_middle(film: Path) -> list[int]:
    """Of the window, which stands there."""
    with av.open(str(film)) as container:
        pictures = [as_picture(frame, Layout.RGB, 0).pixels[45:405, 80:720] for frame in container.decode(video=0)]
    return [framenumber.read(Picture(pixels, Layout.RGB, 0)) for pixels in pictures]


def test_what_a_window_shows_is_captured_from_the_screen_and_watched_again(
    house: Cinema, display: str, tmp_path: Path
) -> None:
    _, port = house.serve("--plain", "--size", "640x360")
    window = house.watch(port, "--stats", DISPLAY=display)
    window.wait_aside("The video begins")
    screen = house.run(
        "serve", "--plain", "--source", "screen", "--host", "127.0.0.1", "--port", "0", "--fps", "10", DISPLAY=display
    )
    screen_port = int(screen.wait_out(r"Serving screen, 800x450 at 10 fps, on UDP port (\d+)")[1])
    films = (tmp_path / f"film{number}.mkv" for number in range(TRIES))
    assert any(moves(film, house, screen_port) for film in films)
    assert window.end() == 0
    assert screen.end() == 0


def moves(film: Path, house: Cinema, screen_port: int) -> bool:
    recording = house.watch(screen_port, "--sink", str(film), "--stats")
    recording.wait_aside(r"[234]\d shown")
    assert recording.end() == 0
    numbers = numbers_in_the_middle(film)
    seen = numbers[numbers.index(max(numbers[:5])) :]  # the window may have come later than the recording began
    return seen == sorted(seen) and len(set(seen)) > 10


def test_without_an_answering_display_the_terminal_is_offered(house: Cinema) -> None:
    window = house.watch(9, DISPLAY=":4095", SDL_VIDEODRIVER="x11")
    assert window.wait_end() == 1
    assert "Add --sink terminal" in window.aside.text

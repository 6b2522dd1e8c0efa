"""A window of the command on a display that nobody sees: its keys; the screen of that display sent as video, and
watched.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from e2e.cinema import TRIES, Cinema, painted_number
from lanline.errors import MediaProblem
from lanline.media import framenumber
from lanline.media.api import Layout, Picture, Pixels, Size, Source
from lanline.media.colours import as_picture
from lanline.media.sources.screen import Region, open_screen, open_window
from lanline.media.sources.xwindows import window_titles


@pytest.fixture(name="display")
def _display() -> Iterator[str]:
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("Xvfb is not installed (Debian: xvfb)")
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(writing), "-screen", "0", "800x450x24", "-nolisten", "tcp", "-nocursor", "-noreset"],
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


def painted(source: Source) -> Pixels:
    """As soon as something is: the window may have been opened and not yet drawn."""
    for _ in range(200):
        picture = source.read()
        assert picture is not None
        if picture.pixels.any():
            break
    source.close()
    return picture.pixels


def test_a_part_of_the_screen_and_one_window_are_captured(
    house: Cinema, display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    _, port = house.serve("--plain", "--size", "640x360")
    window = house.watch(port, "--stats", DISPLAY=display)
    window.wait_aside("The video begins")
    title = f"lanline 127.0.0.1:{port}"
    window.pump(lambda: title in window_titles(display).values(), "window")
    source = open_window(f"127.0.0.1:{port}", None, 20, Layout.RGB)
    assert source.size == Size(640, 360)
    shown = painted(source)
    part = open_screen(None, 20, Layout.RGB, Region(Size(64, 64), 0, 0))
    assert part.size == Size(64, 64)
    corner = part.read()
    part.close()
    assert corner is not None
    assert not corner.pixels.any(), "the window stands in the middle"
    middle = open_screen(None, 20, Layout.RGB, Region(Size(640, 360), 80, 45))
    around = painted(middle)
    bars = slice(80, 160), slice(400, 640)
    # On a busy machine the later picture may be of a coarser quality; a place one pixel beside differs by more.
    assert np.abs(around[bars].astype(int) - shown[bars]).mean() < 1
    assert shown[bars].std() > 20
    with pytest.raises(MediaProblem, match=f"There is no window with 'nothing like it'.*{title}"):
        open_window("nothing like it", None, 20, Layout.RGB)
    with pytest.raises(MediaProblem, match="is it within the screen"):
        open_screen(None, 20, Layout.RGB, Region(Size(640, 360), 700, 45))


class Ear:
    """What SDL's driver for files was given to be heard: 16 bits, two channels."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._heard_from = 0

    def begin(self) -> None:
        self._heard_from = self._file.stat().st_size // 4 * 4

    def hears_beeps(self) -> bool:
        return bool(self._new().max(initial=0) > 1000)

    def hears_nothing_for_long(self) -> bool:
        """Longer than from one beep to the next."""
        latest = self._new()[-2 * 60_000 :]
        return len(latest) == 2 * 60_000 and not latest.any()

    def _new(self) -> np.ndarray:
        if not self._file.exists():
            return np.zeros(0, np.int16)
        data = self._file.read_bytes()[self._heard_from :]
        return np.frombuffer(data[: len(data) // 4 * 4], np.int16)


def has_caption() -> bool:
    """At the left foot of the window, where the test picture has nothing black."""
    source = open_screen(None, 1000, Layout.RGB)
    try:
        picture = source.read()
    finally:
        source.close()
    assert picture is not None
    return bool(picture.pixels[395:403, 84:160].min() < 40)


def test_keys_in_a_window_mute_show_figures_save_and_leave(
    house: Cinema, display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = shutil.which("xdotool")
    if keys is None:
        pytest.skip("xdotool is not installed (Debian: xdotool)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", display)
    raw = tmp_path / "heard.raw"
    server, _ = house.serve("--home", str(tmp_path / "ann"), "--audio", "--size", "640x360")
    link = server.wait_out(r"'(lanline-video://[^']+)'")[1]
    sound = {"SDL_AUDIODRIVER": "disk", "SDL_DISKAUDIOFILE": str(raw)}
    window = house.run("watch", "--home", str(tmp_path / "bob"), link, **sound)
    ear = Ear(raw)
    window.pump(ear.hears_beeps, "beep")
    window.pump(lambda: not has_caption(), "picture without a line")

    def press(key: str) -> None:
        ear.begin()
        subprocess.run([keys, "key", key], check=True)

    press("m")
    window.pump(ear.hears_nothing_for_long, "silence")
    window.pump(has_caption, "word of being muted")
    press("m")
    window.pump(ear.hears_beeps, "beep")
    window.pump(lambda: not has_caption(), "picture without a line")
    press("i")
    window.pump(has_caption, "figures")
    press("i")
    window.pump(lambda: not has_caption(), "picture without figures")

    def tells_what_it_saved() -> bool:
        """Its name stands there for a moment only, which a busy machine may miss: then another one is saved."""
        press("s")
        return has_caption()

    window.pump(tells_what_it_saved, "name of the picture")
    saved = min(tmp_path.glob("lanline-*.jpg"))
    assert painted_number(saved.read_bytes()) > 0
    press("q")
    assert window.wait_end() == 0


def test_without_an_answering_display_the_terminal_is_offered(house: Cinema) -> None:
    window = house.watch(9, DISPLAY=":4095", SDL_VIDEODRIVER="x11")
    assert window.wait_end() == 1
    assert "Add --sink terminal" in window.aside.text

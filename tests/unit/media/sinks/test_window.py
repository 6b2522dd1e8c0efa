"""A real window on a display that nobody sees, looked at through our own source of screens."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from lanline.errors import MediaProblem
from lanline.media import framenumber
from lanline.media.api import Layout, Picture, Size
from lanline.media.colours import Colours
from lanline.media.sinks.window import Window, sdl2
from lanline.media.sources.screen import open_screen
from lanline.media.sources.testpattern import TestPattern

SMALL = Size(640, 360)


@pytest.fixture(name="window")
def _window(on_display: str, tmp_path: Path) -> Iterator[Window]:
    made = Window("test", statistics=False, folder=tmp_path)
    yield made
    made.close()


def pattern(layout: Layout = Layout.YUV, size: Size = SMALL) -> Picture:
    picture = TestPattern(size, 1000, Layout.YUV).read()
    assert picture is not None
    return Colours().change(picture, layout)


def screenshot() -> np.ndarray:
    source = open_screen(None, 1000, Layout.RGB)
    try:
        picture = source.read()
        assert picture is not None
        return picture.pixels
    finally:
        source.close()


def shown_by(window: Window, picture: Picture) -> np.ndarray:
    """The window, out of the middle of the screen, once it is there."""
    for _ in range(200):
        window.show(picture)
        window.keys()
        screen = screenshot()
        lit = np.argwhere(screen.max(axis=2) > 0)
        if len(lit):
            (top, left), (bottom, right) = lit.min(axis=0), lit.max(axis=0)
            if bottom - top > 300:
                return screen[top : bottom + 1, left : right + 1]
    pytest.fail("the window did not appear")


def press(letter: str, symbol: int | None = None) -> None:
    event = sdl2.SDL_Event()
    event.type = sdl2.SDL_KEYDOWN
    event.key.keysym.sym = symbol or ord(letter)
    sdl2.SDL_PushEvent(ctypes.byref(event))


@pytest.mark.parametrize("layout", list(Layout))
def test_a_picture_is_shown_in_its_size_and_colours(window: Window, layout: Layout) -> None:
    picture = pattern(layout)
    seen = shown_by(window, picture)
    wanted = Colours().change(picture, Layout.RGB).pixels
    assert seen.shape == wanted.shape
    bars = slice(60, 150)
    assert np.abs(seen[bars].astype(int) - wanted[bars]).mean() < 6


def test_the_number_can_be_read_from_the_screen(window: Window) -> None:
    pixels = np.full((360, 640, 3), 90, dtype=np.uint8)
    framenumber.paint(pixels, 0xC0DE)
    assert framenumber.read(Picture(shown_by(window, Picture(pixels, Layout.RGB, 0)), Layout.RGB, 0)) == 0xC0DE


def test_a_picture_larger_than_the_screen_is_made_to_fit(window: Window) -> None:
    seen = shown_by(window, pattern(size=Size(1920, 1080)))
    assert seen.shape[1] <= 1000
    assert seen.shape[1] / seen.shape[0] == pytest.approx(16 / 9, rel=0.02)


def test_a_film_that_begins_in_a_low_quality_has_the_window_of_the_best_that_fits(on_display: str) -> None:
    window = Window("film", statistics=True, lines=1440)
    try:
        seen = shown_by(window, pattern(size=Size(426, 240)))
    finally:
        window.close()
    assert seen.shape[1] == 900, "of a screen that is 1000 wide"
    assert seen.shape[1] / seen.shape[0] == pytest.approx(16 / 9, rel=0.02)


def test_keys_are_reported_and_a_closed_window_is_a_q(window: Window) -> None:
    assert window.keys() == []
    press("q")
    press("x")
    assert window.keys() == ["q", "x"]
    event = sdl2.SDL_Event()
    event.type = sdl2.SDL_QUIT
    sdl2.SDL_PushEvent(ctypes.byref(event))
    assert window.keys() == ["q"]


def test_a_plus_is_a_plus_on_any_keyboard_and_so_are_the_keys_of_the_keypad(window: Window) -> None:
    for symbol in (sdl2.SDLK_EQUALS, sdl2.SDLK_KP_PLUS, sdl2.SDLK_KP_MINUS, sdl2.SDLK_KP_2):
        press("", symbol)
    assert window.keys() == ["+", "+", "-", "2"]


def test_s_saves_the_picture_and_says_so(window: Window, tmp_path: Path) -> None:
    press("s")
    assert window.keys() == ["s"]
    assert not list(tmp_path.iterdir()), "there is none yet"
    picture = pattern()
    before = shown_by(window, picture)
    press("s")
    window.keys()
    (saved,) = tmp_path.iterdir()
    assert simplejpeg.decode_jpeg(saved.read_bytes()).shape == (360, 640, 3)
    after = shown_by(window, picture)
    assert (before[-9:, :40] != after[-9:, :40]).any(), "a line at the bottom"


def test_a_folder_that_cannot_be_written_is_no_end(window: Window, tmp_path: Path) -> None:
    window._folder = tmp_path / "not there"
    window.show(pattern())
    press("s")
    assert window.keys() == ["s"]
    assert window._caption.text().startswith("The picture cannot be saved")


def test_i_shows_the_statistics_and_takes_them_away(window: Window) -> None:
    picture = pattern()
    window.tell("20.0 FPS")
    without = shown_by(window, picture)
    press("i")
    window.keys()
    lettered = shown_by(window, picture)
    assert (without[-18:, :90] != lettered[-18:, :90]).any()
    press("i")
    window.keys()
    assert (shown_by(window, picture) == without).all()


def test_f_asks_for_the_whole_screen_and_gives_it_back(window: Window) -> None:
    """What comes of it is the window manager's affair, and there is none here."""

    def is_full() -> bool:
        wanted = sdl2.SDL_WINDOW_FULLSCREEN_DESKTOP
        return bool(sdl2.SDL_GetWindowFlags(window._window) & wanted == wanted)

    window.show(pattern())
    press("f")
    window.keys()
    assert is_full()
    press("", sdl2.SDLK_ESCAPE)
    assert window.keys() == ["f"]
    assert not is_full()


def test_without_a_display_the_terminal_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(MediaProblem, match="--sink terminal"):
        Window("test", statistics=False)


def test_a_display_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4095")
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MediaProblem, match="--sink terminal"):
        Window("test", statistics=False)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_colour_is_the_same_in_the_window_and_on_a_screen_that_is_captured(window: Window, layout: Layout) -> None:
    colour = (200, 60, 30)
    pixels = np.full((360, 640, 3), colour, dtype=np.uint8)
    seen = shown_by(window, Colours().change(Picture(pixels, Layout.RGB, 0), layout))
    place = seen[100, 100].astype(int)  # beside the pointer, which stands in the middle
    assert seen.shape == pixels.shape
    assert np.abs(place - colour).max() <= 3
    for captured in (Layout.YUV, Layout.FULL_YUV):
        source = open_screen(None, 1000, captured)
        picture = source.read()
        source.close()
        assert picture is not None
        screen = Colours().change(picture, Layout.RGB).pixels
        near = np.abs(screen.astype(int) - colour).max(axis=2) <= 3
        assert near.sum() > 0.9 * 360 * 640

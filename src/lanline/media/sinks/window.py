"""A window, through SDL 2: its library comes with the package, and the pictures go to the graphics card as they are.

Keys: `q` leaves, `f` fills the screen, `s` saves a picture, `i` shows the statistics.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns that it found its own library, which is what we want
    import sdl2

from lanline.errors import MediaProblem
from lanline.media.api import KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_UP, Layout, Picture, Size
from lanline.media.colours import fitted
from lanline.media.sinks.caption import Caption, set_in
from lanline.media.sinks.snapshot import save_picture

_LARGEST_PART = 0.9
"""Of the screen, at first."""
_ARROWS = {
    sdl2.SDLK_LEFT: KEY_LEFT,
    sdl2.SDLK_RIGHT: KEY_RIGHT,
    sdl2.SDLK_UP: KEY_UP,
    sdl2.SDLK_DOWN: KEY_DOWN,
}
_SAME_AS = {
    sdl2.SDLK_EQUALS: ord("+"),  # a plus on many keyboards, with Shift
    sdl2.SDLK_KP_PLUS: ord("+"),
    sdl2.SDLK_KP_MINUS: ord("-"),
    sdl2.SDLK_KP_1: ord("1"),
    sdl2.SDLK_KP_2: ord("2"),
    sdl2.SDLK_KP_3: ord("3"),
}
_CONVERSIONS = {Layout.FULL_YUV: 0, Layout.YUV: 1, Layout.HD_YUV: 2}
"""SDL_YUV_CONVERSION_MODE, which the binding does not name."""


class Window:
    def __init__(self, title: str, *, statistics: bool, folder: Path | None = None, lines: int = 0) -> None:
        """`lines`: of the best quality, for which the window is made, though a lower one may come first."""
        _need_display()
        self._lines = lines
        self._folder = folder or Path.cwd()
        self._caption = Caption(shows_figures=statistics)
        self._is_full = False
        self._picture: Picture | None = None
        self._texture: object = None
        self._texture_kind: tuple[Layout, Size] | None = None
        self._overlay: object = None
        self._overlaid: tuple[str, int] | None = None
        self._overlay_size = Size(0, 0)
        self._window, self._renderer = _opened(title)
        self._has_size = False

    def show(self, picture: Picture) -> None:
        self._picture = picture
        self._fit_window(picture.size)
        self._upload(picture)
        self._draw()

    def _fit_window(self, size: Size) -> None:
        if self._has_size:
            return
        self._has_size = True
        bounds = sdl2.SDL_Rect()
        sdl2.SDL_GetDisplayUsableBounds(0, ctypes.byref(bounds))
        scale = max(1.0, self._lines / min(size.width, size.height))
        size = Size(round(size.width * scale), round(size.height * scale))
        room = Size(int(bounds.w * _LARGEST_PART) or size.width, int(bounds.h * _LARGEST_PART) or size.height)
        if size.width > room.width or size.height > room.height:
            size = fitted(size, room)
        sdl2.SDL_SetWindowSize(self._window, size.width, size.height)
        centre = sdl2.SDL_WINDOWPOS_CENTERED
        sdl2.SDL_SetWindowPosition(self._window, centre, centre)
        sdl2.SDL_ShowWindow(self._window)

    def _upload(self, picture: Picture) -> None:
        size, layout = picture.size, picture.layout
        if self._texture_kind != (layout, size):
            self._texture = self._new_texture(layout, size)
            self._texture_kind = (layout, size)
        pixels = picture.pixels.ctypes.data_as(ctypes.c_void_p)
        sdl2.SDL_UpdateTexture(self._texture, None, pixels, size.width * (3 if layout is Layout.RGB else 1))

    def _new_texture(self, layout: Layout, size: Size) -> object:
        if self._texture is not None:
            sdl2.SDL_DestroyTexture(self._texture)
        sdl2.SDL_SetYUVConversionMode(_CONVERSIONS.get(layout, 1))
        kind = sdl2.SDL_PIXELFORMAT_RGB24 if layout is Layout.RGB else sdl2.SDL_PIXELFORMAT_IYUV
        access = sdl2.SDL_TEXTUREACCESS_STREAMING
        texture = sdl2.SDL_CreateTexture(self._renderer, kind, access, size.width, size.height)
        if not texture:
            raise MediaProblem(f"The window cannot show a picture of {size}: {_sdl_error()}.")
        return texture

    def _draw(self) -> None:
        sdl2.SDL_SetRenderDrawColor(self._renderer, 0, 0, 0, 255)
        sdl2.SDL_RenderClear(self._renderer)
        room = self._room()
        if self._texture_kind is not None:
            size = fitted(self._texture_kind[1], room)
            place = sdl2.SDL_Rect(
                (room.width - size.width) // 2, (room.height - size.height) // 2, size.width, size.height
            )
            sdl2.SDL_RenderCopy(self._renderer, self._texture, None, ctypes.byref(place))
        self._draw_caption(room)
        sdl2.SDL_RenderPresent(self._renderer)

    def _draw_caption(self, room: Size) -> None:
        text = self._caption.text()
        if not text:
            return
        if self._overlaid != (text, room.width):
            self._overlay_size = self._letter(text, room.width)
            self._overlaid = (text, room.width)
        size = self._overlay_size
        place = sdl2.SDL_Rect(0, room.height - size.height, size.width, size.height)
        sdl2.SDL_RenderCopy(self._renderer, self._overlay, None, ctypes.byref(place))

    def _letter(self, text: str, width: int) -> Size:
        field = set_in(text, width)
        pixels = (field[..., None].repeat(3, axis=2) * 235).astype("uint8")
        height, width = field.shape
        if self._overlay is not None:
            sdl2.SDL_DestroyTexture(self._overlay)
        self._overlay = sdl2.SDL_CreateTexture(
            self._renderer, sdl2.SDL_PIXELFORMAT_RGB24, sdl2.SDL_TEXTUREACCESS_STATIC, width, height
        )
        sdl2.SDL_UpdateTexture(self._overlay, None, pixels.ctypes.data_as(ctypes.c_void_p), width * 3)
        return Size(width, height)

    def _room(self) -> Size:
        width, height = ctypes.c_int(), ctypes.c_int()
        sdl2.SDL_GetRendererOutputSize(self._renderer, ctypes.byref(width), ctypes.byref(height))
        return Size(max(1, width.value), max(1, height.value))

    def tell(self, line: str) -> None:
        self._caption.figures = line
        self._redraw()

    def notify(self, line: str) -> None:
        self._caption.notice = line
        self._redraw()

    def _redraw(self) -> None:
        if self._has_size:
            self._draw()

    def keys(self) -> list[str]:
        if self._caption.has_expired():
            self._redraw()
        pressed: list[str] = []
        event = sdl2.SDL_Event()
        while sdl2.SDL_PollEvent(ctypes.byref(event)):
            if event.type == sdl2.SDL_QUIT:
                pressed.append("q")
            elif event.type == sdl2.SDL_KEYDOWN and not event.key.repeat:
                pressed += self._pressed(event.key.keysym.sym)
            elif event.type == sdl2.SDL_WINDOWEVENT:
                self._redraw()
        return pressed

    def _pressed(self, symbol: int) -> list[str]:
        if symbol in _ARROWS:
            return [_ARROWS[symbol]]
        symbol = _SAME_AS.get(symbol, symbol)
        if symbol == sdl2.SDLK_ESCAPE and self._is_full:
            symbol = ord("f")
        match chr(symbol) if 32 <= symbol < 127 else "":
            case "f":
                self._is_full = not self._is_full
                mode = sdl2.SDL_WINDOW_FULLSCREEN_DESKTOP if self._is_full else 0
                sdl2.SDL_SetWindowFullscreen(self._window, mode)
            case "i":
                self._caption.shows_figures = not self._caption.shows_figures
                self._redraw()
            case "s" if self._picture is not None:
                self._save(self._picture)
            case "":
                return []
        return [chr(symbol)]

    def _save(self, picture: Picture) -> None:
        try:
            self._caption.remark(f"Saved as {save_picture(picture, self._folder).name}")
        except MediaProblem as problem:
            self._caption.remark(str(problem))
        self._redraw()

    def close(self) -> None:
        sdl2.SDL_DestroyRenderer(self._renderer)  # and its textures
        sdl2.SDL_DestroyWindow(self._window)
        sdl2.SDL_QuitSubSystem(sdl2.SDL_INIT_VIDEO)


def _need_display() -> None:
    has_none = not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
    if sys.platform.startswith("linux") and has_none:
        raise MediaProblem("There is no display here for a window. Watch in the terminal: add --sink terminal.")


def _opened(title: str) -> tuple[object, object]:
    # Ctrl+C is the program's affair; a viewer must not keep the screen from sleeping less than a film player does.
    sdl2.SDL_SetHint(sdl2.SDL_HINT_NO_SIGNAL_HANDLERS, b"1")
    sdl2.SDL_SetHint(sdl2.SDL_HINT_RENDER_SCALE_QUALITY, b"linear")
    if sdl2.SDL_InitSubSystem(sdl2.SDL_INIT_VIDEO):
        raise MediaProblem(
            f"No window can be opened here ({_sdl_error()}). Add --sink terminal to watch in the terminal."
        )
    flags = sdl2.SDL_WINDOW_RESIZABLE | sdl2.SDL_WINDOW_HIDDEN | sdl2.SDL_WINDOW_ALLOW_HIGHDPI
    window = sdl2.SDL_CreateWindow(
        title.encode(), sdl2.SDL_WINDOWPOS_UNDEFINED, sdl2.SDL_WINDOWPOS_UNDEFINED, 640, 360, flags
    )
    renderer = sdl2.SDL_CreateRenderer(window, -1, 0) if window else None
    if not renderer:
        raise MediaProblem(
            f"No window can be opened here ({_sdl_error()}). Add --sink terminal to watch in the terminal."
        )
    return window, renderer


def _sdl_error() -> str:
    return str(sdl2.SDL_GetError().decode("utf-8", "replace")) or "SDL gives no reason"

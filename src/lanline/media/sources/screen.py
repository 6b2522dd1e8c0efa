"""The screen of this machine, a part of it, or one window, as X11, Windows or macOS hand it out."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Size
from lanline.media.sources.device import Device
from lanline.media.sources.xwindows import window_titles
from lanline.model.text import safe_line


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the screen."""

    size: Size
    left: int
    top: int


def open_screen(size: Size | None, fps: float, layout: Layout, region: Region | None = None) -> Device:
    """All of it, or the region, brought to the size."""
    url, kind = _place()
    options = {"framerate": f"{fps:g}"} | ({} if region is None else _region_options(kind, region))
    what = "The screen" if region is None else "That part of the screen"
    try:
        container = av.open(url, format=kind, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        reason = "it does not answer, or does not let us" if region is None else "is it within the screen?"
        raise MediaProblem(f"{what} {url} cannot be captured: {reason}") from cause
    return Device(container, what, size, fps, layout)


def _region_options(kind: str, region: Region) -> dict[str, str]:
    match kind:
        case "x11grab":
            left, top = "grab_x", "grab_y"
        case "gdigrab":
            left, top = "offset_x", "offset_y"
        case _:
            raise MediaProblem("A part of the screen cannot be captured on this system: leave out --region.")
    return {"video_size": str(region.size), left: str(region.left), top: str(region.top)}


def open_window(title: str, size: Size | None, fps: float, layout: Layout) -> Device:
    """By a part of its title, or its number."""
    url, kind = _place()
    options = {"framerate": f"{fps:g}"}
    match kind:
        case "x11grab":
            options["window_id"] = str(_window_number(url, title))
        case "gdigrab":
            url = f"title={title}"
        case _:
            raise MediaProblem("A window cannot be captured on this system: --source screen takes the whole screen.")
    try:
        container = av.open(url, format=kind, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        raise MediaProblem(f"The window {title} cannot be captured: is it there, and not minimised?") from cause
    return Device(container, f"The window {title}", size, fps, layout)


def _window_number(display: str, title: str) -> int:
    try:
        return int(title, 0)
    except ValueError:
        pass
    try:
        titles = window_titles(display)
    except OSError as cause:
        raise MediaProblem(f"Windows cannot be listed here: {cause}. Name one by its number.") from cause
    found = [number for number, each in titles.items() if title.lower() in each.lower()]
    exact = [number for number in found if titles[number] == title]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = "; ".join(safe_line(each) for each in dict.fromkeys(titles.values())) or "none"
    problem = "There is no window" if not found else "There are several windows"
    raise MediaProblem(f"{problem} with {title!r} in the title. Those that are shown: {known}.")


def _place() -> tuple[str, str]:
    match sys.platform:
        case "darwin":
            return "Capture screen 0:none", "avfoundation"
        case "win32":
            return "desktop", "gdigrab"
        case _:
            display = os.environ.get("DISPLAY")
            if display:
                return display, "x11grab"
            if os.environ.get("WAYLAND_DISPLAY"):
                raise MediaProblem("This desktop is Wayland, which shows its screen to nobody: start an X11 session.")
            raise MediaProblem("There is no screen here: DISPLAY is not set.")

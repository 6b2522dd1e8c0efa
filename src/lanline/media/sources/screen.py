"""The screen of this machine, as X11, Windows or macOS hand it out."""

from __future__ import annotations

import os
import sys

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Size
from lanline.media.sources.device import Device


def open_screen(size: Size | None, fps: float, layout: Layout) -> Device:
    """All of it, brought to the size."""
    url, kind = _place()
    try:
        container = av.open(url, format=kind, options={"framerate": f"{fps:g}"})
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        raise MediaProblem(f"The screen {url} cannot be captured: it does not answer, or does not let us.") from cause
    return Device(container, "The screen", size, fps, layout)


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

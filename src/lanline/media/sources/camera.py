"""A camera by its number, through what the system has for that: v4l2, AVFoundation, DirectShow."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Size
from lanline.media.sources.device import Device, open_device

_DEVICES = Path("/dev")


def open_camera(index: int, size: Size | None, fps: float, layout: Layout) -> Device:
    url, kind = _place(index)
    requests = {"framerate": f"{fps:g}"} | ({} if size is None else {"video_size": str(size)})
    try:
        container = open_device(url, kind, requests)
        if not container.streams.video:
            raise MediaProblem(f"Camera {index} gives no pictures.")
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        raise MediaProblem(_sentence(index, cause)) from cause
    return Device(container, f"Camera {index}", size, fps, layout)


def _place(index: int) -> tuple[str, str]:
    match sys.platform:
        case "darwin":
            return f"{index}:none", "avfoundation"
        case "win32":
            names = [found.name for found in av.enumerate_input_devices("dshow") if "video" in found.media_types]
            if index >= len(names):
                raise MediaProblem(_missing(index, list(range(len(names)))))
            return f"video={names[index]}", "dshow"
        case _:
            if not (_DEVICES / f"video{index}").exists():
                raise MediaProblem(_missing(index, _numbers()))
            return f"{_DEVICES}/video{index}", "v4l2"


def _numbers() -> list[int]:
    numbers = (path.name.removeprefix("video") for path in _DEVICES.glob("video*"))
    return sorted(int(number) for number in numbers if number.isdecimal())


def _missing(index: int, present: list[int]) -> str:
    if not present:
        return "There is no camera here. To try without one, add --source test."
    found = ", ".join(map(str, present))
    return f"There is no camera {index} here. Choose one of these with --camera-index: {found}."


def _sentence(index: int, cause: BaseException) -> str:
    match getattr(cause, "errno", None):
        case errno.EBUSY:
            return f"Camera {index} is in use by another program. Close that one, or choose another --camera-index."
        case errno.EACCES | errno.EPERM:
            return f"You may not use camera {index}: on Linux, join the group 'video' and sign in again."
        case _:
            return f"Camera {index} cannot be opened: it may be no camera, or is in use. Try another --camera-index."

"""A live stream of the network as a source: RTSP cameras, and what else FFmpeg reads by a URL."""

from __future__ import annotations

import re

import av

from lanline.errors import MediaProblem
from lanline.media.api import Layout, Size
from lanline.media.sources.device import Device

_ANSWERS_WITHIN_S = 10.0
_PASSWORD = re.compile(r"//[^/@]*@")


def open_stream(url: str, size: Size | None, fps: float, layout: Layout) -> Device:
    """RTSP over TCP, which passes everywhere."""
    shown = _PASSWORD.sub("//", url)
    options = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
    try:
        container = av.open(url, options=options, timeout=_ANSWERS_WITHIN_S)
    except (av.error.FFmpegError, OSError, ValueError) as cause:
        reason = getattr(cause, "strerror", None) or "it is no video"
        raise MediaProblem(f"{shown} cannot be read: {reason}.") from cause
    if not container.streams.video:
        container.close()
        raise MediaProblem(f"There is no picture in {shown}.")
    return Device(container, shown, size, fps, layout)

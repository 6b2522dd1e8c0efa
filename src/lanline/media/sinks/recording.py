"""Frames into a video file as they came, not encoded again. What was recorded is whole up to the last second, also when
the program or the machine is stopped.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanline.errors import DamagedFrame, InvalidInput, MediaProblem
from lanline.media.api import Codec, EncodedFrame

_FOURCC = {Codec.VP8: b"VP80", Codec.AV1: b"AV01"}
_TAKEN = {
    ".mp4": {Codec.JPEG, Codec.H264, Codec.AV1},
    ".mkv": {Codec.JPEG, Codec.H264, Codec.VP8, Codec.AV1},
    ".webm": {Codec.VP8, Codec.AV1},
}
_FRAGMENTS = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "1000000"}
_WRITTEN_AT_ONCE = {"flush_packets": "1"}
"""Else 32 KiB wait in this program: many seconds of a small picture."""
_TICKS = Fraction(1, 1_000_000)


def check_recording(path: Path, codec: Codec | None = None) -> None:
    """Before anything is connected, and again when the codec is known."""
    taken = _TAKEN.get(path.suffix.lower())
    if taken is None:
        raise InvalidInput(f"A recording is a file in {', '.join(_TAKEN)}; {path} is none of them.")
    if codec is not None and codec not in taken:
        raise InvalidInput(f"A file in {path.suffix} cannot hold {codec.value}. Record into one in .mkv.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidInput(f"{path} cannot be written: there is no such folder, or it is one itself.")


class Recording:
    """Begins with the first key frame."""

    def __init__(self, path: Path) -> None:
        check_recording(path)
        self._path = path
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._first_us = 0
        self._last_pts = -1

    def write(self, frame: EncodedFrame) -> None:
        try:
            if self._container is None:
                if not frame.is_key:
                    return
                self._begin(frame)
            self._put(frame)
        except (av.error.FFmpegError, OSError) as cause:
            reason = getattr(cause, "strerror", None) or cause
            raise MediaProblem(f"The recording {self._path} cannot be written: {reason}.") from cause

    def _begin(self, frame: EncodedFrame) -> None:
        check_recording(self._path, frame.codec)
        with _demuxed(frame) as template:
            options = _FRAGMENTS if self._path.suffix.lower() == ".mp4" else {"cluster_time_limit": "1000"}
            self._container = av.open(str(self._path), "w", options=options | _WRITTEN_AT_ONCE)
            self._stream = self._container.add_stream_from_template(template.streams.video[0], opaque=True)
        self._stream.time_base = _TICKS
        self._first_us = frame.captured_at_us

    def _put(self, frame: EncodedFrame) -> None:
        assert self._container is not None
        assert self._stream is not None
        packet: av.Packet[Any] = av.Packet(frame.payload)
        # Of two frames with one time, a player would drop one.
        self._last_pts = max(self._last_pts + 1, frame.captured_at_us - self._first_us)
        packet.pts = packet.dts = self._last_pts
        packet.time_base = _TICKS
        packet.stream = self._stream
        packet.is_keyframe = frame.is_key
        self._container.mux(packet)

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()


def _demuxed(frame: EncodedFrame) -> av.container.InputContainer:
    """The frame as a file of its own: FFmpeg then finds what a container has to say about the codec."""
    match frame.codec:
        case Codec.JPEG:
            payload, kind = frame.payload, "mjpeg"
        case Codec.H264:
            payload, kind = frame.payload, "h264"
        case _:
            head = struct.pack(
                "<4sHH4sHHIII4x", b"DKIF", 0, 32, _FOURCC[frame.codec], frame.width, frame.height, 1_000_000, 1, 1
            )
            payload, kind = head + struct.pack("<IQ", len(frame.payload), 0) + frame.payload, "ivf"
    try:
        container = av.open(io.BytesIO(payload), "r", format=kind)
    except av.error.FFmpegError as cause:
        raise DamagedFrame(f"A frame that arrived is no {frame.codec.value}.") from cause
    if not container.streams.video or not container.streams.video[0].width:
        container.close()
        raise DamagedFrame(f"A frame that arrived is no {frame.codec.value}.")
    return container

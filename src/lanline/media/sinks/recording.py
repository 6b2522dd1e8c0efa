"""Frames into a video file as they came, not encoded again. What was recorded is whole up to the last second, also when
the program or the machine is stopped.
"""

from __future__ import annotations

import contextlib
import io
import struct
from bisect import insort
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from lanline.errors import DamagedFrame, InvalidInput, MediaProblem
from lanline.media.api import BLOCK_SAMPLES, BLOCK_US, SOUND_RATE, Codec, EncodedFrame

_FOURCC = {Codec.VP8: b"VP80", Codec.AV1: b"AV01"}
_TAKEN = {
    ".mp4": {Codec.JPEG, Codec.H264, Codec.AV1},
    ".mkv": {Codec.JPEG, Codec.H264, Codec.VP8, Codec.AV1},
    ".webm": {Codec.VP8, Codec.AV1},
}
_USUAL = {"max_interleave_delta": "1000000"}
"""A track that has fallen silent keeps the other from the disk for no longer than this."""
_FRAGMENTS = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "1000000"}
_WRITTEN_AT_ONCE = {"flush_packets": "1"}
"""Else 32 KiB wait in this program: many seconds of a small picture."""
_TICKS = Fraction(1, 1_000_000)
_SOUND_WAITS_US = 300_000
"""Frames of sound may come out of order, a file has to have them in it."""


def check_recording(path: Path, codec: Codec | None = None) -> None:
    """Before anything is connected, and again when the codec is known."""
    taken = _TAKEN.get(path.suffix.lower())
    if taken is None:
        raise InvalidInput(f"A recording is a file in {', '.join(_TAKEN)}; {path} is none of them.")
    if codec is not None and codec not in taken:
        raise InvalidInput(f"A file in {path.suffix} cannot hold {codec.value}. Record into one in .mkv.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidInput(f"{path} cannot be written: there is no such folder, or it is one itself.")
    if path.is_file() and path.stat().st_size:
        raise InvalidInput(f"{path} is there already, and a recording overwrites nothing. Choose another name.")


class Recording:
    """Begins with the first key frame. `has_sound` is asked then: what the file begins without, it never gets."""

    def __init__(self, path: Path, has_sound: Callable[[], bool] = lambda: False) -> None:
        check_recording(path)
        self._path = path
        self._has_sound = has_sound
        self._sound: av.AudioStream | None = None
        self._sounds: list[tuple[int, bytes]] = []
        self._last_sound_us = -1
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._codec: Codec | None = None
        self._first_us = 0
        self._last_pts = -1

    def write(self, frame: EncodedFrame) -> None:
        with self._saying_what_fails():
            if not frame.codec.is_video:
                self._put_sound(frame)
                return
            if self._container is None:
                if not frame.is_key:
                    return
                self._begin(frame)
            elif frame.codec is not self._codec:
                raise MediaProblem(
                    f"The server sends {frame.codec.value} now, which does not go into the same file: {self._path} ends"
                    " here. Start again, with another name."
                )
            self._put(frame)

    @contextlib.contextmanager
    def _saying_what_fails(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError) as cause:
            reason = getattr(cause, "strerror", None) or cause
            raise MediaProblem(f"The recording {self._path} cannot be written: {reason}.") from cause

    def _begin(self, frame: EncodedFrame) -> None:
        check_recording(self._path, frame.codec)
        with _demuxed(frame) as template:
            options = _FRAGMENTS if self._path.suffix.lower() == ".mp4" else {"cluster_time_limit": "1000"}
            self._container = av.open(str(self._path), "w", options=_USUAL | _WRITTEN_AT_ONCE | options)
            self._stream = self._container.add_stream_from_template(template.streams.video[0], opaque=True)
        self._stream.time_base = _TICKS
        self._codec = frame.codec
        self._first_us = frame.captured_at_us
        if self._has_sound():
            self._sound = _with_sound(self._container)

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

    def _put_sound(self, frame: EncodedFrame) -> None:
        insort(self._sounds, (frame.captured_at_us, frame.payload))
        while self._sounds and self._sounds[-1][0] - self._sounds[0][0] > _SOUND_WAITS_US:
            self._mux_sound(*self._sounds.pop(0))

    def _mux_sound(self, captured_at_us: int, payload: bytes) -> None:
        if self._container is None or self._sound is None or captured_at_us < self._first_us:
            return
        if captured_at_us <= self._last_sound_us:
            return
        self._last_sound_us = captured_at_us
        packet: av.Packet[Any] = av.Packet(payload)
        packet.pts = packet.dts = captured_at_us - self._first_us
        packet.duration = BLOCK_US
        packet.time_base = _TICKS
        packet.stream = self._sound
        packet.is_keyframe = True
        self._container.mux(packet)

    def close(self) -> None:
        container = self._container
        with self._saying_what_fails():
            try:
                for sound in self._sounds:
                    self._mux_sound(*sound)
            finally:
                self._sounds.clear()
                self._container = None
                if container is not None:
                    container.close()


def _with_sound(container: av.container.OutputContainer) -> av.AudioStream:
    with av.open(io.BytesIO(_quiet_file())) as template:
        return container.add_stream_from_template(template.streams.audio[0], opaque=True)


def _quiet_file() -> bytes:
    """A moment of silence as a file of its own: it has the description of Opus that other containers want as well."""
    made = io.BytesIO()
    with av.open(made, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SOUND_RATE, layout="stereo")
        nothing = av.AudioFrame(format="s16", layout="stereo", samples=BLOCK_SAMPLES)
        nothing.sample_rate = SOUND_RATE
        for plane in nothing.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(nothing) + stream.encode(None))
    return made.getvalue()


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

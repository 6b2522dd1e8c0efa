"""Owns the making of films: a file of any kind, piece by piece, in several sizes with key frames at the same times."""

from __future__ import annotations

import errno
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.stream import Disposition
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter

from lanline.errors import MediaProblem
from lanline.media.api import SOUND_RATE, Layout, Size
from lanline.media.colours import ITU601_NUMBER, as_frame, even
from lanline.media.upright import as_upright_picture, upright_size

KEY_EVERY_S = 2.0
_TICKS = 90_000
_SOUND_BITS_PER_S = 128_000
_SOUND_FRAME = 1024
_USUAL_FPS = 25
_LONG_GAP_S = 600.0


class Look(NamedTuple):
    """What a quality costs: how exact it is, and how many kilobits a second it may take."""

    crf: int
    most_kbits: int


LOOKS = {240: Look(24, 400), 720: Look(23, 2_500), 1440: Look(23, 6_500)}


class FilmFile:
    """The file of which films are made. Raises MediaProblem for what is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as container:
            stream = _pictures(container, path)
            first = next(self._frames(container, stream), None)
            if first is None:
                raise MediaProblem(f"No picture can be read from {path}: the file is damaged or cut off.")
            self.size = upright_size(first, stream.sample_aspect_ratio)
            self.begins_s = first.time or 0.0
            self.has_sound = bool(container.streams.audio)
            self.fps = Fraction(stream.average_rate or stream.guessed_rate or _USUAL_FPS).limit_denominator(1001)
            self.duration_s = self._duration(container, stream)

    @staticmethod
    def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> float:
        """0.0: nobody knows."""
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return container.duration / av.time_base if container.duration else 0.0

    def _opened(self) -> av.container.InputContainer:
        try:
            return av.open(str(self.path), "r")
        except av.error.FileNotFoundError as cause:
            raise MediaProblem(f"There is no file {self.path}.") from cause
        except av.error.PermissionError as cause:
            raise MediaProblem(f"You may not read the file {self.path}.") from cause
        except av.error.IsADirectoryError as cause:
            raise MediaProblem(f"{self.path} is a folder. Give one video file that is in it.") from cause
        except (av.error.FFmpegError, OSError, ValueError) as cause:
            raise MediaProblem(f"{self.path} is no video file, or is damaged.") from cause

    @staticmethod
    def _frames(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """Up to what is damaged."""
        try:
            yield from container.decode(stream)
        except (av.error.FFmpegError, OSError):
            return

    def size_of(self, lines: int) -> Size:
        """In this quality: its shorter side has so many lines, or what the film itself has where that is less."""
        shorter = min(self.size.width, self.size.height)
        scale = min(1.0, lines / shorter)
        return even(Size(round(self.size.width * scale), round(self.size.height * scale)))

    def encode_piece(
        self,
        begin_s: float,
        end_s: float,
        targets: Mapping[int, Path],
        tell: Callable[[float], object] = lambda _: None,
    ) -> bool:
        """The pictures of this time of the film, in each quality into a file of its own. False: there are none. `tell`
        hears the time of each.
        """
        writers = {lines: _PieceWriter(path, self.size_of(lines), self.fps, lines) for lines, path in targets.items()}
        has_any = False
        try:
            for at_s, frame, shape in self._between(begin_s, end_s):
                for writer in writers.values():
                    writer.write(at_s, frame, shape)
                has_any = True
                tell(at_s)
            for writer in writers.values():
                writer.finish()
        except (av.error.FFmpegError, OSError) as cause:
            raise writing_problem(cause, next(iter(targets.values())).parent) from cause
        finally:
            for writer in writers.values():
                writer.close()
        return has_any

    def _between(self, begin_s: float, end_s: float) -> Iterator[tuple[float, av.VideoFrame, Fraction | None]]:
        with self._opened() as container:
            stream = _pictures(container, self.path)
            stream.thread_type = "AUTO"
            if begin_s > 0 and stream.time_base is not None:
                container.seek(int((begin_s + self.begins_s) / stream.time_base), stream=stream)
            last_s = begin_s - 1e-4
            for frame in self._frames(container, stream):
                at_s = (frame.time or 0.0) - self.begins_s
                if at_s >= end_s - 1e-4:
                    return
                if last_s < at_s < last_s + _LONG_GAP_S + 1e-4:  # or its time is wrong
                    last_s = at_s
                    yield at_s, frame, stream.sample_aspect_ratio

    def encode_sound(self, path: Path) -> None:
        with self._opened() as container, av.open(str(path), "w", format="mp4") as target:
            stream = target.add_stream("aac", rate=SOUND_RATE, layout="stereo")
            stream.bit_rate = _SOUND_BITS_PER_S
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE, frame_size=_SOUND_FRAME)
            at: int | None = None
            try:
                for frame in itertools.chain(self._sounds(container), (None,)):
                    for changed in resampler.resample(frame):
                        at = self._place(changed) if at is None else at
                        changed.pts, changed.time_base = at, Fraction(1, SOUND_RATE)
                        at += changed.samples
                        target.mux(stream.encode(changed))
                target.mux(stream.encode(None))
            except (av.error.FFmpegError, OSError) as cause:
                raise writing_problem(cause, path.parent) from cause

    def _place(self, frame: av.AudioFrame) -> int:
        return max(0, round(((frame.time or 0.0) - self.begins_s) * SOUND_RATE))

    @staticmethod
    def _sounds(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
        try:
            yield from container.decode(container.streams.audio[0])
        except (av.error.FFmpegError, OSError):
            return


class _PieceWriter:
    def __init__(self, path: Path, size: Size, fps: Fraction, lines: int) -> None:
        self._size = size
        self._reformatter = VideoReformatter()
        self._next_key_s: float | None = None
        self._container = av.open(str(path), "w", format="mp4")
        look = LOOKS[lines]
        rate, room = f"{look.most_kbits}k", f"{2 * look.most_kbits}k"
        options = {"preset": "veryfast", "crf": str(look.crf), "maxrate": rate, "bufsize": room, "forced-idr": "1",
                   "g": "100000", "sc_threshold": "0", "open_gop": "0"}  # fmt: skip
        self._stream = self._container.add_stream("libx264", rate=fps, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = size.width, size.height, Layout.YUV.value
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream.codec_context.colorspace = ITU601_NUMBER
        self._stream.codec_context.color_range = int(ColorRange.MPEG)

    def write(self, at_s: float, frame: av.VideoFrame, shape: Fraction | None) -> None:
        picture = as_upright_picture(frame, Layout.YUV, 0, self._size, self._reformatter, shape, is_film=True)
        made = as_frame(picture)
        made.pts, made.time_base = round(at_s * _TICKS), Fraction(1, _TICKS)
        if self._next_key_s is None or at_s >= self._next_key_s - 1e-4:
            made.pict_type = PictureType.I
            self._next_key_s = (int(at_s / KEY_EVERY_S + 1e-4) + 1) * KEY_EVERY_S
        self._container.mux(self._stream.encode(made))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._container.close()


def join_film(pieces: Sequence[Path], sound: Path | None, target: Path) -> None:
    """All in one file, its index in front. Nothing is encoded again."""
    try:
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as film:
            with av.open(str(pieces[0])) as first:
                pictures = film.add_stream_from_template(first.streams.video[0])
                tracks = [_packets(pieces, pictures)]
            if sound is not None:
                with av.open(str(sound)) as container:
                    tracks.append(_packets([sound], film.add_stream_from_template(container.streams.audio[0])))
            for _, _, packet in heapq.merge(*tracks, key=lambda each: each[:2]):
                film.mux(packet)
    except (av.error.FFmpegError, OSError) as cause:
        raise writing_problem(cause, target.parent) from cause


def _packets(
    paths: Sequence[Path], stream: av.stream.Stream
) -> Iterator[tuple[float, int, av.Packet[av.stream.Stream]]]:
    """Of one track, with times that only grow."""
    last = None
    for path in paths:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams[0]):
                if packet.dts is None or packet.pts is None:
                    continue
                if last is not None and packet.dts <= last:
                    packet.dts = last + 1
                last = packet.dts
                packet.stream = stream
                yield float(packet.dts * packet.time_base), stream.index, packet


def _pictures(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not films:
        raise MediaProblem(f"There is no picture in {path}.")
    return films[0]


def writing_problem(cause: Exception, folder: Path) -> MediaProblem:
    if getattr(cause, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        return MediaProblem(f"There is no room left in {folder}. What is done is kept: run it again when there is.")
    return MediaProblem(f"The film cannot be written into {folder}: {getattr(cause, 'strerror', None) or cause}.")

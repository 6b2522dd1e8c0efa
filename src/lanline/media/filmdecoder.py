"""Owns the decoding of a film that comes in parts, in qualities that change from one part to the next."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np

from lanline.errors import MediaProblem
from lanline.media.api import SOUND_CHANNELS, SOUND_RATE, Picture, Samples, Size
from lanline.media.codecs.jpeg import MOST_PIXELS
from lanline.media.colours import layout_of_film
from lanline.media.upright import as_upright_picture, upright_size
from lanline.wire.mp4.fragment import HeadReader, Sample

_TICKS = Fraction(1, 1_000_000)
_EARLY_S = 0.002
"""So much before its time a picture still belongs to it: times are rounded."""


class FilmPicture(NamedTuple):
    shown_at_s: float
    frame: av.VideoFrame
    shape: Fraction | None
    """Width of a pixel by its height."""
    lines: int
    """Of the quality that it is shown in."""

    def picture(self, reformatter: av.video.reformatter.VideoReformatter) -> Picture:
        size = upright_size(self.frame, self.shape)
        at_us = round(self.shown_at_s * 1e6)
        layout = layout_of_film(self.frame)
        return as_upright_picture(self.frame, layout, at_us, size, reformatter, self.shape, is_film=True)

    @property
    def size(self) -> Size:
        return Size(self.frame.width, self.frame.height)


class FilmSound(NamedTuple):
    heard_at_s: float
    samples: Samples


class _Quality:
    """The decoders that fit one head."""

    def __init__(self, lines: int, head: bytes) -> None:
        self.lines = lines
        self.reader = HeadReader(head)
        try:
            self._container = av.open(io.BytesIO(head), format="mp4", options={"max_pixels": str(MOST_PIXELS)})
        except (av.error.FFmpegError, ValueError, OSError) as cause:
            raise MediaProblem("This film is in a form that cannot be played here.") from cause
        if not self._container.streams.video:
            raise MediaProblem("There is no picture in this film that could be shown here.")
        self.pictures = self._container.streams.video[0]
        self.pictures.thread_type = "AUTO"
        sounds = self._container.streams.audio
        self.sounds = sounds[0] if sounds else None

    @property
    def shape(self) -> Fraction | None:
        return self.pictures.sample_aspect_ratio

    @property
    def sound_kind(self) -> tuple[object, ...] | None:
        if self.sounds is None:
            return None
        context = self.sounds.codec_context
        return context.name, context.sample_rate, context.layout.name, bytes(context.extradata or b"")

    def close(self) -> None:
        self._container.close()


class _Coming:
    """A part while it comes: its beginning, each time longer."""

    def __init__(self, grown: Iterable[bytes]) -> None:
        self._grown = iter(grown)
        self.data = b""

    def grow(self) -> bool:
        """Waits. False: there is no more of it."""
        data = next(self._grown, None)
        self.data = self.data if data is None else data
        return data is not None

    def packet(self, sample: Sample) -> av.Packet[Any] | None:
        """None: there is not so much of it."""
        while len(self.data) < sample.end:
            if not self.grow():
                return None
        # With memory of its own: bytes of Python's are given back under its lock, by threads of the decoder for which
        # whoever drops that waits, and holds the lock.
        packet: av.Packet[Any] = av.Packet(sample.end - sample.at)
        packet.update(self.data[sample.at : sample.end])
        packet.pts, packet.dts = round(sample.shown_at_s * 1e6), round(sample.decoded_at_s * 1e6)
        packet.time_base = _TICKS
        packet.is_keyframe = sample.is_key
        return packet


class FilmDecoder:
    """Blocks while it computes; one thread uses it."""

    def __init__(self, heads: dict[int, bytes]) -> None:
        self._heads = heads
        self._qualities: dict[int, _Quality] = {}
        self._lines: int | None = None
        self._from_s = 0.0
        self._hearing: _Quality | None = None
        """Whose decoder of sound is in use: the same goes on in another quality, so that there is no hole."""
        self._resampler: av.AudioResampler | None = None

    def close(self) -> None:
        for quality in self._qualities.values():
            quality.close()

    def forget(self) -> None:
        """The next part does not follow on the last."""
        if self._lines is not None:
            self._qualities[self._lines].pictures.codec_context.flush_buffers()
        if self._hearing is not None and self._hearing.sounds is not None:
            self._hearing.sounds.codec_context.flush_buffers()
        self._lines = None
        self._resampler = None

    def decode(
        self, lines: int, grown: Iterable[bytes], *, is_first: bool, from_s: float
    ) -> Iterator[FilmPicture | FilmSound]:
        """What is shown from `from_s` on; what is damaged is left out. `grown`: the part, each time more of it."""
        if self._lines is not None and (lines != self._lines or is_first):
            yield from self._rest()
        if is_first:  # otherwise the decoder still has pictures of the part before, which belong to the film
            self._from_s = from_s
        quality = self._quality(lines)
        self._lines = lines
        coming, samples = _Coming(grown), list[Sample]()
        while not samples and coming.grow():
            samples = quality.reader.samples(coming.data)
        pictures = [each for each in samples if each.is_video]
        sounds = [each for each in samples if not each.is_video]
        heard = 0
        for sample in pictures:
            if (packet := coming.packet(sample)) is not None:
                yield from self._wanted(self._pictures(quality, packet))
            while heard < len(sounds) and sounds[heard].shown_at_s <= sample.shown_at_s + 0.5:
                yield from self._sound(quality, sounds[heard], coming)
                heard += 1
            if heard == len(sounds):  # whatever sound there is, it is never waited for
                yield FilmSound(sample.shown_at_s, np.zeros((0, SOUND_CHANNELS), np.int16))
        for sound in sounds[heard:]:
            yield from self._sound(quality, sound, coming)

    def _wanted(self, pictures: Iterator[FilmPicture]) -> Iterator[FilmPicture]:
        return (each for each in pictures if each.shown_at_s >= self._from_s - _EARLY_S)

    def finish(self) -> Iterator[FilmPicture | FilmSound]:
        """What the decoders still hold, when nothing more comes."""
        yield from self._rest()
        self._lines = None

    def _rest(self) -> Iterator[FilmPicture]:
        assert self._lines is not None
        quality = self._qualities[self._lines]
        yield from self._pictures(quality, None)
        quality.pictures.codec_context.flush_buffers()

    def _quality(self, lines: int) -> _Quality:
        if lines not in self._qualities:
            self._qualities[lines] = _Quality(lines, self._heads[lines])
        return self._qualities[lines]

    @staticmethod
    def _pictures(quality: _Quality, packet: av.Packet[Any] | None) -> Iterator[FilmPicture]:
        try:
            frames = quality.pictures.codec_context.decode(packet)
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            if frame.pts is not None:
                yield FilmPicture(frame.pts / 1e6, frame, quality.shape, quality.lines)

    def _sound(self, quality: _Quality, sample: Sample, coming: _Coming) -> Iterator[FilmSound]:
        if self._hearing is None or self._hearing.sound_kind != quality.sound_kind:
            self._hearing, self._resampler = quality, None
        assert self._hearing.sounds is not None
        if (packet := coming.packet(sample)) is None:
            return
        try:
            frames = self._hearing.sounds.codec_context.decode(packet)
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            at_s = frame.pts / 1e6 if frame.pts is not None else sample.shown_at_s
            yield from self._resampled(at_s, frame)

    def _resampled(self, at_s: float, frame: av.AudioFrame) -> Iterator[FilmSound]:
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="s16", layout="stereo", rate=SOUND_RATE)
        frame.pts = None
        for changed in self._resampler.resample(frame):
            yield FilmSound(at_s, np.asarray(changed.to_ndarray(), np.int16).reshape(-1, SOUND_CHANNELS))

"""Owns the index of one film file: its head, and the parts that can be fetched and played one after the other.

A part is a fragment of its own: samples of picture, most often from a key frame on, and the sound of the same time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import pairwise

import msgspec

from lanline.errors import MediaProblem
from lanline.wire.mp4 import samples
from lanline.wire.mp4.boxes import DAMAGED, MAX_INDEX_BYTES, Box, Read, all_of, boxes_of_file, inner, u32
from lanline.wire.mp4.fragment import encode_fragment, encode_head, fragment_overhead
from lanline.wire.mp4.samples import Track

LEAST_PART_S = 2.0
_MOST_PART_S = 10.0
_MOST_PART_BYTES = 4 * 1024 * 1024
_NO_MP4 = "it is no MP4 file"
_CUT_OFF = "it is cut off: its index, which stands at its end, is missing"
_NO_PICTURE = "there is no picture in it"
_USUAL_KINDS = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"styp",
    b"sidx",
    b"moof",
    b"uuid",
    b"pnot",
    b"meta",
}


class Part(msgspec.Struct, frozen=True, gc=False):
    """Ranges of samples of picture and sound, and when the first picture is shown."""

    start_s: float
    is_key: bool
    pictures: tuple[int, int]
    sounds: tuple[int, int]
    size_bytes: int
    """As it is sent, and until when it lasts:"""
    end_s: float


class FilmIndex(msgspec.Struct, frozen=True):
    head: bytes
    width: int
    height: int
    tracks: tuple[Track, ...]
    """The picture, and the sound if there is some."""
    parts: tuple[Part, ...]

    @property
    def duration_s(self) -> float:
        return self.parts[-1].end_s

    def part_bytes(self, number: int, read: Read) -> bytes:
        """Raises MediaProblem where the file has become shorter."""
        part = self.parts[number]
        spans = (part.pictures, part.sounds)[: len(self.tracks)]
        return encode_fragment(number, self.tracks, spans, read)


def read_film(read: Read, size: int) -> FilmIndex:
    """Raises MediaProblem with what is the matter with the file."""
    try:
        return _read_film(read, size)
    except (IndexError, ValueError, OverflowError, MemoryError) as cause:
        raise MediaProblem(DAMAGED) from cause


def _read_film(read: Read, size: int) -> FilmIndex:
    moov, moofs = _found(read, size)
    if moov.end > size or moov.end - moov.body > MAX_INDEX_BYTES:
        raise MediaProblem(_CUT_OFF if moov.end > size else DAMAGED)
    data = read(moov.start, moov.end - moov.start)
    moov = Box(b"moov", 0, moov.body - moov.start, len(data))
    header = inner(data, moov, b"mvhd").body
    movie_ticks_per_s = u32(data, header + (20 if data[header] == 1 else 12))
    tracks: dict[int, Track] = {}
    traks: dict[int, Box] = {}
    for trak in all_of(data, moov, b"trak"):
        track = samples.read_track(data, trak, movie_ticks_per_s)
        if track is not None:
            samples.read_tables(data, trak, track)
            tracks[track.number], traks[track.number] = track, trak
    _read_fragments(read, moofs, size, tracks, samples.read_defaults(data, moov))
    chosen = _chosen(tracks.values(), size)
    width, height = _shape(data, traks[chosen[0].number])
    head = encode_head(data, moov, [traks[each.number] for each in chosen])
    return FilmIndex(head, width, height, chosen, tuple(_parts(*chosen)))


def _found(read: Read, size: int) -> tuple[Box, list[Box]]:
    moov, moofs = None, []
    for number, box in enumerate(boxes_of_file(read, size)):
        if number == 0 and box.kind not in _USUAL_KINDS:
            raise MediaProblem(_NO_MP4)
        if box.kind == b"moov" and moov is None:
            moov = box
        elif box.kind == b"moof":
            moofs.append(box)
    if moov is None:
        raise MediaProblem(_CUT_OFF if size >= 8 and read(4, 4) in _USUAL_KINDS else _NO_MP4)
    return moov, moofs


def _read_fragments(
    read: Read, moofs: list[Box], size: int, tracks: dict[int, Track], defaults: dict[int, samples.Defaults]
) -> None:
    for moof in moofs:
        if moof.end > size:
            return
        data = read(moof.start, moof.end - moof.start)
        samples.read_fragment(data, Box(b"moof", 0, moof.body - moof.start, len(data)), moof.start, tracks, defaults)


def _chosen(tracks: Collection[Track], size: int) -> tuple[Track, ...]:
    """The longest film, not the cover of a song, and the first sound."""
    for track in tracks:
        track.cut_at(size)
    pictures = [each for each in tracks if each.is_video and len(each)]
    if not pictures:
        raise MediaProblem(_NO_PICTURE)
    picture = max(pictures, key=len)
    if picture.keys is not None and not picture.keys:
        picture.keys = array("I", [0])  # whatever it is, it has to begin somewhere
    sounds = [each for each in tracks if not each.is_video and len(each)]
    return (picture, *sounds[:1])


def _shape(data: bytes, trak: Box) -> tuple[int, int]:
    """As it is encoded. A picture that is turned is turned by the player."""
    entry = inner(data, trak, b"mdia", b"minf", b"stbl", b"stsd").body + 16
    return int.from_bytes(data[entry + 24 : entry + 26], "big"), int.from_bytes(data[entry + 26 : entry + 28], "big")


def _parts(picture: Track, sound: Track | None = None) -> Iterator[Part]:
    starts = [*_starts(picture), len(picture)]
    keys = None if picture.keys is None else set(picture.keys)
    first_sound = 0
    for first, after in pairwise(starts):
        is_last = after == len(picture)
        ends_at_s = picture.ends_at_s if is_last else picture.shown_at(after)
        sounds = (0, 0)
        if sound is not None:
            # One is to be heard until the next one is; the last part takes all that is left.
            last_sound = len(sound) if is_last else _first_at(sound, ends_at_s, first_sound)
            sounds, first_sound = (first_sound, last_sound), last_sound
        size = _encoded_size(picture, (first, after), sound, sounds)
        yield Part(picture.shown_at(first), keys is None or first in keys, (first, after), sounds, size, ends_at_s)


def _encoded_size(picture: Track, pictures: tuple[int, int], sound: Track | None, sounds: tuple[int, int]) -> int:
    size, counts = sum(picture.sizes[slice(*pictures)]), [pictures[1] - pictures[0]]
    if sound is not None:
        size += sum(sound.sizes[slice(*sounds)])
        counts.append(sounds[1] - sounds[0])
    return size + fragment_overhead(counts)


def _starts(picture: Track) -> Iterator[int]:
    """Key frames at least `LEAST_PART_S` apart; amid what has none for long, or is large, other pictures."""
    keys = range(len(picture)) if picture.keys is None else picture.keys
    ticks, times = picture.ticks_per_s, picture.times
    start = 0
    yield 0
    for key in [*keys, len(picture)]:
        ends_at = times[key] if key < len(picture) else picture.ends_at
        while True:
            cut = _cut(picture, start, min(key, len(picture)))
            if cut is None:
                break
            start = cut
            yield start
        if key < len(picture) and key > start and ends_at - times[start] >= LEAST_PART_S * ticks * 0.99:
            start = key
            yield start


def _cut(picture: Track, start: int, end: int) -> int | None:
    """Where a part from `start` on would be too long or too large before `end`."""
    by_time = bisect_left(picture.times, picture.times[start] + int(_MOST_PART_S * picture.ticks_per_s), start, end)
    size = 0
    for sample in range(start, by_time):
        size += picture.sizes[sample]
        if size > _MOST_PART_BYTES and sample > start:
            return sample
    return by_time if by_time < end else None


def _first_at(sound: Track, time_s: float, at_least: int) -> int:
    wanted = int(time_s * sound.ticks_per_s) - sound.later
    return bisect_left(sound.times, max(0, wanted), at_least, len(sound))

"""Owns the form in which films are sent: a head that tells what is in it, then fragments, each with its samples.

Written by the server, read by the client; the same as a browser's MediaSource and other players take.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from struct import Struct

import msgspec

from lanline.errors import MediaProblem
from lanline.wire.mp4.boxes import (
    DAMAGED,
    U32,
    Box,
    Read,
    all_of,
    boxes,
    boxes_of_file,
    encode_box,
    encode_full_box,
    encode_table,
    inner,
    u32,
)
from lanline.wire.mp4.samples import Track, read_defaults, read_fragment, read_track

_BRANDS = encode_box(b"ftyp", b"iso6", U32.pack(0), b"iso6mp41")
_EMPTY_TABLES = (
    encode_full_box(b"stts", 0, 0, U32.pack(0)),
    encode_full_box(b"stsc", 0, 0, U32.pack(0)),
    encode_full_box(b"stsz", 0, 0, U32.pack(0), U32.pack(0)),
    encode_full_box(b"stco", 0, 0, U32.pack(0)),
)
_NESTED = {b"trak", b"mdia", b"minf"}
_LEFT_OUT = {b"udta", b"meta", b"tref"}
_DESCRIBED = 1
_BASE_IS_MOOF = 0x020000
_ROWS = 0x1 | 0x100 | 0x200 | 0x400 | 0x800
"""Of a trun: an offset, and for each sample how long it lasts, its size, its flags, when it is shown."""
_KEY, _NO_KEY = 0x02000000, 0x01010000
_WORST_SPAN = 4
"""A part is read in one piece, unless it is spread over so many times its size."""
_LONG = Struct("!Q")
_TRAF_BYTES = 8 + 16 + 20 + 20
_ROW_BYTES = 16


class Sample(msgspec.Struct, frozen=True, gc=False):
    """Of picture or sound: when it is decoded and when shown, in seconds of the film."""

    is_video: bool
    is_key: bool
    decoded_at_s: float
    shown_at_s: float
    at: int
    end: int
    """Where in the fragment it begins, and where it ends."""


def encode_head(data: bytes, moov: Box, traks: Sequence[Box]) -> bytes:
    header = inner(data, moov, b"mvhd")
    numbers = [u32(data, (at := inner(data, trak, b"tkhd").body) + (20 if data[at] == 1 else 12)) for trak in traks]
    extends = [encode_full_box(b"trex", 0, 0, *map(U32.pack, (number, _DESCRIBED, 0, 0, 0))) for number in numbers]
    bodies = [data[header.start : header.end], *(_without_samples(data, trak) for trak in traks)]
    return _BRANDS + encode_box(b"moov", *bodies, encode_box(b"mvex", *extends))


def _without_samples(data: bytes, box: Box) -> bytes:
    bodies: list[bytes] = []
    for each in boxes(data, box.body, box.end):
        if each.kind == b"stbl":
            described = inner(data, each, b"stsd")
            bodies.append(encode_box(b"stbl", data[described.start : described.end], *_EMPTY_TABLES))
        elif each.kind in _NESTED:
            bodies.append(_without_samples(data, each))
        elif each.kind not in _LEFT_OUT:
            bodies.append(data[each.start : each.end])
    return encode_box(box.kind, *bodies)


def fragment_overhead(counts: Sequence[int]) -> int:
    """What it takes besides the samples, with so many of each track."""
    return 8 + 16 + 8 + sum(_TRAF_BYTES + _ROW_BYTES * count for count in counts)


def encode_fragment(number: int, tracks: Sequence[Track], spans: Sequence[tuple[int, int]], read: Read) -> bytes:
    """The sound stands first: it is small, and so what is shown can be decoded while the rest is on its way.

    Raises MediaProblem where the file no longer has what its index says.
    """
    tracks, spans = tracks[::-1], spans[::-1]
    counts = [after - first for first, after in spans]
    place = fragment_overhead(counts)
    trafs: list[bytes] = []
    for track, (first, after) in zip(tracks, spans, strict=True):
        trafs.append(_encode_traf(track, first, after, place))
        place += sum(track.sizes[first:after])
    payload = _payload(tracks, spans, read)
    moof = encode_box(b"moof", encode_full_box(b"mfhd", 0, 0, U32.pack(number + 1)), *trafs)
    return moof + encode_box(b"mdat", *payload)


def _encode_traf(track: Track, first: int, after: int, place: int) -> bytes:
    times = track.times
    following = [*times[first + 1 : after + 1]]
    if len(following) < after - first:
        following.append(max(track.ends_at, times[after - 1]))
    rows = array("I")
    for sample, at in zip(range(first, after), following, strict=True):
        lasts, shift = max(0, at - times[sample]) & 0xFFFFFFFF, track.shifts[sample] & 0xFFFFFFFF
        rows.extend((lasts, track.sizes[sample], _KEY if track.is_key(sample) else _NO_KEY, shift))
    begins = times[first] if first < len(track) else track.ends_at
    return encode_box(
        b"traf",
        encode_full_box(b"tfhd", 0, _BASE_IS_MOOF, U32.pack(track.number)),
        encode_full_box(b"tfdt", 1, 0, _LONG.pack(begins)),
        encode_full_box(b"trun", 1, _ROWS, U32.pack(after - first), U32.pack(place), encode_table(rows)),
    )


def _payload(tracks: Sequence[Track], spans: Sequence[tuple[int, int]], read: Read) -> list[bytes]:
    """The samples, track by track, though in the file they are woven into each other."""
    ranges = [
        (track.offsets[sample], track.sizes[sample])
        for track, (first, after) in zip(tracks, spans, strict=True)
        for sample in range(first, after)
    ]
    if not ranges:
        return []
    start, end = min(at for at, _ in ranges), max(at + size for at, size in ranges)
    total = sum(size for _, size in ranges)
    if end - start <= _WORST_SPAN * total:
        span = read(start, end - start)
        pieces = [span[at - start : at - start + size] for at, size in ranges]
    else:
        pieces = [read(at, size) for at, size in ranges]
    if sum(map(len, pieces)) != total:
        raise MediaProblem(DAMAGED)
    return pieces


# The client's end.


class HeadReader:
    """Takes fragments apart that came after this head. Raises MediaProblem."""

    def __init__(self, head: bytes) -> None:
        moov = next((each for each in boxes(head, 0, len(head)) if each.kind == b"moov"), None)
        if moov is None:
            raise MediaProblem(DAMAGED)
        header = inner(head, moov, b"mvhd").body
        ticks_per_s = u32(head, header + (20 if head[header] == 1 else 12))
        tracks = [read_track(head, trak, ticks_per_s) for trak in all_of(head, moov, b"trak")]
        self._known = [track for track in tracks if track is not None]
        self._defaults = read_defaults(head, moov)
        self.has_sound = any(not track.is_video for track in self._known)

    def samples(self, fragment: bytes) -> list[Sample]:
        """In the order of each track, the picture first; none while the box that lists them is not here as a whole."""
        try:
            return self._samples(fragment)
        except (IndexError, ValueError, OverflowError) as cause:
            raise MediaProblem(DAMAGED) from cause

    def _samples(self, fragment: bytes) -> list[Sample]:
        fresh = {
            each.number: Track(each.number, is_video=each.is_video, ticks_per_s=each.ticks_per_s, later=each.later)
            for each in self._known
        }
        for box in boxes_of_file(lambda at, size: fragment[at : at + size], len(fragment)):
            if box.kind == b"moof" and box.end <= len(fragment):
                read_fragment(fragment, box, box.start, fresh, self._defaults)
        found: list[Sample] = []
        for track in sorted(fresh.values(), key=lambda each: not each.is_video):
            for number, (at, size) in enumerate(zip(track.offsets, track.sizes, strict=True)):
                decoded_at_s = (track.times[number] + track.later) / track.ticks_per_s
                shown_at_s = track.shown_at(number)
                found.append(Sample(track.is_video, track.is_key(number), decoded_at_s, shown_at_s, at, at + size))
        return found

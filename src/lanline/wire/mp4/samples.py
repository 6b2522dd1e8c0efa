"""Owns where the samples of one track are, and when each is due: from the tables of a whole file, or from fragments."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate, repeat

from lanline.errors import MediaProblem
from lanline.wire.mp4.boxes import DAMAGED, Box, all_of, children, inner, table, u32, u64

MAX_SAMPLES = 8_000_000
"""A day of sound has four."""
MAX_SAMPLE_BYTES = 32 * 1024 * 1024
MAX_TICKS = 2**62

_DURATION, _SIZE, _FLAGS, _SHIFT = 0x100, 0x200, 0x400, 0x800
_NOT_KEY = 0x10000


class Track:
    """Of a film. `sizes`, `offsets`, `times` (of decoding, in ticks), `shifts` (to when it is shown) go by sample."""

    def __init__(self, number: int, *, is_video: bool, ticks_per_s: int, later: int) -> None:
        self.number = number
        self.is_video = is_video
        self.ticks_per_s = ticks_per_s
        self.later = later
        """So many ticks after its own time something is to be shown: what the list of edits says."""
        self.sizes: array[int] = array("I")
        self.offsets: array[int] = array("Q")
        self.times: array[int] = array("Q")
        self.shifts: array[int] = array("i")
        self.keys: array[int] | None = None
        """The samples with which decoding can begin; None: all."""
        self.ends_at = 0
        """When the last sample is over."""

    def __len__(self) -> int:
        return len(self.sizes)

    def shown_at(self, sample: int) -> float:
        """Seconds."""
        return (self.times[sample] + self.shifts[sample] + self.later) / self.ticks_per_s

    @property
    def ends_at_s(self) -> float:
        first_shift = self.shifts[0] if self.shifts else 0
        return (self.ends_at + first_shift + self.later) / self.ticks_per_s

    def is_key(self, sample: int) -> bool:
        keys = self.keys
        if keys is None:
            return True
        place = bisect_left(keys, sample)
        return place < len(keys) and keys[place] == sample

    def cut(self, count: int) -> None:
        """Keep so many samples."""
        if count >= len(self):
            return
        self.ends_at = self.times[count]
        for values in (self.sizes, self.offsets, self.times, self.shifts):
            del values[count:]
        if self.keys is not None:
            while self.keys and self.keys[-1] >= count:
                self.keys.pop()

    def cut_at(self, size: int) -> None:
        """Keep what comes before the first sample that is not whole in a file of this size."""
        lost = (number for number, at in enumerate(self.offsets) if at + self.sizes[number] > size)
        self.cut(next(lost, len(self)))

    def check(self) -> None:
        if len(self) > MAX_SAMPLES or self.ends_at > MAX_TICKS or max(self.sizes, default=0) > MAX_SAMPLE_BYTES:
            raise MediaProblem(DAMAGED)


def read_track(data: bytes, trak: Box, movie_ticks_per_s: int) -> Track | None:
    """Without its samples; None when it is neither picture nor sound."""
    kind = data[(handler := inner(data, trak, b"mdia", b"hdlr").body) + 8 : handler + 12]
    if kind not in {b"vide", b"soun"}:
        return None
    header = inner(data, trak, b"tkhd").body
    number = u32(data, header + (20 if data[header] == 1 else 12))
    media = inner(data, trak, b"mdia", b"mdhd").body
    ticks_per_s = u32(data, media + (20 if data[media] == 1 else 12))
    if not ticks_per_s:
        raise MediaProblem(DAMAGED)
    later = _later(data, trak, ticks_per_s, movie_ticks_per_s)
    return Track(number, is_video=kind == b"vide", ticks_per_s=ticks_per_s, later=later)


def _later(data: bytes, trak: Box, ticks_per_s: int, movie_ticks_per_s: int) -> int:
    """By the first edit that shows something, and the empty ones before it."""
    edits = children(data, trak).get(b"edts")
    listed = None if edits is None else children(data, edits).get(b"elst")
    if listed is None:
        return 0
    is_long = data[listed.body] == 1
    row, waits = (20 if is_long else 12), 0
    for at in range(
        listed.body + 8, min(listed.end, listed.body + 8 + row * u32(data, listed.body + 4)) - row + 1, row
    ):
        lasts = u64(data, at) if is_long else u32(data, at)
        from_bytes = data[at + 8 : at + 16] if is_long else data[at + 4 : at + 8]
        begins = int.from_bytes(from_bytes, "big", signed=True)
        if begins >= 0:
            return waits * ticks_per_s // max(1, movie_ticks_per_s) - begins
        waits += lasts
    return 0


def read_tables(data: bytes, trak: Box, track: Track) -> None:
    """The samples of a file that is not in fragments. Raises MediaProblem."""
    found = children(data, inner(data, trak, b"mdia", b"minf", b"stbl"))
    if b"stsz" not in found or not (b"stco" in found or b"co64" in found):
        return
    _read_sizes(data, found[b"stsz"], track)
    count = len(track)
    _read_times(data, found, track, count)
    _read_offsets(data, found, track)
    track.cut(min(map(len, (track.offsets, track.times))))
    if (stss := found.get(b"stss")) is not None:
        track.keys = array("I", sorted({each - 1 for each in table(data, stss, 8, 1) if 0 < each <= len(track)}))
    track.check()


def _read_sizes(data: bytes, stsz: Box, track: Track) -> None:
    alike, count = u32(data, stsz.body + 4), u32(data, stsz.body + 8)
    if count > MAX_SAMPLES:
        raise MediaProblem(DAMAGED)
    track.sizes = array("I", repeat(alike, count)) if alike else table(data, stsz, 12, 1)


def _read_times(data: bytes, found: dict[bytes, Box], track: Track, count: int) -> None:
    runs, at = table(data, found[b"stts"], 8, 2) if b"stts" in found else array("I"), 0
    times = track.times
    for number, lasts in zip(runs[::2], runs[1::2], strict=True):
        most = min(number, count - len(times))
        if at + most * lasts > MAX_TICKS:
            raise MediaProblem(DAMAGED)
        times.extend(range(at, at + most * lasts, lasts) if lasts else repeat(at, most))
        at += most * lasts
    track.ends_at = at
    shifts = track.shifts
    if (ctts := found.get(b"ctts")) is not None:
        rows = table(data, ctts, 8, 2, "i")
        for number, shift in zip(rows[::2], rows[1::2], strict=True):
            shifts.extend(repeat(shift, min(number, count - len(shifts))) if number > 0 else ())
    shifts.extend(repeat(0, count - len(shifts)))


def _read_offsets(data: bytes, found: dict[bytes, Box], track: Track) -> None:
    chunks = table(data, found[b"co64"], 8, 1, "Q") if b"co64" in found else table(data, found[b"stco"], 8, 1)
    rows = table(data, found[b"stsc"], 8, 3) if b"stsc" in found else array("I")
    sizes, offsets, sample = track.sizes, track.offsets, 0
    starts = [*rows[::3], len(chunks) + 1]
    for index, in_chunk in enumerate(rows[1::3]):
        for chunk in chunks[starts[index] - 1 : starts[index + 1] - 1] if starts[index] else ():
            following = accumulate(sizes[sample : sample + in_chunk], initial=chunk)
            offsets.extend(following)
            if len(offsets) > sample:
                offsets.pop()  # where the next one would be
            sample = len(offsets)
            if sample >= len(sizes):
                return


class Defaults:
    """What holds for samples of a track of which a fragment says nothing."""

    def __init__(self, lasts: int = 0, size: int = 0, flags: int = 0) -> None:
        self.lasts, self.size, self.flags = lasts, size, flags


def read_defaults(data: bytes, moov: Box) -> dict[int, Defaults]:
    extends = children(data, moov).get(b"mvex")
    found: dict[int, Defaults] = {}
    for each in all_of(data, extends, b"trex"):
        at = each.body + 4
        found[u32(data, at)] = Defaults(u32(data, at + 8), u32(data, at + 12), u32(data, at + 16))
    return found


def read_fragment(data: bytes, moof: Box, at: int, tracks: dict[int, Track], defaults: dict[int, Defaults]) -> None:
    """Add the samples of one fragment, whose moof stands at `at` in the file and at `moof` in the data."""
    for traf in all_of(data, moof, b"traf"):
        found = children(data, traf)
        if b"tfhd" not in found:
            raise MediaProblem(DAMAGED)
        head = found[b"tfhd"].body
        track = tracks.get(u32(data, head + 4))
        if track is not None:
            _read_traf(data, traf, at, track, defaults.get(track.number, Defaults()))


def _read_traf(data: bytes, traf: Box, at: int, track: Track, usual: Defaults) -> None:
    found = children(data, traf)
    head = found[b"tfhd"].body
    flags, place = u32(data, head) & 0xFFFFFF, head + 8
    start = base = at
    lasts, size, sample_flags = usual.lasts, usual.size, usual.flags
    if flags & 0x1:
        start = base = u64(data, place)
        place += 8
    if flags & 0x2:
        place += 4
    if flags & 0x8:
        lasts, place = u32(data, place), place + 4
    if flags & 0x10:
        size, place = u32(data, place), place + 4
    if flags & 0x20:
        sample_flags = u32(data, place)
    time = track.ends_at
    if (tfdt := found.get(b"tfdt")) is not None:
        time = u64(data, tfdt.body + 4) if data[tfdt.body] == 1 else u32(data, tfdt.body + 4)
    here = Defaults(lasts, size, sample_flags)
    for trun in all_of(data, traf, b"trun"):
        base, time = _read_trun(data, trun, base, time, track, here, start)
    track.ends_at = time
    track.check()


def _read_trun(
    data: bytes, trun: Box, base: int, time: int, track: Track, usual: Defaults, start: int
) -> tuple[int, int]:
    flags, count, place = u32(data, trun.body) & 0xFFFFFF, u32(data, trun.body + 4), trun.body + 8
    if flags & 0x1:
        base, place = start + int.from_bytes(data[place : place + 4], "big", signed=True), place + 4
    first_flags = usual.flags
    if flags & 0x4:
        first_flags, place = u32(data, place), place + 4
    row = 4 * sum(bool(flags & each) for each in (_DURATION, _SIZE, _FLAGS, _SHIFT))
    if place + row * count > trun.end or len(track) + count > MAX_SAMPLES:
        raise MediaProblem(DAMAGED)
    keys = track.keys if track.keys is not None else array("I", range(len(track)))
    for number in range(count):
        lasts, size, shift = usual.lasts, usual.size, 0
        sample_flags = first_flags if not number else usual.flags
        if flags & _DURATION:
            lasts, place = u32(data, place), place + 4
        if flags & _SIZE:
            size, place = u32(data, place), place + 4
        if flags & _FLAGS:
            sample_flags, place = u32(data, place), place + 4
        if flags & _SHIFT:
            shift, place = int.from_bytes(data[place : place + 4], "big", signed=True), place + 4
        if not sample_flags & _NOT_KEY:
            keys.append(len(track))
        track.sizes.append(size)
        track.offsets.append(base)
        track.times.append(time)
        track.shifts.append(shift)
        base, time = base + size, time + lasts
    track.keys = keys
    return base, time

"""Owns the boxes of which an MP4 file is made: a size, four letters, a body. Not what stands in which."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from lanline.errors import MediaProblem

Read = Callable[[int, int], bytes]
"""Of a file: from this offset, at most so many bytes."""

_HEADER, _LARGE = Struct("!I4s"), Struct("!Q")
U32 = Struct("!I")
MAX_INDEX_BYTES = 128 * 1024 * 1024
DAMAGED = "it is damaged"


class Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int
    """Where it begins, where what it holds does, and where that ends."""


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Raises MediaProblem."""
    while start + _HEADER.size <= end:
        box = _box_at(data[start : start + 16], start, end)
        if box.end > end:
            raise MediaProblem(DAMAGED)
        yield box
        start = box.end


def _box_at(header: bytes, start: int, end: int) -> Box:
    size, kind = _HEADER.unpack_from(header)
    body = start + _HEADER.size
    if size == 1 and len(header) == 16:
        (size,), body = _LARGE.unpack_from(header, 8), start + 16
    elif size == 0:
        size = end - start
    if start + size < body:
        raise MediaProblem(DAMAGED)
    return Box(kind, start, body, start + size)


def boxes_of_file(read: Read, size: int) -> Iterator[Box]:
    """Those on top; the last one may end behind the end of the file, which is cut off then."""
    start = 0
    while start < size:
        header = read(start, 16)
        if len(header) < _HEADER.size:
            return
        box = _box_at(header, start, size)
        yield box
        start = box.end


def children(data: bytes, box: Box) -> dict[bytes, Box]:
    """The first of each kind."""
    found: dict[bytes, Box] = {}
    for each in boxes(data, box.body, box.end):
        found.setdefault(each.kind, each)
    return found


def all_of(data: bytes, box: Box | None, kind: bytes) -> list[Box]:
    return [] if box is None else [each for each in boxes(data, box.body, box.end) if each.kind == kind]


def inner(data: bytes, box: Box, *path: bytes) -> Box:
    for kind in path:
        found = children(data, box).get(kind)
        if found is None:
            raise MediaProblem(DAMAGED)
        box = found
    return box


def encode_box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return _HEADER.pack(_HEADER.size + len(body), kind) + body


def encode_full_box(kind: bytes, version: int, flags: int, *bodies: bytes) -> bytes:
    return encode_box(kind, U32.pack(version << 24 | flags), *bodies)


def u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "big")


def table(data: bytes, box: Box, head_bytes: int, row: int, code: str = "I") -> array[int]:
    """Numbers of equal length behind a full box's head, whose last four bytes are the count of rows."""
    head = box.body + head_bytes
    count = u32(data, head - 4)
    found = array(code)
    end = head + count * row * found.itemsize
    if end > box.end:
        raise MediaProblem(DAMAGED)
    found.frombytes(data[head:end])
    if sys.byteorder == "little":
        found.byteswap()
    return found


def encode_table(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        return numbers.tobytes()
    swapped = numbers[:]
    swapped.byteswap()
    return swapped.tobytes()

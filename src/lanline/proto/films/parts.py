"""Owns the parts of a film on their way: what is asked for, what has come of one, and one that is whole."""

from __future__ import annotations

import msgspec

from lanline.model.films import PartInfo

HARDLY_S = 0.02
"""What lasts for no longer is over."""


class PieceRequest(msgspec.Struct, frozen=True):
    number: int
    lines: int
    part: int
    offset: int
    size: int


class ReadyPart(msgspec.Struct, frozen=True):
    """To be decoded after the one before; what is to be shown before `from_s` leads to what is shown from then on."""

    lines: int
    number: int
    is_first: bool
    """Nothing that was decoded before leads to it."""
    from_s: float
    end_s: float
    data: bytes
    is_whole: bool = True
    """Otherwise `data` is its beginning, and the same part comes again with more."""

    def is_more_of(self, other: ReadyPart) -> bool:
        return (self.lines, self.number, self.from_s) == (other.lines, other.number, other.from_s)


class Fetch:
    """One part on its way."""

    def __init__(self, lines: int, number: int, part: PartInfo, from_s: float, *, is_first: bool) -> None:
        self.lines = lines
        self.number = number
        self.part = part
        self.from_s = from_s
        self.is_first = is_first
        self.asked_to = 0
        self.again: list[tuple[int, int]] = []
        self.pieces: dict[int, bytes] = {}
        self.has_bytes = 0
        self.told_bytes = 0
        """Of its beginning, which is with the decoder already."""

    @property
    def is_asked(self) -> bool:
        return self.asked_to >= self.part.size_bytes and not self.again

    @property
    def is_whole(self) -> bool:
        return self.has_bytes >= self.part.size_bytes

    @property
    def missing_bytes(self) -> int:
        return self.part.size_bytes - self.has_bytes

    def ends_as(self, other: ReadyPart | Fetch) -> bool:
        end_s = other.end_s if isinstance(other, ReadyPart) else other.part.end_s
        return abs(self.part.start_s - other.from_s) < HARDLY_S and abs(self.part.end_s - end_s) < HARDLY_S

    @property
    def ready(self) -> ReadyPart:
        data = b"".join(self.pieces[offset] for offset in sorted(self.pieces))
        return ReadyPart(self.lines, self.number, self.is_first, self.from_s, self.part.end_s, data)

    def more(self) -> ReadyPart | None:
        """Its beginning, as far as there is no hole in it; None where that is no more than the last time."""
        pieces, size_bytes = [], 0
        while (piece := self.pieces.get(size_bytes)) is not None:
            pieces.append(piece)
            size_bytes += len(piece)
        if size_bytes == self.told_bytes:
            return None
        self.told_bytes = size_bytes
        data = b"".join(pieces)
        return ReadyPart(self.lines, self.number, self.is_first, self.from_s, self.part.end_s, data, is_whole=False)

"""The films of the server: what there is, playing one part by part, and keeping them. docs/protocol/films.md."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Annotated

import msgspec

from lanline.model.films import MAX_PIECE_BYTES, Film, FilmFile, FilmQuality, PartInfo
from lanline.wire.chat.limits import Id, LongText, Request, ShortText

Lines = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Piece = Annotated[bytes, msgspec.Meta(max_length=MAX_PIECE_BYTES)]


class ListFilms(msgspec.Struct, frozen=True, array_like=True, tag=48):
    request: Request


class FileInfo(msgspec.Struct, frozen=True, array_like=True):
    """With a problem it cannot be played, and the rest is 0."""

    lines: int
    size_bytes: int
    width: int
    height: int
    duration_ms: int
    problem: LongText = ""


class FilmInfo(msgspec.Struct, frozen=True, array_like=True):
    name: ShortText
    files: tuple[FileInfo, ...]


class Films(msgspec.Struct, frozen=True, array_like=True, tag=112):
    request: Request
    films: tuple[FilmInfo, ...]
    strange: tuple[LongText, ...]
    """Files in the folder whose names are no film's."""
    used_bytes: Bytes
    most_bytes: Bytes
    """0: as much as the disk has."""


class OpenFilm(msgspec.Struct, frozen=True, array_like=True, tag=49):
    request: Request
    name: ShortText


class PartsOf(msgspec.Struct, frozen=True, array_like=True):
    """One quality. The three arrays have an element for each part; the first part begins at `start_us`."""

    lines: int
    head: bytes
    start_us: int
    lasts_us: tuple[int, ...]
    sizes: tuple[int, ...]
    no_key: tuple[int, ...]
    """The numbers of those parts with which playing cannot begin."""


class FilmOpened(msgspec.Struct, frozen=True, array_like=True, tag=113):
    request: Request
    play: Id
    version: ShortText
    qualities: tuple[PartsOf, ...]


class GetFilmPart(msgspec.Struct, frozen=True, array_like=True, tag=50, gc=False):
    request: Request
    play: Id
    lines: Lines
    part: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_PIECE_BYTES)]


class FilmPiece(msgspec.Struct, frozen=True, array_like=True, tag=114, gc=False):
    """On the bulk channel, so that it never holds up a word."""

    request: Request
    data: Piece


class CloseFilm(msgspec.Struct, frozen=True, array_like=True, tag=51):
    """Answered with Done. The end of the link does the same."""

    request: Request
    play: Id


class BeginUpload(msgspec.Struct, frozen=True, array_like=True, tag=52):
    request: Request
    name: ShortText
    lines: Lines
    size: Bytes
    digest: Digest
    """SHA-256 of the file, by which it is known until it is whole."""


class UploadBegun(msgspec.Struct, frozen=True, array_like=True, tag=115):
    request: Request
    has_bytes: Bytes
    """From an upload that was cut short: go on there."""


class PutFilmPiece(msgspec.Struct, frozen=True, array_like=True, tag=53, gc=False):
    """On the bulk channel."""

    request: Request
    digest: Digest
    offset: Bytes
    data: Piece


class EndUpload(msgspec.Struct, frozen=True, array_like=True, tag=54):
    """Answered with Done when it is on the disk, and a film."""

    request: Request
    name: ShortText
    lines: Lines
    digest: Digest


class RenameFilm(msgspec.Struct, frozen=True, array_like=True, tag=55):
    request: Request
    name: ShortText
    new: ShortText


class RemoveFilm(msgspec.Struct, frozen=True, array_like=True, tag=56):
    request: Request
    name: ShortText
    lines: Lines | None = None
    """None: all of them."""


class LimitFilms(msgspec.Struct, frozen=True, array_like=True, tag=57):
    request: Request
    most_bytes: Bytes
    """0: as much as the disk has."""


FromClient = (
    ListFilms | OpenFilm | GetFilmPart | CloseFilm | BeginUpload | PutFilmPiece | EndUpload | RenameFilm | RemoveFilm
    | LimitFilms
)  # fmt: skip
FromServer = Films | FilmOpened | FilmPiece | UploadBegun


def film_of(info: FilmInfo) -> Film:
    files = tuple(
        FilmFile(each.lines, each.size_bytes, each.width, each.height, each.duration_ms, each.problem)
        for each in info.files
    )
    return Film(info.name, files)


def film_info(film: Film) -> FilmInfo:
    files = tuple(
        FileInfo(each.lines, each.size_bytes, each.width, each.height, each.duration_ms, each.problem[:2048])
        for each in film.files
    )
    return FilmInfo(film.name[:256], files)


def parts_of(quality: FilmQuality) -> PartsOf:
    """Times go by their ends, so that what is rounded does not add up."""
    parts = quality.parts
    marks = [round(parts[0].start_s * 1e6), *(round(each.end_s * 1e6) for each in parts)]
    lasts = tuple(max(0, after - before) for before, after in pairwise(marks))
    no_key = tuple(number for number, each in enumerate(parts) if not each.is_key)
    return PartsOf(quality.lines, quality.head, marks[0], lasts, tuple(each.size_bytes for each in parts), no_key)


def quality_of(parts: PartsOf) -> FilmQuality:
    marks = list(accumulate(parts.lasts_us, initial=parts.start_us))
    no_key = set(parts.no_key)
    found = tuple(
        PartInfo(before / 1e6, after / 1e6, size, number not in no_key)
        for number, (before, after, size) in enumerate(zip(marks[:-1], marks[1:], parts.sizes, strict=True))
    )
    return FilmQuality(parts.lines, parts.head, found)

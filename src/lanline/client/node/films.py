"""Owns what a face asks its node about films, and the answers. Part of `protocol`."""

from __future__ import annotations

import msgspec

from lanline.model.films import FilmPlan, Library


class ListFilms(msgspec.Struct, frozen=True, tag="list_films"):
    """Answered with `FilmsListed`."""


class OpenFilm(msgspec.Struct, frozen=True, tag="open_film"):
    """Answered with `FilmOpened`."""

    name: str


class ReadFilm(msgspec.Struct, frozen=True, tag="read_film"):
    """Answered with `FilmBytes`."""

    play: int
    lines: int
    part: int
    offset: int
    size: int


class CloseFilm(msgspec.Struct, frozen=True, tag="close_film"):
    play: int


class BeginUpload(msgspec.Struct, frozen=True, tag="begin_upload"):
    """Answered with `UploadBegun`."""

    name: str
    lines: int
    size: int
    digest: bytes


class PutPiece(msgspec.Struct, frozen=True, tag="put_piece"):
    digest: bytes
    offset: int
    data: bytes


class EndUpload(msgspec.Struct, frozen=True, tag="end_upload"):
    name: str
    lines: int
    digest: bytes


FilmCommand = ListFilms | OpenFilm | ReadFilm | CloseFilm | BeginUpload | PutPiece | EndUpload


class FilmsListed(msgspec.Struct, frozen=True, tag="films"):
    library: Library
    most_bytes: int
    """0: as much as the disk has."""


class FilmOpened(msgspec.Struct, frozen=True, tag="film_opened"):
    play: int
    plan: FilmPlan


class FilmBytes(msgspec.Struct, frozen=True, tag="film_bytes"):
    data: bytes
    queueing_s: float | None = None
    """How long what goes over the link waited in queues when this came."""


class UploadBegun(msgspec.Struct, frozen=True, tag="upload_begun"):
    has_bytes: int


class FilmDone(msgspec.Struct, frozen=True, tag="film_done"):
    pass


FilmResult = FilmsListed | FilmOpened | FilmBytes | UploadBegun | FilmDone

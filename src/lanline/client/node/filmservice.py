"""Owns what becomes of a face's command about films: it is passed on to the server over the link of the home."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lanline.client.chat.client import ChatClient
from lanline.client.node.films import (
    BeginUpload,
    CloseFilm,
    EndUpload,
    FilmBytes,
    FilmCommand,
    FilmDone,
    FilmOpened,
    FilmResult,
    FilmsListed,
    ListFilms,
    OpenFilm,
    PutPiece,
    ReadFilm,
    UploadBegun,
)
from lanline.errors import LinkError
from lanline.model.films import FilmPlan, Library
from lanline.wire.chat import films as wire
from lanline.wire.chat.messages import ClientMessage


async def film_result(client: ChatClient, command: FilmCommand) -> FilmResult:
    """Raises RequestRefused, LinkError."""
    answer = await client.ask(_REQUESTS[type(command)](command))
    match answer:
        case wire.FilmPiece(_, data):
            return FilmBytes(data, client.queueing_s)
        case wire.Films(_, films, strange, used_bytes, most_bytes):
            return FilmsListed(Library(tuple(map(wire.film_of, films)), strange, used_bytes), most_bytes)
        case wire.FilmOpened(_, play, version, qualities):
            return FilmOpened(play, _plan(command, version, qualities))
        case wire.UploadBegun(_, has_bytes):
            return UploadBegun(has_bytes)
        case _:
            return FilmDone()


def _plan(command: FilmCommand, version: str, qualities: tuple[wire.PartsOf, ...]) -> FilmPlan:
    assert isinstance(command, OpenFilm)
    if not qualities or not all(each.sizes and len(each.sizes) == len(each.lasts_us) for each in qualities):
        raise LinkError("The server sent a film without parts.")
    return FilmPlan(command.name, version, tuple(map(wire.quality_of, qualities)))


_REQUESTS: dict[type, Callable[[Any], ClientMessage]] = {
    ListFilms: lambda _: wire.ListFilms(0),
    OpenFilm: lambda command: wire.OpenFilm(0, command.name),
    ReadFilm: lambda c: wire.GetFilmPart(0, c.play, c.lines, c.part, c.offset, c.size),
    CloseFilm: lambda command: wire.CloseFilm(0, command.play),
    BeginUpload: lambda c: wire.BeginUpload(0, c.name, c.lines, c.size, c.digest),
    PutPiece: lambda command: wire.PutFilmPiece(0, command.digest, command.offset, command.data),
    EndUpload: lambda command: wire.EndUpload(0, command.name, command.lines, command.digest),
}

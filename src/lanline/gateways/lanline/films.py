"""Owns what each message about films asks of the core, and the message that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lanline.core.core import Core
from lanline.core.films import Films, LimitFilms
from lanline.gateways.lanline.answering import does
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.films import FilmPlan, Library
from lanline.ticket import Ticket
from lanline.wire.chat import answers
from lanline.wire.chat import films as wire

T = TypeVar("T")


class FilmRequests:
    def __init__(self, core: Core, films: Films) -> None:
        self._core = core
        self._films = films

    def handlers(self) -> dict[type, Handler]:
        films = self._films
        return {
            wire.ListFilms: self._list,
            wire.OpenFilm: self._open,
            wire.GetFilmPart: self._get_part,
            wire.CloseFilm: self._does(lambda s, m: Ticket.of(lambda: films.close(s.actor, m.play))),
            wire.BeginUpload: self._begin_upload,
            wire.PutFilmPiece: self._put_piece,
            wire.EndUpload: self._does(lambda s, m: films.end_upload(s.actor, m.name, m.lines, m.digest)),
            wire.RenameFilm: self._does(lambda s, m: films.rename(s.actor, m.name, m.new)),
            wire.RemoveFilm: self._does(lambda s, m: films.remove(s.actor, m.name, m.lines)),
            wire.LimitFilms: does(self._core, lambda m: LimitFilms(m.most_bytes)),
        }

    def _does(self, begin: Callable[[Session, Any], Ticket[None]]) -> Handler:
        def handle(session: Session, message: Any) -> None:  # noqa: ANN401 -- any request
            session.command(
                message.request,
                lambda: self._paced(session, lambda: begin(session, message)),
                lambda _: session.send(answers.Done(message.request)),
            )

        return handle

    def _paced(self, session: Session, begin: Callable[[], Ticket[T]]) -> Ticket[T]:
        self._core.check_pace(session.actor)
        return begin()

    def _list(self, session: Session, message: wire.ListFilms) -> None:
        def answer(library: Library) -> None:
            films = tuple(map(wire.film_info, library.films))
            strange = tuple(name[:256] for name in library.strange)
            most_bytes = self._films.most_bytes
            session.send(wire.Films(message.request, films, strange, library.used_bytes, most_bytes))

        session.command(message.request, lambda: self._paced(session, self._films.library), answer)

    def _open(self, session: Session, message: wire.OpenFilm) -> None:
        def answer(opened: tuple[int, FilmPlan]) -> None:
            play, plan = opened
            if not session.is_signed_in:
                self._films.close(session.actor, play)
                return
            qualities = tuple(map(wire.parts_of, plan.qualities))
            session.send(wire.FilmOpened(message.request, play, plan.version, qualities))

        asked = self._films.open
        session.command(
            message.request, lambda: self._paced(session, lambda: asked(session.actor, message.name)), answer
        )

    def _get_part(self, session: Session, message: wire.GetFilmPart) -> None:
        """Not paced: what is under way at once is bounded, by the link and by the session."""

        def answer(part: bytes) -> None:
            data = part[message.offset : message.offset + message.size]
            session.send_bulk(wire.FilmPiece(message.request, data))

        session.command(
            message.request,
            lambda: self._films.part(session.actor, message.play, message.lines, message.part),
            answer,
        )

    def _begin_upload(self, session: Session, message: wire.BeginUpload) -> None:
        asked = self._films.begin_upload
        session.command(
            message.request,
            lambda: self._paced(
                session, lambda: asked(session.actor, message.name, message.lines, message.size, message.digest)
            ),
            lambda has_bytes: session.send(wire.UploadBegun(message.request, has_bytes)),
        )

    def _put_piece(self, session: Session, message: wire.PutFilmPiece) -> None:
        session.put_blob(
            message.request,
            len(message.data),
            lambda: self._films.put(session.actor, message.digest, message.offset, message.data),
            lambda _: session.send(answers.Done(message.request)),
        )

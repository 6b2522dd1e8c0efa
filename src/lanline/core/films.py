"""Owns who may do what with the films of a server, and how many one member plays at once. Not the files themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from lanline.clock import Clock
from lanline.core.changes import Actor, FilmSpaceLimited, Handlers
from lanline.core.commands import Authority, Command, Decision, not_an_admin
from lanline.core.journal import note_by
from lanline.core.limits import Buckets
from lanline.core.refusals import slow_down
from lanline.errors import LanlineError, MediaProblem, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.films import FilmPlan, Library, checked_film_name, checked_lines, size_text
from lanline.model.journal import Deed
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction, View
from lanline.ticket import Steps, Ticket, in_steps

_SPACE_SETTING = "film space"
_IDLE_S = 30.0
"""A play of which nothing was fetched for so long gives its place to another one of the same member."""
_MOST_UPLOADS = 8
_UPLOAD_IDLE_S = 600.0
"""One of which nothing came for so long is cut short: it keeps no place, and goes on when it is begun again."""
_PIECES_PER_S, _PIECES_BURST = 2000.0, 4000
"""Which one account may fetch: many times what players ask for."""


class OpenFilm(Protocol):
    @property
    def plan(self) -> FilmPlan: ...


class Uploads(Protocol):
    """Each call blocks, on a thread of the shelf."""

    def begin(self, owner: int, name: str, lines: int, digest: bytes) -> int: ...
    def waiting(self) -> dict[tuple[int, bytes], int]: ...
    def put(self, owner: int, digest: bytes, offset: int, data: bytes) -> None: ...
    def end(self, owner: int, name: str, lines: int, digest: bytes) -> None: ...


class FilmShelf(Protocol):
    """Where the films are; `storage.filmfolder.FilmFolder` is one."""

    @property
    def uploads(self) -> Uploads: ...

    def run(self, work: Callable[[], Any]) -> Ticket[Any]: ...
    def library(self) -> Ticket[Library]: ...
    def open(self, name: str) -> Ticket[Any]: ...
    def close_film(self, film: Any) -> None: ...  # noqa: ANN401 -- what `open` gave
    def part(self, film: Any, lines: int, number: int) -> Ticket[bytes]: ...  # noqa: ANN401 -- as above
    def rename(self, name: str, new: str) -> Ticket[None]: ...
    def remove(self, name: str, lines: int | None) -> Ticket[None]: ...


class _Play:
    __slots__ = ("actor", "asked_at", "film", "parts")

    def __init__(self, actor: Actor, film: OpenFilm, now: float) -> None:
        self.actor = actor
        self.film = film
        self.asked_at = now
        self.parts = {each.lines: len(each.parts) for each in film.plan.qualities}
        """How many there are, by lines."""


class _Upload:
    __slots__ = ("asked_at", "size")

    def __init__(self, size: int, now: float) -> None:
        self.size = size
        """What it is to become."""
        self.asked_at = now


class LimitFilms(Command[None], frozen=True):
    most_bytes: int

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        transaction.settings.put(_SPACE_SETTING, str(self.most_bytes).encode())
        detail = f"all may take {self.most_bytes} bytes"
        note_by(transaction, by.context.now_ms, by.actor, Deed.FILM_CHANGED, detail=detail)
        return None, (FilmSpaceLimited(self.most_bytes),)


class Films:
    """`shelf` is None on a server that keeps none, which has then no films at all."""

    def __init__(
        self,
        shelf: FilmShelf | None,
        store: Store,
        clock: Clock,
        settings: ServerSettings,
        is_admin: Callable[[AccountId], bool],
        check_disk: Callable[[AccountId], None],
    ) -> None:
        self._shelf = shelf
        self._store = store
        self._clock = clock
        self._settings = settings
        self._is_admin = is_admin
        self._check_disk = check_disk
        self._uploads: dict[tuple[int, bytes], _Upload] = {}
        """Under way, by owner and digest."""
        self._plays: dict[int, _Play] = {}
        self._last_play = 0
        self._pieces: Buckets[AccountId] = Buckets(_PIECES_PER_S, _PIECES_BURST)
        self.most_bytes = 0
        """Of all films together; 0: as much as the disk has."""

    def load(self, view: View) -> None:
        self.most_bytes = int(view.settings.get(_SPACE_SETTING) or b"0")

    def handlers(self) -> Handlers:
        return {FilmSpaceLimited: self._note_limited}

    def _note_limited(self, change: FilmSpaceLimited) -> None:
        self.most_bytes = change.most_bytes

    @property
    def playing(self) -> int:
        return len(self._plays)

    def library(self) -> Ticket[Library]:
        if self._shelf is None:
            return Ticket.of(lambda: Library((), (), 0))
        return self._shelf.library()

    # Playing.

    @in_steps
    def open(self, actor: Actor, name: str) -> Steps[tuple[int, FilmPlan]]:
        """A number for the play, which its program alone may use."""
        shelf = self._needed()
        self._make_room(actor)
        film = yield from _told(shelf.open(name))
        self._last_play += 1
        self._plays[self._last_play] = _Play(actor, film, self._clock.now())
        return self._last_play, film.plan

    def _make_room(self, actor: Actor) -> None:
        mine = [number for number, play in self._plays.items() if play.actor.account == actor.account]
        most = self._settings.most_plays_of_account
        if len(mine) < most:
            return
        oldest = min(mine, key=lambda number: self._plays[number].asked_at)
        if self._clock.now() - self._plays[oldest].asked_at < _IDLE_S:
            text = f"You play {most} films at once already, which is all that the server gives to one person."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        self.close(self._plays[oldest].actor, oldest)

    def part(self, actor: Actor, number: int, lines: int, part: int) -> Ticket[bytes]:
        play = self._plays.get(number)
        if play is None or play.actor is not actor:
            raise RequestRefused(RefusalCode.NOT_FOUND, "The server does not know this play, or not any more.")
        play.asked_at = now = self._clock.now()
        if wait_s := self._pieces.take(actor.account, now):
            raise slow_down(wait_s)
        if part >= play.parts.get(lines, 0):
            raise RequestRefused(RefusalCode.INVALID, "The film has no such part.")
        return self._needed().part(play.film, lines, part)

    def close(self, actor: Actor, number: int) -> None:
        play = self._plays.get(number)
        if play is not None and play.actor is actor:
            del self._plays[number]
            self._needed().close_film(play.film)

    def leave(self, actor: Actor) -> None:
        """Its program is gone."""
        for number in [number for number, play in self._plays.items() if play.actor is actor]:
            self.close(actor, number)

    # Changing.

    @in_steps
    def begin_upload(self, actor: Actor, name: str, lines: int, size: int, digest: bytes) -> Steps[int]:
        """How much of it is here already, from an upload that was cut short."""
        shelf = self._checked_uploader(actor)
        checked_film_name(name)
        checked_lines(lines)
        upload = int(actor.account), digest
        self._check_uploads(upload)
        if self.most_bytes:
            yield from self._check_space(shelf, upload, size)
        self._uploads[upload] = _Upload(size, self._clock.now())
        begin = shelf.uploads.begin
        try:
            has_bytes: int = yield from shelf.run(lambda: begin(actor.account, name, lines, digest)).wait()
        except LanlineError:
            del self._uploads[upload]
            raise
        return has_bytes

    def _check_uploads(self, upload: tuple[int, bytes]) -> None:
        since = self._clock.now() - _UPLOAD_IDLE_S
        self._uploads = {key: each for key, each in self._uploads.items() if each.asked_at >= since}
        others = [key for key in self._uploads if key[0] == upload[0] and key != upload]
        if len(others) >= _MOST_UPLOADS:
            text = f"You have {_MOST_UPLOADS} films on their way already. Finish one of them first."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)

    def _check_space(self, shelf: FilmShelf, upload: tuple[int, bytes], size: int) -> Steps[None]:
        """An upload that is under way counts with its whole size."""
        used_bytes: int = (yield from shelf.library().wait()).used_bytes
        waiting: dict[tuple[int, bytes], int] = yield from shelf.run(shelf.uploads.waiting).wait()
        to_come = sum(max(0, each.size - waiting.get(key, 0)) for key, each in self._uploads.items() if key != upload)
        taken_bytes = used_bytes + to_come - waiting.get(upload, 0)
        if taken_bytes + size > self.most_bytes:
            text = (
                f"The films of this server may take {size_text(self.most_bytes)}. {size_text(taken_bytes)} are taken, "
                f"and this one has {size_text(size)}. An admin may remove some, or raise the limit."
            )
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)

    def put(self, actor: Actor, digest: bytes, offset: int, data: bytes) -> Ticket[None]:
        shelf = self._checked_uploader(actor)
        upload = self._uploads.get((int(actor.account), digest))
        if upload is None or offset + len(data) > upload.size:
            raise RequestRefused(RefusalCode.NOT_FOUND, "The server does not know this upload, or not any more.")
        upload.asked_at = self._clock.now()
        self._check_disk(actor.account)
        return shelf.run(lambda: shelf.uploads.put(actor.account, digest, offset, data))

    @in_steps
    def end_upload(self, actor: Actor, name: str, lines: int, digest: bytes) -> Steps[None]:
        shelf = self._checked_uploader(actor)
        checked_film_name(name)
        self._uploads.pop((int(actor.account), digest), None)
        yield from _told(shelf.run(lambda: shelf.uploads.end(actor.account, name, checked_lines(lines), digest)))
        yield from self._note(actor, f"{name}, {lines} lines, uploaded")

    def rename(self, actor: Actor, name: str, new: str) -> Ticket[None]:
        self._check_admin(actor)
        checked_film_name(new)
        return self._noted(actor, self._needed().rename(name, new), f"{name}, renamed to {new}")

    def remove(self, actor: Actor, name: str, lines: int | None) -> Ticket[None]:
        self._check_admin(actor)
        what = name if lines is None else f"{name}, {lines} lines"
        return self._noted(actor, self._needed().remove(name, lines), f"{what}, removed")

    # The journal, of what is a file and in no transaction.

    @in_steps
    def _noted(self, actor: Actor, change: Ticket[None], detail: str) -> Steps[None]:
        yield from change.wait()
        yield from self._note(actor, detail)

    def _note(self, actor: Actor, detail: str) -> Steps[None]:
        now_ms = self._clock.now_ms()
        work = partial(note_by, now_ms=now_ms, actor=actor, deed=Deed.FILM_CHANGED, detail=detail)
        yield from self._store.write(work).wait()

    # Rules.

    def _checked_uploader(self, actor: Actor) -> FilmShelf:
        if not (self._settings.members_may_upload or self._is_admin(actor.account)):
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin of this server may upload films. Ask one.")
        return self._needed()

    def _check_admin(self, actor: Actor) -> None:
        if not self._is_admin(actor.account):
            raise not_an_admin()

    def _needed(self) -> FilmShelf:
        if self._shelf is None:
            raise RequestRefused(RefusalCode.NOT_FOUND, "This server keeps no films.")
        return self._shelf


def _told(ticket: Ticket[Any]) -> Steps[Any]:
    """What is the matter with a file is for whoever asked."""
    try:
        return (yield from ticket.wait())
    except MediaProblem as problem:
        raise RequestRefused(RefusalCode.INVALID, str(problem)) from problem

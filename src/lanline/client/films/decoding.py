"""Owns the thread that decodes a film, a little ahead of what is shown, and what it has decoded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from lanline.errors import MediaProblem
from lanline.media.filmdecoder import FilmDecoder, FilmPicture, FilmSound
from lanline.model.films import FilmPlan
from lanline.proto.films.parts import ReadyPart

_MOST_BYTES_AHEAD = 96 * 1024 * 1024
_MOST_PICTURES, _LEAST_PICTURES = 24, 6
_MOST_PARTS = 2
_MOST_SOUNDS = 400


class _Given:
    """A part, as far as it has come; None: that was the last."""

    __slots__ = ("part",)

    def __init__(self, part: ReadyPart | None) -> None:
        self.part = part


class Decoding:
    """All but `_run` is called on the loop; `wake` is called on the thread when there is something new."""

    def __init__(self, plan: FilmPlan, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._has_work = threading.Condition()
        self._decoder = FilmDecoder(_heads(plan))
        self._parts: deque[_Given] = deque()
        self._last_given: _Given | None = None
        self._pictures: deque[FilmPicture] = deque()
        self._sounds: deque[FilmSound] = deque()
        self._new_heads: dict[int, bytes] | None = None
        self._generation = 0
        self._is_new = True
        self._awaited: FilmPicture | None = None
        self._is_awaited = True
        self._is_closing = False
        self._at_work = False
        self.problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="film decoding", daemon=True)
        self._thread.start()

    # The loop's side.

    @property
    def wants_part(self) -> bool:
        return len(self._parts) < _MOST_PARTS

    @property
    def is_idle(self) -> bool:
        """All that it was given is decoded, and taken."""
        with self._has_work:
            return not (self._parts or self._at_work or self._pictures or self._sounds)

    def put(self, part: ReadyPart | None) -> None:
        """None: that was the last. One that was not whole is followed by more of it, or by another one in its place."""
        with self._has_work:
            given = self._last_given
            before = None if given is None else given.part
            if given is not None and before is not None and not before.is_whole:
                if part is not None and part.is_more_of(before):
                    given.part = part
                    self._has_work.notify()
                    return
                self._drop()
            self._last_given = _Given(part)
            self._parts.append(self._last_given)
            self._has_work.notify()

    def take_sounds(self) -> deque[FilmSound]:
        with self._has_work:
            taken, self._sounds = self._sounds, deque()
            self._has_work.notify()
            return taken

    def next_picture(self) -> FilmPicture | None:
        """It stays until it is taken."""
        return self._pictures[0] if self._pictures else None

    def take_picture(self) -> FilmPicture:
        with self._has_work:
            self._has_work.notify()
            return self._pictures.popleft()

    def forget(self, plan: FilmPlan | None = None) -> None:
        """What comes next does not follow on what was. With a plan, it is another film."""
        with self._has_work:
            self._drop()
            if plan is not None:
                self._new_heads = _heads(plan)
            self._has_work.notify()

    def _drop(self) -> None:
        self._generation += 1
        self._is_new = self._is_awaited = True
        self._last_given = self._awaited = None
        for waiting in (self._parts, self._pictures, self._sounds):
            waiting.clear()

    def go_on(self) -> None:
        """The first picture is shown: until then no further ones take from it what the machine can do."""
        with self._has_work:
            self._is_awaited = False
            self._has_work.notify()

    def close(self) -> None:
        with self._has_work:
            self._is_closing = True
            self._generation += 1
            self._has_work.notify()
        self._thread.join()

    # The thread's.

    def _run(self) -> None:
        try:
            while (work := self._next_part()) is not None:
                self._decode(*work)
                with self._has_work:
                    self._at_work = False
                self._wake()
        except Exception as problem:  # noqa: BLE001 -- told by whoever shows the film
            self.problem = problem
            self._wake()
        finally:
            self._decoder.close()

    def _next_part(self) -> tuple[_Given, int] | None:
        with self._has_work:
            while not self._parts and not self._is_closing:
                self._has_work.wait()
            if self._is_closing:
                return None
            self._at_work = True
            given, is_new, heads = self._parts.popleft(), self._is_new, self._new_heads
            self._is_new, self._new_heads = False, None
            generation = self._generation
        if heads is not None:
            self._decoder.close()
            self._decoder = FilmDecoder(heads)
        elif is_new:
            self._decoder.forget()
        self._wake()
        return given, generation

    def _decode(self, given: _Given, generation: int) -> None:
        for piece in self._pieces(given, generation):
            if not self._keep(piece, generation):
                return

    def _pieces(self, given: _Given, generation: int) -> Iterator[FilmPicture | FilmSound]:
        part = given.part
        if part is None:
            return self._decoder.finish()
        grown = self._grown(given, generation)
        return self._decoder.decode(part.lines, grown, is_first=part.is_first, from_s=part.from_s)

    def _grown(self, given: _Given, generation: int) -> Iterator[bytes]:
        """Its beginning, each time longer, until it is whole or wanted no more."""
        told: ReadyPart | None = None
        while told is None or not told.is_whole:
            with self._has_work:
                while generation == self._generation and given.part is told:
                    self._has_work.wait()
                if generation != self._generation or given.part is None:
                    return
                told = given.part
            yield told.data

    def _keep(self, piece: FilmPicture | FilmSound, generation: int) -> bool:
        """Waits while enough is decoded. False: it is wanted no more."""
        with self._has_work:
            while generation == self._generation and self._is_enough(piece):
                self._has_work.wait()
            if generation != self._generation:
                return False
            if isinstance(piece, FilmPicture):
                is_news = not self._pictures
                self._pictures.append(piece)
            else:
                is_news = not self._sounds
                self._sounds.append(piece)
        if is_news:
            self._wake()
        return True

    def _is_enough(self, piece: FilmPicture | FilmSound) -> bool:
        if isinstance(piece, FilmSound):
            return len(self._sounds) >= _MOST_SOUNDS
        if self._is_awaited:
            self._awaited = self._awaited or piece
            return piece is not self._awaited
        size = piece.size.width * piece.size.height * 3 // 2
        most = max(_LEAST_PICTURES, min(_MOST_PICTURES, _MOST_BYTES_AHEAD // max(1, size)))
        return len(self._pictures) >= most


def _heads(plan: FilmPlan) -> dict[int, bytes]:
    if not plan.qualities:
        raise MediaProblem("This film has nothing that could be played.")
    return {each.lines: each.head for each in plan.qualities}

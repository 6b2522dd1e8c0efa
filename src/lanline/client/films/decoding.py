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


class Decoding:
    """All but `_run` is called on the loop; `wake` is called on the thread when there is something new."""

    def __init__(self, plan: FilmPlan, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._has_work = threading.Condition()
        self._decoder = FilmDecoder(_heads(plan))
        self._parts: deque[ReadyPart | None] = deque()
        self._pictures: deque[FilmPicture] = deque()
        self._sounds: deque[FilmSound] = deque()
        self._new_heads: dict[int, bytes] | None = None
        self._generation = 0
        self._is_new = True
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
        """None: that was the last."""
        with self._has_work:
            self._parts.append(part)
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
            self._generation += 1
            self._is_new = True
            for waiting in (self._parts, self._pictures, self._sounds):
                waiting.clear()
            if plan is not None:
                self._new_heads = _heads(plan)
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
                part, generation = work
                self._decode(part, generation)
                with self._has_work:
                    self._at_work = False
                self._wake()
        except Exception as problem:  # noqa: BLE001 -- told by whoever shows the film
            self.problem = problem
            self._wake()
        finally:
            self._decoder.close()

    def _next_part(self) -> tuple[ReadyPart | None, int] | None:
        with self._has_work:
            while not self._parts and not self._is_closing:
                self._has_work.wait()
            if self._is_closing:
                return None
            self._at_work = True
            part, is_new, heads = self._parts.popleft(), self._is_new, self._new_heads
            self._is_new, self._new_heads = False, None
            generation = self._generation
        if heads is not None:
            self._decoder.close()
            self._decoder = FilmDecoder(heads)
        elif is_new:
            self._decoder.forget()
        self._wake()
        return part, generation

    def _decode(self, part: ReadyPart | None, generation: int) -> None:
        for piece in self._pieces(part):
            if not self._keep(piece, generation):
                return

    def _pieces(self, part: ReadyPart | None) -> Iterator[FilmPicture | FilmSound]:
        if part is None:
            return self._decoder.finish()
        return self._decoder.decode(part.lines, part.data, is_first=part.is_first, from_s=part.from_s)

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
        size = piece.size.width * piece.size.height * 3 // 2
        most = max(_LEAST_PICTURES, min(_MOST_PICTURES, _MOST_BYTES_AHEAD // max(1, size)))
        return len(self._pictures) >= most


def _heads(plan: FilmPlan) -> dict[int, bytes]:
    if not plan.qualities:
        raise MediaProblem("This film has nothing that could be played.")
    return {each.lines: each.head for each in plan.qualities}

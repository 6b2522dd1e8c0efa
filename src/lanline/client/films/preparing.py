"""Owns the way from one file to a film in its qualities: piece by piece, so that what was cut short goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from lanline.errors import InvalidInput, MediaProblem
from lanline.media.filmencoder import LOOKS, FilmFile, join_film, writing_problem
from lanline.model.films import QUALITIES, checked_film_name, film_file_name

PIECE_S = 20.0
"""A whole number of key frames."""
_MOST_PIECES = 10_000
Progress = Callable[[float], None]
"""Of 1."""


class Preparing:
    """`folder` is where the films shall stand; what is not ready yet stands in a folder beside them."""

    def __init__(self, path: Path, folder: Path, name: str | None = None) -> None:
        """Raises MediaProblem, InvalidInput."""
        self.source = FilmFile(path)
        self.name = checked_film_name(path.stem if name is None else name)
        self._folder = folder
        self._work = folder / f".{self.name}.preparing"
        self.qualities = self._wanted()
        self.missing_s = 0.0
        """Of what the file says that it holds; known at the end."""

    def _wanted(self) -> tuple[int, ...]:
        """None that would only be a larger picture of the same lines."""
        shorter = min(self.source.size.width, self.source.size.height)
        below = [lines for lines in QUALITIES if lines < shorter]
        return (
            (*below, next((lines for lines in QUALITIES if lines >= shorter), QUALITIES[-1]))
            if (len(below) < len(QUALITIES))
            else QUALITIES
        )

    def check_free(self) -> None:
        """Nothing is overwritten, but for what was cut short while it was put in its place."""
        for lines in self.qualities:
            if (path := self._target(lines)).exists() and not (self._is_joined and not self._whole(lines).exists()):
                raise InvalidInput(f"{path} is there already. Choose another --name, or remove it.")

    def run(self, progress: Progress = lambda _: None) -> list[Path]:
        """The files that were made. Raises MediaProblem; what was done until then is kept."""
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._begin()
                return self._made(progress)
        except OSError as cause:
            raise writing_problem(cause, self._folder) from cause

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self._work, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as cause:
                    problem = f"Another program is preparing {self.name} in {self._folder} just now."
                    raise MediaProblem(problem) from cause
            yield
        finally:
            os.close(handle)

    def _begin(self) -> None:
        if not self._is_marked:  # of another file, or of another version
            for path in self._work.iterdir():
                path.unlink()
            (self._work / "of").write_text(self._mark())

    def _mark(self) -> str:
        status = self.source.path.stat()
        return json.dumps([status.st_size, status.st_mtime_ns, PIECE_S, str(LOOKS), list(self.qualities)])

    @property
    def _is_marked(self) -> bool:
        marked = self._work / "of"
        return marked.exists() and marked.read_text() == self._mark()

    @property
    def _is_joined(self) -> bool:
        return self._is_marked and (self._work / "joined").exists()

    def _target(self, lines: int) -> Path:
        return self._folder / film_file_name(self.name, lines)

    def _whole(self, lines: int) -> Path:
        return self._work / f"{lines}p.mp4"

    def _made(self, progress: Progress) -> list[Path]:
        if not self._is_joined:
            self._join_all(progress)
            (self._work / "joined").touch()
        for lines in self.qualities:  # all or none of them: this takes no room
            self._put_in_place(lines)
        shutil.rmtree(self._work, ignore_errors=True)
        self.missing_s = max(0.0, self.source.duration_s - FilmFile(self._target(self.qualities[0])).duration_s)
        progress(1.0)
        return [self._target(lines) for lines in self.qualities]

    def _put_in_place(self, lines: int) -> None:
        if (whole := self._whole(lines)).exists():
            whole.rename(self._target(lines))

    def _join_all(self, progress: Progress) -> None:
        pieces: list[dict[int, Path]] = []

        def tell(done_s: float) -> None:
            progress(min(0.97, 0.97 * done_s / max(PIECE_S, self.source.duration_s)))

        while len(pieces) < _MOST_PIECES:
            done = self._piece(len(pieces), tell)
            if done is None:
                break
            pieces.append(done)
        if not pieces:
            raise MediaProblem(f"No picture can be read from {self.source.path}: the file is damaged or cut off.")
        sound = self._sound() if self.source.has_sound else None
        for lines in self.qualities:
            unfinished = self._work / f"{lines}p.unfinished"
            join_film([each[lines] for each in pieces], sound, unfinished)
            unfinished.rename(self._whole(lines))

    def _piece(self, number: int, tell: Progress) -> dict[int, Path] | None:
        """`tell` hears how many seconds of the film are done."""
        done = {lines: self._work / f"{lines}p-{number:05}.mp4" for lines in self.qualities}
        if all(path.exists() for path in done.values()):
            return done
        tell(number * PIECE_S)
        unfinished = {lines: path.with_suffix(".unfinished") for lines, path in done.items()}
        if not self.source.encode_piece(number * PIECE_S, (number + 1) * PIECE_S, unfinished, tell):
            return None
        for lines, path in done.items():
            unfinished[lines].rename(path)
        return done

    def _sound(self) -> Path:
        path = self._work / "sound.mp4"
        if not path.exists():
            self.source.encode_sound(path.with_suffix(".unfinished"))
            path.with_suffix(".unfinished").rename(path)
        return path

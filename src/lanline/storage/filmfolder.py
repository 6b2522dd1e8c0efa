"""Owns the folder of films: which there are, those that are open, and the parts that are still warm.

Everything that touches the disk runs on threads of its own and comes back as a ticket. Who may do what is the core's.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lanline.errors import FilmsUnusable, LanlineError, MediaProblem, RecordExists, RecordMissing, StorageFull
from lanline.model.films import (
    Film,
    FilmFile,
    FilmPlan,
    FilmQuality,
    Library,
    PartInfo,
    film_file_name,
    parsed_file_name,
)
from lanline.storage.filmuploads import FilmUploads
from lanline.ticket import Ticket
from lanline.wire.mp4.film import FilmIndex, read_film

T = TypeVar("T")
Identity = tuple[int, int, int, int]
"""Of a file as it is now: device, inode, size, time of the last change."""
FOLDER = "videos"
_THREADS = 2
_WARM_BYTES = 64 * 1024 * 1024
_MOST_KNOWN = 10_000
_MOST_OPEN = 12
"""Files whose index is kept though nobody plays them."""


class OpenFile:
    """Stays readable as it was, whatever becomes of its name, until nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._holders = 1
        self._lock = threading.Lock()
        try:
            status = os.fstat(self._descriptor)
            self.identity = _identity(status)
            self.index: FilmIndex = read_film(self.read, status.st_size)
        except BaseException:
            os.close(self._descriptor)
            raise

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def part(self, number: int) -> bytes:
        """Raises RecordMissing where another film was written over this one: players open it anew then."""
        if _identity(os.fstat(self._descriptor)) != self.identity:
            raise RecordMissing("This film is another one now.")
        return self.index.part_bytes(number, self.read)

    def hold(self) -> bool:
        """False when it is closed already. By any thread, as the next."""
        with self._lock:
            self._holders += self._holders > 0
            return self._holders > 0

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                os.close(self._descriptor)


class OpenFilm:
    def __init__(self, name: str, files: dict[int, OpenFile]) -> None:
        self.files = files
        marks = "".join(f"{lines}{file.identity}" for lines, file in files.items())
        version = hashlib.sha256(marks.encode()).hexdigest()[:16]
        self.plan = FilmPlan(name, version, tuple(_quality(lines, file.index) for lines, file in files.items()))


class FilmFolder:
    """`hand_over` gets a function to call where results are wanted; an event loop's `call_soon_threadsafe` is one."""

    def __init__(
        self, data: Path, hand_over: Callable[[Callable[[], None]], object], workers: Executor | None = None
    ) -> None:
        self.path = data / FOLDER
        self._hand_over = hand_over
        self._workers = workers or ThreadPoolExecutor(_THREADS, thread_name_prefix="films")
        self._writer = workers or ThreadPoolExecutor(1, thread_name_prefix="film uploads")
        self._known: OrderedDict[Identity, FilmFile] = OrderedDict()
        self._open: OrderedDict[Identity, OpenFile] = OrderedDict()
        self._parts: OrderedDict[tuple[Identity, int], Ticket[bytes]] = OrderedDict()
        self._warm_bytes = 0
        self.uploads = FilmUploads(self.path)

    def close(self) -> None:
        for threads in (self._workers, self._writer):
            threads.shutdown(wait=True, cancel_futures=True)
        for file in self._open.values():
            file.release()
        self._open.clear()

    def run(self, work: Callable[[], T]) -> Ticket[T]:
        """Off the loop, one after the other: the pieces of an upload come in order."""
        return self._run_on(self._writer, work, lambda found: found)

    def _run(self, work: Callable[[], T], finish: Callable[[T], T] = lambda found: found) -> Ticket[T]:
        """Off the loop; `finish` runs on it."""
        return self._run_on(self._workers, work, finish)

    def _run_on(self, threads: Executor, work: Callable[[], T], finish: Callable[[T], T]) -> Ticket[T]:
        ticket: Ticket[T] = Ticket()

        def attempt() -> None:
            outcome: object
            try:
                outcome = work()
            except OSError as problem:
                outcome = _problem(problem, self.path)
            except Exception as problem:  # noqa: BLE001 -- handed to whoever waits
                outcome = problem
            self._hand_over(lambda: ticket.settle(_finished(outcome, finish)))

        threads.submit(attempt)
        return ticket

    # What there is.

    def library(self) -> Ticket[Library]:
        return self._run(self._library)

    def _library(self) -> Library:
        films: dict[str, list[FilmFile]] = {}
        strange: list[str] = []
        used_bytes = sum(self.uploads.waiting().values())
        for name, status in self._entries():
            used_bytes += status.st_size
            known = parsed_file_name(name)
            if known is None:
                strange.append(os.fsencode(name).decode(errors="replace"))
            else:
                films.setdefault(known[0], []).append(self._look(name, known[1], status))
        return Library(
            tuple(
                Film(name, tuple(sorted(files, key=lambda each: each.lines)))
                for name, files in sorted(films.items(), key=lambda each: each[0].casefold())
            ),
            tuple(sorted(strange)),
            used_bytes,
        )

    def _entries(self) -> list[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self.path) as entries:
                files = [entry for entry in entries if not entry.name.startswith(".") and entry.is_file()]
        except FileNotFoundError:
            return []
        found: list[tuple[str, os.stat_result]] = []
        for entry in files:
            with contextlib.suppress(FileNotFoundError):  # it was removed just now
                found.append((entry.name, entry.stat()))
        return found

    def _look(self, name: str, lines: int, status: os.stat_result) -> FilmFile:
        identity = _identity(status)
        known = self._known.get(identity)
        if known is None or known.lines != lines:
            known = self._known[identity] = self._looked(name, lines, status)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return known

    def _looked(self, name: str, lines: int, status: os.stat_result) -> FilmFile:
        try:
            file = OpenFile(self.path / name)
        except MediaProblem as problem:
            return FilmFile(lines, status.st_size, problem=str(problem))
        except OSError as problem:
            return FilmFile(lines, status.st_size, problem=f"it cannot be read: {problem.strerror}")
        index = file.index
        file.release()
        return FilmFile(lines, status.st_size, index.width, index.height, round(index.duration_s * 1000))

    # Playing.

    def open(self, name: str) -> Ticket[OpenFilm]:
        """Its files are held until `close_film`. Raises RecordMissing, MediaProblem."""
        return self._run(lambda: self._open_film(name), self._keep_open)

    def _open_film(self, name: str) -> OpenFilm:
        files: dict[int, OpenFile] = {}
        problems: list[str] = []
        for entry, status in self._entries():
            known = parsed_file_name(entry)
            if known is None or known[0] != name:
                continue
            try:
                files[known[1]] = self._opened(entry, status)
            except MediaProblem as problem:
                problems.append(f"{entry}: {problem}")
            except OSError as problem:
                problems.append(f"{entry}: it cannot be read: {problem.strerror}")
        if not files and problems:
            raise MediaProblem(f"This film cannot be played. {'; '.join(problems)}.")
        if not files:
            raise RecordMissing("There is no such film on the server.")
        return OpenFilm(name, dict(sorted(files.items())))

    def _opened(self, name: str, status: os.stat_result) -> OpenFile:
        """One that is open already is shared: its table of samples is the larger part of what a play takes."""
        known = self._open.get(_identity(status))
        return known if known is not None and known.hold() else OpenFile(self.path / name)

    def _keep_open(self, film: OpenFilm) -> OpenFilm:
        for file in film.files.values():
            if file.identity not in self._open and file.hold():
                self._open[file.identity] = file
            self._open.move_to_end(file.identity)
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].release()
        return film

    @staticmethod
    def close_film(film: OpenFilm) -> None:
        for file in film.files.values():
            file.release()

    def part(self, film: OpenFilm, lines: int, number: int) -> Ticket[bytes]:
        """Read once for all who ask for it while it is warm."""
        file = film.files[lines]
        key = (file.identity, number)
        ticket = self._parts.get(key)
        if ticket is None or ticket.problem is not None:
            file.hold()
            ticket = self._parts[key] = self._run(lambda: file.part(number))
            ticket.when_settled(lambda settled: self._on_read(file, number, settled))
        self._parts.move_to_end(key)
        return ticket

    def _on_read(self, file: OpenFile, number: int, ticket: Ticket[bytes]) -> None:
        file.release()
        if ticket.problem is None and self._parts.get((file.identity, number)) is ticket:
            self._warm_bytes += len(ticket.result())
        while self._warm_bytes > _WARM_BYTES and len(self._parts) > 1:
            _, cold = self._parts.popitem(last=False)
            if cold.is_settled and cold.problem is None:
                self._warm_bytes -= len(cold.result())

    # Changing.

    def rename(self, name: str, new: str) -> Ticket[None]:
        def work() -> None:
            files = self._files_of(name)
            if self._files_of(new, is_needed=False):
                raise RecordExists("There is a film of that name already.")
            for path, lines in files:
                path.rename(self.path / film_file_name(new, lines))

        return self.run(work)

    def remove(self, name: str, lines: int | None) -> Ticket[None]:
        def work() -> None:
            found = [path for path, has in self._files_of(name) if lines in {None, has}]
            if not found:
                raise RecordMissing("There is no such film on the server.")
            for path in found:
                path.unlink()

        return self.run(work)

    def _files_of(self, name: str, *, is_needed: bool = True) -> list[tuple[Path, int]]:
        known = [(entry, parsed_file_name(entry)) for entry, _ in self._entries()]
        found = [(self.path / entry, parsed[1]) for entry, parsed in known if parsed is not None and parsed[0] == name]
        if is_needed and not found:
            raise RecordMissing("There is no such film on the server.")
        return found


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _quality(lines: int, index: FilmIndex) -> FilmQuality:
    parts = tuple(PartInfo(each.start_s, each.end_s, each.size_bytes, each.is_key) for each in index.parts)
    return FilmQuality(lines, index.head, parts)


def _finished(outcome: Any, finish: Callable[[T], T]) -> object:  # noqa: ANN401 -- T, or why there is none
    return outcome if isinstance(outcome, BaseException) else finish(outcome)


def _problem(cause: OSError, folder: Path) -> LanlineError:
    problem: LanlineError
    if cause.errno in {errno.ENOSPC, errno.EDQUOT}:
        problem = StorageFull(f"There is no room left for {folder}.")
    else:
        problem = FilmsUnusable(f"The folder {folder} cannot be used: {cause.strerror}.")
    problem.__cause__ = cause
    return problem

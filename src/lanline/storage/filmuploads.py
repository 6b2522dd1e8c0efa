"""Owns files of films that are on their way in: each grows beside the films, and becomes one when it is whole.

What was cut short is kept for a week and goes on where it ended. Runs on the threads of the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from lanline.errors import MediaProblem, RecordExists, RecordMissing
from lanline.model.films import film_file_name
from lanline.wholefile import sync_folder
from lanline.wire.mp4.film import read_film

_SUFFIX = ".upload"
_KEPT_S = 7 * 24 * 3600
_PIECE_BYTES = 1024 * 1024


class FilmUploads:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self) -> dict[tuple[int, bytes], int]:
        """What is on the disk already of each that is not whole yet: owner and digest, bytes."""
        found: dict[tuple[int, bytes], int] = {}
        for path in self._folder.glob(f".*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError, ValueError):  # it became whole just now; it is none of ours
                owner, _, digest = path.name[1 : -len(_SUFFIX)].partition("-")
                found[int(owner), bytes.fromhex(digest)] = path.stat().st_size
        return found

    def _path(self, owner: int, digest: bytes) -> Path:
        """Of the same file by the same member, whatever its name."""
        return self._folder / f".{owner}-{digest.hex()}{_SUFFIX}"

    def begin(self, owner: int, name: str, lines: int, digest: bytes) -> int:
        """How much of it is here already. Raises RecordExists."""
        self._folder.mkdir(mode=0o750, exist_ok=True)
        self._check_free(name, lines)
        for path in self._folder.glob(f".*{_SUFFIX}"):
            if time.time() - path.stat().st_mtime > _KEPT_S:
                path.unlink(missing_ok=True)
        path = self._path(owner, digest)
        path.touch(mode=0o640)
        return path.stat().st_size

    def _check_free(self, name: str, lines: int) -> None:
        if (self._folder / film_file_name(name, lines)).exists():
            raise RecordExists(f"The server has {name} in {lines}p already. An admin may remove it first.")

    def put(self, owner: int, digest: bytes, offset: int, data: bytes) -> None:
        try:
            with self._path(owner, digest).open("r+b") as file:
                if offset > os.fstat(file.fileno()).st_size:
                    raise RecordMissing("What comes before this piece of the film is not here. Upload it again.")
                file.seek(offset)
                file.write(data)
        except FileNotFoundError as cause:
            raise RecordMissing("This upload is not known, or not any more. Begin it again.") from cause

    def end(self, owner: int, name: str, lines: int, digest: bytes) -> None:
        """On the disk, and a film, when this returns. Raises MediaProblem for what is none; then it is gone."""
        path = self._path(owner, digest)
        try:
            with path.open("rb") as file:
                _check_digest(path, digest)
                read_film(lambda at, size: os.pread(file.fileno(), size, at), os.fstat(file.fileno()).st_size)
                os.fsync(file.fileno())
        except FileNotFoundError as cause:
            raise RecordMissing("This upload is not known, or not any more. Begin it again.") from cause
        except MediaProblem as problem:
            path.unlink(missing_ok=True)
            text = str(problem)
            raise MediaProblem(text if text[0].isupper() else f"The server takes no such file: {text}.") from problem
        self._check_free(name, lines)
        path.rename(self._folder / film_file_name(name, lines))
        sync_folder(self._folder)


def _check_digest(path: Path, digest: bytes) -> None:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_PIECE_BYTES):
            found.update(data)
    if found.digest() != digest:
        raise MediaProblem("The film arrived damaged. Upload it again.")

"""What a power cut leaves of a database: all that was synced, and any part of what was being written.

SQLite syncs the WAL at the end of every commit, so what a crash can tear is what follows the last one. The files of the
dead process are copied as they lie, the copy's WAL is cut, and the next process gets the copy.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
from pathlib import Path

_WAL_HEADER_BYTES = 32
_IN_MEMORY = Path("/dev/shm")
"""Where a sync costs nothing."""


class Disk:
    """The folders of one run; gone with it."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lanline-sim-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))
        self._numbers = itertools.count()

    def new_folder(self) -> Path:
        folder = self.root / str(next(self._numbers))
        folder.mkdir()
        return folder

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


class Database:
    """One SQLite file with its WAL, and how much of the WAL is known to be synced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._synced: tuple[bytes, int] = (b"", 0)

    def note_synced(self) -> None:
        """Nothing is being written now."""
        self._synced = self._wal_state()

    def _wal_state(self) -> tuple[bytes, int]:
        """A WAL that begins anew has another header: then nothing is known of what its bytes were before."""
        try:
            with self._wal.open("rb") as file:
                return file.read(_WAL_HEADER_BYTES), os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return b"", 0

    def survive(self, folder: Path, rng: random.Random | None) -> None:
        """Copy into a folder what is left; with `rng` the end of what was written since `note_synced` is torn."""
        for file in (self.path, self._wal):
            if file.exists():
                shutil.copy(file, folder / file.name)
        header, size = self._synced
        now_header, now_size = self._wal_state()
        if rng is not None and header == now_header and now_size > size:
            _tear(folder / self._wal.name, rng.randint(size, now_size), now_size, rng)


def _tear(wal: Path, start: int, size: int, rng: random.Random) -> None:
    """A disk writes sectors in any order: the end is missing, or it is not what it should be."""
    with wal.open("r+b") as file:
        if start < size and rng.random() < 0.5:
            file.seek(start)
            file.write(rng.randbytes(rng.randint(1, size - start)))
        else:
            file.truncate(start)

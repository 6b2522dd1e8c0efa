"""Small files that are there whole or not at all, also after a crash, and readable for their owner alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def create_whole(path: Path, data: bytes) -> bool:
    """Write a file that was not there; false when somebody else has just done so."""
    temporary = _write_beside(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def replace_whole(path: Path, data: bytes) -> None:
    _write_beside(path, data).replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A file is on the disk only when its name is."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_beside(path: Path, data: bytes) -> Path:
    """Readable for the owner alone: mkstemp sees to that."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(temporary).unlink()
        raise
    return Path(temporary)

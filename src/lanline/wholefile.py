"""Small files that are there whole or not at all, also after a crash, and readable for their owner alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def create_whole(path: Path, data: bytes) -> bool:
    """Write a file that was not there; false when somebody else has just done so."""
    temporary = _write_beside(path, data)
    try:
        if not give_name(temporary, path):
            return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def give_name(temporary: Path, path: Path) -> bool:
    """To a whole file on the same disk, a name that nobody has; false when somebody has it. The old name may stay."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        return _take_name(temporary, path)
    return True


def _take_name(temporary: Path, path: Path) -> bool:
    """Where a file has one name only, as on a memory stick: the name first, and then what it is of."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    try:
        temporary.replace(path)
    except OSError:
        path.unlink()
        raise
    return True


def replace_whole(path: Path, data: bytes) -> None:
    _write_beside(path, data).replace(path)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """With all above that are missing, each on the disk: a power cut takes none of them with what was put into them."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(folder))


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
    import tempfile  # noqa: PLC0415  which loads compression, and most programs write nothing

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

"""The folder of one run of the tests: in memory where there is room, since to sync a disk takes long and proves nothing
here. What has failed stays there until the next run begins.

It is none of those that pytest numbers: while a run that has passed removes its own, another one may be given the same
number, and then loses its lock, and all its files, to a third.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_MOST_BYTES = 2**30
"""What all tests of a run keep in their folders at once, and more than that."""
_NAME = "lanline-tests-"


def run_folder() -> Path:
    return _place() / f"{_NAME}{os.getpid()}"


def remove_left() -> None:
    """By runs that have failed, or were killed."""
    for folder in _place().glob(f"{_NAME}*"):
        number = folder.name.removeprefix(_NAME)
        if number.isdecimal() and not is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _place() -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        found = os.statvfs(_MEMORY)
        if found.f_bavail * found.f_frsize > _MOST_BYTES and not found.f_flag & os.ST_NOEXEC:
            return _MEMORY
    return Path(tempfile.gettempdir())

"""The client's memory: what was said, who there is, how far one has read, and what waits to be sent. One SQLite file.

The stdlib's sqlite3 and not SQLAlchemy, as the server has it: `lanline send` is to be done in a third of a second, of
which importing SQLAlchemy alone would take one half; and there is one engine, ever, with a handful of statements.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CrashPoint = Callable[[str], None]


class History:
    """Every method is one transaction, on the disk when it returns; several processes may have the file open.

    For a simulation: `crash_point` is called with "begin", "commit" and "committed" around every writing transaction
    and may raise; before "committed" nothing of it may be there afterwards, from then on all of it must.
    `image()` is the state after the last commit; `History.in_memory(image)` goes on from one.
    """

    crash_point: CrashPoint | None

    @classmethod
    def open(cls, path: Path) -> History:
        raise NotImplementedError

    @classmethod
    def in_memory(cls, image: bytes | None = None) -> History:
        raise NotImplementedError

    def image(self) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

"""A server's folder and two people's homes, as a first start and two joins leave them: a test begins with a copy."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import msgspec

from e2e.house import house
from e2e.nodes import end_nodes
from lanline.client.pin import joined_pin, write_pin
from lanline.server.datafolder import DataFolder

DATA = "data"


class Founded:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with house(folder) as made:
            server = made.serve()
            made.join("ann", server.first_invite)
            made.join("ben")
            end_nodes(folder)
            assert server.end() == 0

    def copy(self, folder: Path, port: int, *names: str) -> None:
        """For a server at this port, where the homes of these people look for it."""
        for name in (DATA, *names):
            shutil.copytree(self._folder / name, folder / name)
        _take_as_same(folder / DATA)
        for name in names:
            write_pin(folder / name, msgspec.structs.replace(joined_pin(folder / name), port=port))


def _take_as_same(data: Path) -> None:
    """A server that is copied counts as restored, and would wait for its members before it takes anybody new."""
    mark = DataFolder(data).touch_last_start()
    with contextlib.closing(sqlite3.connect(data / "lanline.sqlite")) as database, database:
        database.execute("UPDATE settings SET value = ? WHERE name = 'last start'", (mark,))

"""A server's folder and two people's homes, as a first start and two joins leave them: a test begins with a copy."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import msgspec

from e2e.house import house
from e2e.nodes import end_nodes
from lanline.client.pin import joined_pin, write_pin
from lanline.server.app import database_in
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
        go_on_as_the_same(folder / DATA)
        for name in names:
            write_pin(folder / name, msgspec.structs.replace(joined_pin(folder / name), port=port))


def go_on_as_the_same(data: Path) -> None:
    """Not as a copy: a server that was restored takes nobody new until its members have told what they know."""
    mark = DataFolder(data).touch_last_start()
    with contextlib.closing(database_in(data).open()) as engine:
        engine.transact([lambda transaction: transaction.settings.put("last start", mark)])

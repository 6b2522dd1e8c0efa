"""Owns the table of what the person of this home has agreed to, until it is done. Nothing else knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from lanline.client.chat.database import Database

GROUP = ""
"""The place that is no room."""
_ROWS = "SELECT place, account, name, role, account_id FROM agreed ORDER BY place, account"


class Agreed(NamedTuple):
    place: str
    """`GROUP`, or a room with its `#`."""
    account: int
    """On the server. One's own: that the group, or the room, is founded."""
    name: str
    role: int
    """`entries.Role` in the group, `entries.RoomRole` in a room."""
    account_id: bytes | None = None
    """From the moment on in which they are let into the group."""


class AgreedTable:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows = [
            Agreed(*row) for row in cast("list[tuple[str, int, str, int, bytes | None]]", database.read(_ROWS))
        ]

    def add(self, rows: Sequence[Agreed]) -> None:
        """All of them, or none: a yes is one."""
        with self._database.write() as writer:
            writer.executemany("INSERT OR REPLACE INTO agreed VALUES (?, ?, ?, ?, ?)", rows)
        new = {(each.place, each.account) for each in rows}
        self.rows = [each for each in self.rows if (each.place, each.account) not in new] + list(rows)

    def settle(self, rows: Sequence[Agreed]) -> None:
        """They are done, or never will be."""
        if not rows:
            return
        with self._database.write() as writer:
            done = [(each.place, each.account) for each in rows]
            writer.executemany("DELETE FROM agreed WHERE place = ? AND account = ?", done)
        self.rows = [each for each in self.rows if (each.place, each.account) not in done]

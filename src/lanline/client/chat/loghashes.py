"""Owns the table of hashes over logs: of the newest place, and of older ones at distances that grow.

Where a log is cut, as after a restore of the server, the nearest older hash is the one to go on from. What is hashed:
`client/sealing/logchain`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lanline.client.chat.database import Database
from lanline.client.sealing.logchain import Seen

_MAX_KEPT = 160
_ALL_OF_NEWEST = 16


def put_hash(writer: sqlite3.Connection, log: int, seen: Seen) -> None:
    writer.execute("INSERT OR REPLACE INTO log_hashes VALUES (?, ?, ?)", (log, *seen))
    rows = writer.execute("SELECT place FROM log_hashes WHERE log = ? ORDER BY place DESC", (log,)).fetchall()
    if len(rows) > _MAX_KEPT:
        dropped = [(log, place) for place in too_near([place for (place,) in rows])]
        writer.executemany("DELETE FROM log_hashes WHERE log = ? AND place = ?", dropped)


def cut_hashes(writer: sqlite3.Connection, log: int, through: int) -> None:
    writer.execute("DELETE FROM log_hashes WHERE log = ? AND place > ?", (log, through))


def hash_at_or_below(database: Database, log: int, place: int) -> Seen | None:
    rows = database.read(
        "SELECT place, hash FROM log_hashes WHERE log = ? AND place <= ? ORDER BY place DESC LIMIT 1", (log, place)
    )
    return (rows[0][0], rows[0][1]) if rows else None


def too_near(places: Sequence[int]) -> list[int]:
    """Newest first. Of the others one is left in each stretch, and stretches are longer the further back they lie."""
    newest, left, dropped = places[0], set[tuple[int, int]](), []
    for each in reversed(places[_ALL_OF_NEWEST:]):
        length = 1 << ((newest - each) // 4).bit_length() - 1
        stretch = length, each // length
        if stretch in left:
            dropped.append(each)
        left.add(stretch)
    return dropped

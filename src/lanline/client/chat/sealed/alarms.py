"""Owns what this device has found wrong with its server: kept in the home, and told once in a run of the program.

It is never said to the server, which is the one accused.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from lanline.client.chat.database import Database
from lanline.client.view.events import NodeEvent, Warned
from lanline.clock import Clock
from lanline.model.alarms import Alarm, AlarmKind

_MAX_KEPT = 10_000


class KeptAlarm(NamedTuple):
    number: int
    time_ms: int
    kind: str
    who: str
    room: str
    text: str


class Alarms:
    def __init__(self, database: Database, clock: Clock, tell: Callable[[NodeEvent], None]) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell
        self._has_audience = True
        self._known: set[tuple[AlarmKind, str, str]] = set()

    def ring(self, alarm: Alarm) -> None:
        """Of the same about the same people in the same conversation one is enough."""
        if self.has_rung(alarm):
            return
        self._known.add(_key(alarm))
        self._keep(alarm, is_told=self._has_audience)
        if self._has_audience:
            self._tell(Warned(alarm.text, alarm.kind.value, alarm.who, alarm.room))

    def has_rung(self, alarm: Alarm) -> bool:
        return _key(alarm) in self._known

    def ring_later(self, alarm: Alarm) -> None:
        """To whoever comes next: nobody can be there yet."""
        self._keep(alarm, is_told=False)

    def _keep(self, alarm: Alarm, *, is_told: bool) -> None:
        row = self._clock.now_ms(), alarm.kind.value, alarm.who, alarm.room, alarm.text, is_told
        with self._database.write() as writer:
            writer.execute(
                "INSERT INTO alarms (time_ms, kind, who, room, text, is_told) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, is_told = excluded.is_told",
                row,
            )
            writer.execute("DELETE FROM alarms WHERE number <= (SELECT max(number) FROM alarms) - ?", (_MAX_KEPT,))

    def take(self, kind: AlarmKind) -> str:
        """The text of one that nobody was told; empty: there is none."""
        untold = self._database.read("SELECT text FROM alarms WHERE kind = ? AND NOT is_told", (kind.value,))
        if untold:
            self._database.run("UPDATE alarms SET is_told = 1 WHERE kind = ?", (kind.value,))
        return str(untold[-1][0]) if untold else ""

    def set_audience(self, *, is_there: bool) -> None:
        """What was found while nobody was there to hear it is told to who comes."""
        self._has_audience = is_there
        untold = self._database.read("SELECT text, kind, who, room FROM alarms WHERE NOT is_told ORDER BY number")
        if is_there and untold:
            self._database.run("UPDATE alarms SET is_told = 1")
            for row in untold:
                self._tell(Warned(*cast("tuple[str, str, str, str]", row)))


def _key(alarm: Alarm) -> tuple[AlarmKind, str, str]:
    return alarm.kind, alarm.who, alarm.room if alarm.kind is not AlarmKind.GROUP else alarm.text


def alarms_kept_in(database: Path, last: int) -> list[KeptAlarm]:
    """The newest, oldest first, also while another program has the home."""
    select = "SELECT number, time_ms, kind, who, room, text FROM alarms ORDER BY time_ms DESC, number DESC LIMIT ?"
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return [KeptAlarm(*row) for row in connection.execute(select, (last,))][::-1]
    except sqlite3.Error:  # there is none yet, or it is of an older version
        return []

"""Owns what this device has told of its server: kept in the home, told once in a run of the program, also to who comes
later. It is never said to the server, which is the one accused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec

from lanline.client.chat.database import Database
from lanline.client.view.events import NodeEvent, Warned
from lanline.clock import Clock
from lanline.model.alarms import Alarm, AlarmKind

_MAX_KEPT = 10_000


class KeptAlarm(msgspec.Struct, frozen=True):
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
        self._told: set[tuple[AlarmKind, str, str]] = set()

    def ring(self, alarm: Alarm) -> None:
        """Of the same about the same people in the same conversation one is enough."""
        key = alarm.kind, alarm.who, alarm.room if alarm.kind is not AlarmKind.GROUP else alarm.text
        if key in self._told:
            return
        self._told.add(key)
        self._keep(alarm)
        self._tell(Warned(alarm.text, alarm.kind.value, alarm.who, alarm.room))

    def _keep(self, alarm: Alarm) -> None:
        with self._database.write() as writer:
            writer.execute(
                "INSERT INTO alarms (time_ms, kind, who, room, text) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms",
                (self._clock.now_ms(), alarm.kind.value, alarm.who, alarm.room, alarm.text),
            )
            writer.execute(
                "DELETE FROM alarms WHERE number <= (SELECT max(number) FROM alarms) - ?",
                (_MAX_KEPT,),
            )


def kept_alarms(database: Database, last: int) -> list[KeptAlarm]:
    """The newest, oldest first."""
    rows = database.read(
        "SELECT number, time_ms, kind, who, room, text FROM alarms ORDER BY time_ms DESC, number DESC LIMIT ?", (last,)
    )
    found = cast("list[tuple[int, int, str, str, str, str]]", rows)
    return [KeptAlarm(*row) for row in reversed(found)]

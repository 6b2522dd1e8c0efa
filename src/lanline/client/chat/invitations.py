"""Owns the rooms into which this account is asked: by whom, and whether its person was told, which is once.

The server tells of those that are open at each sign-in.
"""

from __future__ import annotations

from lanline.client.chat.context import NodeContext
from lanline.client.chat.directory import Directory
from lanline.client.view.events import InvitedToRoom
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import conversations as wire


class Invitations:
    def __init__(self, context: NodeContext, directory: Directory) -> None:
        self._database = context.history.database
        self._tell = context.tell
        self._directory = directory
        self._told: dict[int, int] = dict(self._database.read("SELECT log, by FROM invitations"))
        """By whom, for each room of which the person was told."""
        self._open: dict[int, InvitedToRoom] = {}

    def on_invited(self, message: wire.InvitedToRoom) -> None:
        log, by = message.room.log, message.by
        invited = InvitedToRoom(
            "#" + display_name(message.room.name.removeprefix("#")),
            safe_line(message.room.topic),
            by,
            self._directory.name_of(by),
            log,
        )
        self._open[log] = invited
        if message.is_new:
            self._forget(log)
        if self._told.get(log) != by:
            self._tell(invited)

    @property
    def untold(self) -> tuple[InvitedToRoom, ...]:
        return tuple(each for log, each in self._open.items() if self._told.get(log) != each.by)

    def inviter(self, log: int) -> str:
        """Empty: this account is not asked there."""
        return self._open[log].by_name if log in self._open else ""

    def note_told(self, log: int) -> None:
        if log in self._open and self._told.get(log) != self._open[log].by:
            self._told[log] = self._open[log].by
            with self._database.write() as writer:
                writer.execute("INSERT OR REPLACE INTO invitations VALUES (?, ?)", (log, self._told[log]))

    def drop(self, log: int) -> None:
        """It was used, or is no more; another one is news."""
        self._open.pop(log, None)
        self._forget(log)

    def _forget(self, log: int) -> None:
        if self._told.pop(log, None) is not None:
            with self._database.write() as writer:
                writer.execute("DELETE FROM invitations WHERE log = ?", (log,))

    def begin_link(self) -> None:
        self._open = {}

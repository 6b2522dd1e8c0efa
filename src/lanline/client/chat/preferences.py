"""Owns what a person has set on this device, for all programs of the home, and what it has told them once.

That is what they want to be called for, whose words they do not want to see, the invitations they know of, and when
they were reminded last of the recovery key that they lack.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lanline.client.chat.context import NodeContext
from lanline.client.chat.history import History
from lanline.client.view.events import InvitedToRoom
from lanline.client.view.values import Notifying
from lanline.clock import Clock
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import conversations as wire

_NOTIFYING = "notifying"
_REMINDED_MS = "reminded_ms"
_REMINDED_AGAIN_AFTER_MS = 24 * 60 * 60 * 1000


class Preferences:
    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self.notifying = _decoded(history.facts().get(_NOTIFYING, ""))

    def put_notifying(self, notifying: Notifying) -> None:
        self._history.put_facts(**{_NOTIFYING: msgspec.json.encode(notifying).decode()})
        self.notifying = notifying

    @property
    def is_reminder_due(self) -> bool:
        """Also where the clock has gone back behind the last time."""
        reminded_ms = self._history.database.fact(_REMINDED_MS, -_REMINDED_AGAIN_AFTER_MS)
        return not 0 <= self._clock.now_ms() - reminded_ms < _REMINDED_AGAIN_AFTER_MS

    def note_reminded(self) -> None:
        self._history.put_facts(**{_REMINDED_MS: self._clock.now_ms()})


def _decoded(kept: str | int) -> Notifying:
    """As it is at first where nothing is kept, or what a newer program has kept."""
    try:
        return msgspec.json.decode(str(kept), type=Notifying)
    except msgspec.DecodeError:
        return Notifying()


class Ignoring:
    """Whose words are not shown. They are kept, and shown once that ends.

    By the account, and only while it has the name under which it was ignored: a restored server may give its number to
    somebody else.
    """

    def __init__(self, history: History) -> None:
        self._database = history.database
        rows = history.database.read("SELECT account, name FROM ignored ORDER BY name")
        self.names: dict[int, str] = dict(rows)

    def __contains__(self, account: object) -> bool:
        return account in self.names

    def put(self, account: int, name: str, *, is_ignored: bool) -> bool:
        """False: it was so already."""
        if is_ignored is (account in self.names):
            return False
        with self._database.write() as writer:
            if is_ignored:
                writer.execute("INSERT OR REPLACE INTO ignored VALUES (?, ?)", (account, name))
            else:
                writer.execute("DELETE FROM ignored WHERE account = ?", (account,))
        self.names = {**self.names, account: name}
        if not is_ignored:
            del self.names[account]
        return True

    def note_name(self, account: int, name: str) -> None:
        if account in self.names and self.names[account] != name:
            self.put(account, name, is_ignored=False)


class Invitations:
    """The rooms into which this account is asked: told to the person once, and by the server at each sign-in."""

    def __init__(self, context: NodeContext, name_of: Callable[[int], str]) -> None:
        self._database = context.history.database
        self._tell = context.tell
        self._name_of = name_of
        self._told: dict[int, int] = dict(self._database.read("SELECT log, by FROM invitations"))
        """By whom, for each room of which the person was told."""
        self._open: dict[int, InvitedToRoom] = {}

    def on_invited(self, message: wire.InvitedToRoom) -> None:
        log, by = message.room.log, message.by
        invited = InvitedToRoom(
            "#" + display_name(message.room.name.removeprefix("#")),
            safe_line(message.room.topic),
            by,
            self._name_of(by),
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
            self._database.run("INSERT OR REPLACE INTO invitations VALUES (?, ?)", (log, self._told[log]))

    def drop(self, log: int) -> None:
        """It was used, or is no more; another one is news."""
        self._open.pop(log, None)
        self._forget(log)

    def _forget(self, log: int) -> None:
        if self._told.pop(log, None) is not None:
            self._database.run("DELETE FROM invitations WHERE log = ?", (log,))

    def begin_link(self) -> None:
        self._open = {}

"""The table of clients, told as it changes: what happens together, or shortly after, is told together."""

from __future__ import annotations

from lanline.server.session import Session
from lanline.server.state import ServerState
from lanline.wire.chat.directory import People, PeopleChanged, Person

_PEOPLE_IN_MESSAGE = 1000


class Notices:
    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._is_due = False
        self._next_at = 0.0

    def request_push(self) -> None:
        """At once, that is at the end of this turn; while changes follow each other quickly, a little later."""
        if not self._is_due:
            self._is_due = True
            wait_s = max(0.0, self._next_at - self._state.clock.now())
            self._state.clock.call_later(wait_s, self._push)

    def _push(self) -> None:
        self._is_due = False
        self._next_at = self._state.clock.now() + self._state.settings.presence_interval_s
        changed = [self._state.directory.account(account) for account in self._state.presence.take_changed()]
        people = tuple(self._state.person(account) for account in changed if account is not None)
        for start in range(0, len(people), _PEOPLE_IN_MESSAGE):
            self._state.tell_all(PeopleChanged(people[start : start + _PEOPLE_IN_MESSAGE]))

    def send_table(self, session: Session) -> None:
        people: list[Person] = [self._state.person(account) for account in self._state.directory.all()]
        starts = range(0, max(1, len(people)), _PEOPLE_IN_MESSAGE)
        for start in starts:
            piece = tuple(people[start : start + _PEOPLE_IN_MESSAGE])
            session.send(People(piece, is_last=start == starts[-1]))

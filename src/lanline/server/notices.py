"""The table of clients, told as it changes: what happens together, or shortly after, is told together."""

from __future__ import annotations

from collections.abc import Iterable

from lanline.model.accounts import Account, AccountId
from lanline.server.session import Session
from lanline.server.state import ServerState
from lanline.wire.chat.directory import People, PeopleChanged, Person

_PEOPLE_IN_MESSAGE = 1000


class Notices:
    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._table: dict[AccountId, Person] = {}
        """As it was told last. Made anew for everybody who signs in, it would cost more than all the rest of that."""
        self._is_due = False
        self._next_at = 0.0

    def load(self) -> None:
        self._refresh(account.id for account in self._state.directory.all())

    def request_push(self) -> None:
        """At once, that is at the end of this turn; while changes follow each other quickly, a little later."""
        if not self._is_due:
            self._is_due = True
            wait_s = max(0.0, self._next_at - self._state.clock.now())
            self._state.clock.call_later(wait_s, self._push)

    def _push(self) -> None:
        self._is_due = False
        self._next_at = self._state.clock.now() + self._state.settings.presence_interval_s
        people = self._refresh(self._state.presence.take_changed())
        for start in range(0, len(people), _PEOPLE_IN_MESSAGE):
            self._state.tell_all(PeopleChanged(tuple(people[start : start + _PEOPLE_IN_MESSAGE])))

    def tell_new(self, account: AccountId) -> None:
        """Before anything else is told of them: nobody hears of somebody they do not know."""
        self._state.tell_all(PeopleChanged(tuple(self._refresh([account]))))

    def send_table(self, session: Session) -> None:
        self._refresh(self._state.presence.changed)
        people = tuple(self._table.values())
        starts = range(0, max(1, len(people)), _PEOPLE_IN_MESSAGE)
        for start in starts:
            session.send(People(people[start : start + _PEOPLE_IN_MESSAGE], is_last=start == starts[-1]))

    def _refresh(self, accounts: Iterable[AccountId]) -> list[Person]:
        people: list[Person] = []
        for number in accounts:
            account = self._state.directory.account(number)
            if account is not None:
                person = self._table[number] = self._person(account)
                people.append(person)
        return people

    def _person(self, account: Account) -> Person:
        seen = self._state.presence.of(account.id)
        return Person(
            account.id,
            account.name,
            seen.is_online,
            seen.address if self._state.settings.tells_addresses else "",
            seen.seen_ms or account.created_ms,
            account.is_admin,
            account.is_banned,
        )

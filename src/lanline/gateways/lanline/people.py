"""Owns the table of clients as it is told: whole once, then what changed, together with what changes shortly after."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lanline.clock import Clock
from lanline.core.changes import AccountChanged, PresenceChanged
from lanline.core.core import Core
from lanline.gateways.lanline.session import Session
from lanline.model.accounts import Account, AccountId
from lanline.wire.chat.directory import People, PeopleChanged, Person
from lanline.wire.chat.messages import ServerMessage

_PEOPLE_IN_MESSAGE = 1000


class PeopleTable:
    def __init__(self, core: Core, clock: Clock, tell_all: Callable[[ServerMessage], None]) -> None:
        self._core = core
        self._clock = clock
        self._tell_all = tell_all
        self._table: dict[AccountId, Person] = {}
        """As it was told last. Made anew for everybody who signs in, it would cost more than all the rest of that."""
        self._changed: dict[AccountId, None] = {}
        self._is_due = False
        self._next_at = 0.0

    def load(self) -> None:
        self._refresh(account.id for account in self._core.accounts.all())

    def note(self, change: AccountChanged | PresenceChanged) -> None:
        if isinstance(change, PresenceChanged):
            self._changed[change.account] = None
        elif change.is_new:
            # Before anything else is told of them: nobody hears of somebody they do not know.
            self._tell_all(PeopleChanged(tuple(self._refresh([change.account.id]))))
            return
        else:
            self._changed[change.account.id] = None
        self._request_push()

    def _request_push(self) -> None:
        """At once, that is at the end of this turn; while changes follow each other quickly, a little later."""
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(max(0.0, self._next_at - self._clock.now()), self._push)

    def _push(self) -> None:
        self._is_due = False
        self._next_at = self._clock.now() + self._core.settings.presence_interval_s
        changed, self._changed = self._changed, {}
        people = self._refresh(changed)
        for start in range(0, len(people), _PEOPLE_IN_MESSAGE):
            self._tell_all(PeopleChanged(tuple(people[start : start + _PEOPLE_IN_MESSAGE])))

    def send_all(self, session: Session) -> None:
        self._refresh(self._changed)
        people = tuple(self._table.values())
        starts = range(0, max(1, len(people)), _PEOPLE_IN_MESSAGE)
        for start in starts:
            session.send(People(people[start : start + _PEOPLE_IN_MESSAGE], is_last=start == starts[-1]))

    def _refresh(self, accounts: Iterable[AccountId]) -> list[Person]:
        people: list[Person] = []
        for number in accounts:
            account = self._core.accounts.get(number)
            if account is not None:
                person = self._table[number] = self._person(account)
                people.append(person)
        return people

    def _person(self, account: Account) -> Person:
        seen = self._core.presence.of(account.id)
        return Person(
            account.id,
            account.name,
            seen.is_online,
            seen.address if self._core.settings.tells_addresses else "",
            seen.seen_ms or account.created_ms,
            account.is_admin,
            account.is_banned,
        )

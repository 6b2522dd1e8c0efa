"""Owns the table of clients as it is told: whole once, then what changed, together with what changes shortly after."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from lanline.clock import Clock
from lanline.core.changes import AccountChanged, PresenceChanged
from lanline.core.core import Core
from lanline.gateways.lanline.session import Session
from lanline.model.accounts import Account, AccountId
from lanline.model.addresses import Reach, host_of, reach_of
from lanline.proto.framing import frame_message
from lanline.wire.chat.directory import People, PeopleChanged, Person
from lanline.wire.chat.messages import encode_message

_PEOPLE_IN_MESSAGE = 1000
_REST_S = 0.0005
"""After something was told, for each who was told it: otherwise, while very many come one after another, to tell those
who are there of each would cost more than to let them in."""


class PeopleTable:
    def __init__(self, core: Core, clock: Clock, signed_in: Collection[Session]) -> None:
        self._core = core
        self._clock = clock
        self._signed_in = signed_in
        self._tables: dict[Reach, dict[AccountId, Person]] = {reach: {} for reach in Reach}
        """As it is now, for those who are there. Made anew for everybody who signs in, it would cost more than all the
        rest of that."""
        self._changed: dict[AccountId, None] = {}
        """Of whom nobody has been told yet."""
        self._is_due = False
        self._next_at = 0.0

    def load(self) -> None:
        for account in self._core.accounts.all():
            self._put(account)

    def note(self, change: AccountChanged | PresenceChanged) -> None:
        number = change.account if isinstance(change, PresenceChanged) else change.account.id
        account = self._core.accounts.get(number)
        if account is None:
            return
        self._put(account)
        if isinstance(change, AccountChanged) and change.is_new:
            # Before anything else is told of them: nobody hears of somebody they do not know.
            self._tell([number])
        else:
            self._changed[number] = None
            self._request_push()

    def _request_push(self) -> None:
        """At once, that is at the end of this turn; while changes follow each other quickly, a little later."""
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(max(0.0, self._next_at - self._clock.now()), self._push)

    def _push(self) -> None:
        self._is_due = False
        interval_s = max(self._core.settings.presence_interval_s, _REST_S * len(self._signed_in))
        self._next_at = self._clock.now() + interval_s
        changed, self._changed = self._changed, {}
        self._tell(list(changed))

    def _tell(self, accounts: list[AccountId]) -> None:
        """Encoded once for all who are told the same."""
        for start in range(0, len(accounts), _PEOPLE_IN_MESSAGE):
            piece = accounts[start : start + _PEOPLE_IN_MESSAGE]
            framed: dict[Reach, bytes] = {}
            for session in list(self._signed_in):
                reach = reach_of(session.address[0])
                if reach not in framed:
                    people = tuple(map(self._tables[reach].__getitem__, piece))
                    framed[reach] = frame_message(encode_message(PeopleChanged(people)))
                session.send_framed(framed[reach])

    def send_all(self, session: Session) -> None:
        people = tuple(self._tables[reach_of(session.address[0])].values())
        starts = range(0, max(1, len(people)), _PEOPLE_IN_MESSAGE)
        for start in starts:
            session.send(People(people[start : start + _PEOPLE_IN_MESSAGE], is_last=start == starts[-1]))

    def _put(self, account: Account) -> None:
        person = self._person(account)
        unplaced = msgspec.structs.replace(person, address="")
        for reach, table in self._tables.items():
            table[account.id] = person if self._is_told(person.address, reach) else unplaced

    def _is_told(self, address: str, reach: Reach) -> bool:
        """Neighbours are told each other's addresses, for they can call them; nobody is told a public one."""
        tells = self._core.settings.tells_addresses
        if tells == "private":
            return reach is not Reach.PUBLIC and reach_of(host_of(address)) is reach
        return tells == "all"

    def _person(self, account: Account) -> Person:
        seen = self._core.presence.of(account.id)
        return Person(
            account.id,
            account.name,
            seen.is_online,
            seen.address,
            seen.seen_ms or account.created_ms,
            account.is_admin,
            account.is_banned,
            account.is_ended,
        )

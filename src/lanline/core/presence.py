"""Owns who is online, where they are, and when they were seen last; and keeps that for the next start.

What others are told is moved by the stream of changes. How many links each has is this process's own to count.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from lanline.clock import Clock
from lanline.core.changes import AccountChanged, Handlers, PresenceChanged
from lanline.errors import StorageError
from lanline.model.accounts import AccountId
from lanline.model.addresses import host_of
from lanline.storage.api import Store, Transaction, View

_LOG = logging.getLogger(__name__)
_SETTING = "whereabouts"
_KEEP_EVERY_S = 60.0

_Kept = dict[int, tuple[str, int]]
_decoder = msgspec.msgpack.Decoder(_Kept)


class Presence:
    def __init__(self, store: Store, clock: Clock, emit: Callable[[Sequence[PresenceChanged]], None]) -> None:
        self._store = store
        self._clock = clock
        self._emit = emit
        self._people: dict[AccountId, PresenceChanged] = {}
        self._links: dict[AccountId, int] = {}
        self._attended: dict[AccountId, int] = {}
        """So many of their links have somebody who sits there: these make them online."""
        self._ended: set[AccountId] = set()
        """Accounts that were deleted since the start."""
        self._is_kept = True
        self._is_due = False
        self._is_closed = False

    def load(self, view: View) -> None:
        """A table that cannot be read is no reason not to start: it is about the past."""
        try:
            kept = _decoder.decode(view.settings.get(_SETTING) or msgspec.msgpack.encode({}))
        except msgspec.DecodeError:
            return
        for account, (address, seen_ms) in kept.items():
            self._people[AccountId(account)] = PresenceChanged(AccountId(account), False, address, seen_ms)

    def handlers(self) -> Handlers:
        return {PresenceChanged: self._note, AccountChanged: self._note_account}

    def _note(self, change: PresenceChanged) -> None:
        if change.account in self._ended:
            change = msgspec.structs.replace(change, address="")
        self._people[change.account] = change

    def _note_account(self, change: AccountChanged) -> None:
        """Where somebody was who is gone is nobody's concern."""
        if change.account.is_ended:
            self._ended.add(change.account.id)
            if change.account.id in self._people:
                self._note(self._people[change.account.id])
            self._is_kept = False
            self._request_keeping()

    def of(self, account: AccountId) -> PresenceChanged:
        found = self._people.get(account)
        return PresenceChanged(account, False, "", 0) if found is None else found

    def links(self, account: AccountId) -> int:
        return self._links.get(account, 0)

    def hosts(self) -> list[str]:
        """Where people were seen last, the latest last."""
        seen = sorted((person for person in self._people.values() if person.address), key=lambda each: each.seen_ms)
        return [host_of(person.address) for person in seen]

    @property
    def online(self) -> int:
        return sum(person.is_online for person in self._people.values())

    def come(self, account: AccountId, address: str, *, is_away: bool = False) -> None:
        """One more link of theirs."""
        _count(self._links, account, 1)
        if is_away:
            before = self.of(account)
            self._change(account, before.address if before.is_online else address, is_told=False)
        else:
            self.attend(account, address)

    def attend(self, account: AccountId, address: str) -> None:
        """Somebody sits at one of their links who did not before."""
        _count(self._attended, account, 1)
        self._change(account, address, is_told=not self.of(account).is_online or self.of(account).address != address)

    def leave(self, account: AccountId) -> None:
        """Nobody sits at one of their links any more, which goes on."""
        _count(self._attended, account, -1)
        self._change(account, self.of(account).address, is_told=account not in self._attended)

    def move(self, account: AccountId, address: str) -> None:
        person = self.of(account)
        if person.is_online and person.address != address:
            self._emit((msgspec.structs.replace(person, address=address),))

    def go(self, account: AccountId, *, is_away: bool = False) -> None:
        """One link of theirs less; who has none left at which somebody sits is offline."""
        _count(self._links, account, -1)
        if not is_away:
            _count(self._attended, account, -1)
        self._change(account, self.of(account).address, is_told=account not in self._attended)

    def _change(self, account: AccountId, address: str, *, is_told: bool) -> None:
        change = PresenceChanged(account, account in self._attended, address, self._clock.now_ms())
        if is_told:
            self._emit((change,))
        else:
            self._note(change)  # only when they were seen is another, which is told with the next change
        self._is_kept = False
        self._request_keeping()

    def _request_keeping(self) -> None:
        if not self._is_due and not self._is_closed:
            self._is_due = True
            self._clock.call_later(_KEEP_EVERY_S, self._keep_again)

    def _keep_again(self) -> None:
        self._is_due = False
        if self._is_closed:
            return
        try:
            self._keep()
        except StorageError:
            _LOG.exception("When people were seen last could not be handed to the store.")
        if self._links:
            self._request_keeping()

    def close(self) -> None:
        """Raises StorageError."""
        self._is_closed = True
        self._keep()

    def _keep(self) -> None:
        """Who is online is seen now."""
        if self._is_kept and not self._links:
            return
        self._is_kept = True
        now_ms = self._clock.now_ms()
        kept = {
            int(account): (person.address, now_ms if person.is_online else person.seen_ms)
            for account, person in self._people.items()
        }
        self._store.write(partial(_write_record, record=msgspec.msgpack.encode(kept)))


def _count(links: dict[AccountId, int], account: AccountId, step: int) -> None:
    """Accounts without any are left out."""
    number = links.pop(account, 0) + step
    if number:
        links[account] = number


def _write_record(transaction: Transaction, record: bytes) -> None:
    transaction.settings.put(_SETTING, record)

"""Owns what is noted in the journal, and how much of it: each deed in its own transaction, wrong passwords as counts.

Bounded: a member notes so much in an hour, strangers are counted by the hour, and the oldest goes first.
"""

from __future__ import annotations

import logging
from functools import partial

import msgspec

from lanline.clock import Clock
from lanline.core.changes import Actor
from lanline.core.commands import Authority
from lanline.errors import StorageError
from lanline.model.addresses import network_of
from lanline.model.journal import (
    MAX_DETAIL_CHARS,
    MAX_ENTRIES_OF_MEMBER,
    MAX_JOURNAL_ENTRIES,
    OPERATOR,
    STRANGER,
    Deed,
    JournalEntry,
    NewJournalEntry,
)
from lanline.model.text import safe_line
from lanline.storage.api import Store, Transaction, View
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_WRITE_EVERY_S = 10.0
_MAX_TRIED = 20
"""Names and networks in an hour that stand apart; those beyond are counted together."""


def note(transaction: Transaction, by: Authority, deed: Deed, whom: str = "", room: str = "", detail: str = "") -> None:
    """Whoever it is has done it, if this transaction is committed."""
    if not by.is_admin:
        noted = transaction.journal.count_since(by.account, by.context.now_ms - _HOUR_MS)
        if noted > MAX_ENTRIES_OF_MEMBER:
            return
        if noted == MAX_ENTRIES_OF_MEMBER:
            deed, whom, room, detail = Deed.MORE, "", "", "what else this account does in the hour is not noted"
    note_by(transaction, by.context.now_ms, by.actor, deed, whom, room, detail)


def note_by(
    transaction: Transaction, now_ms: int, actor: Actor, deed: Deed, whom: str = "", room: str = "", detail: str = ""
) -> None:
    """As often as it comes."""
    account = transaction.accounts.by_id(actor.account)
    name = OPERATOR if actor.is_operator else "" if account is None else account.name
    shown = safe_line(detail)[:MAX_DETAIL_CHARS]
    transaction.journal.add(NewJournalEntry(now_ms, deed, actor.account, name, whom, room, shown))


def prune(transaction: Transaction, now_ms: int, kept_days: int) -> None:
    transaction.journal.prune(now_ms - kept_days * _DAY_MS, MAX_JOURNAL_ENTRIES)


class ReadJournal(msgspec.Struct, frozen=True):
    after: int
    """0: the newest."""
    limit: int

    def look(self, view: View, by: Authority) -> list[JournalEntry]:
        by.check_admin()
        return view.journal.after(self.after, self.limit) if self.after else view.journal.newest(self.limit)


_Key = tuple[int, str, str]
"""Which hour, whose name, from where."""


class WrongPasswords:
    """Counted in memory and written now and then: who guesses fills no disk, however long."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: dict[_Key, tuple[int, int | None]] = {}
        """With the number of what was written of it."""
        self._unwritten: set[_Key] = set()
        self._is_due = False

    def note(self, name: str, host: str) -> None:
        """`name` is that of an account; empty: nobody has the one that was tried."""
        hour = self._clock.now_ms() // _HOUR_MS
        if not any(each[0] == hour for each in self._counts):
            self._counts = {key: count for key, count in self._counts.items() if key in self._unwritten}
        key = hour, name, network_of(host)
        if key not in self._counts and len(self._counts) >= _MAX_TRIED:
            key = hour, "", ""
        count, written = self._counts.get(key, (0, None))
        self._counts[key] = count + 1, written
        self._unwritten.add(key)
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(_WRITE_EVERY_S, self._write_due)

    def _write_due(self) -> None:
        self._is_due = False
        try:
            self.write()
        except StorageError:
            _LOG.exception("Wrong passwords could not be handed to the journal.")

    def write(self) -> None:
        """What is not written yet. Raises StorageError."""
        keys, self._unwritten = self._unwritten, set()
        if keys:
            counts = {key: self._counts[key] for key in keys}
            ticket = self._store.write(partial(_write_counts, now_ms=self._clock.now_ms(), counts=counts))
            ticket.when_settled(partial(self._settled, keys))

    def _settled(self, keys: set[_Key], ticket: Ticket[dict[_Key, int]]) -> None:
        if ticket.problem is not None:
            _LOG.error("Wrong passwords could not be noted in the journal.", exc_info=ticket.problem)
            self._unwritten |= keys
            return
        for key, number in ticket.result().items():
            if key in self._counts:
                self._counts[key] = self._counts[key][0], number


def _write_counts(transaction: Transaction, now_ms: int, counts: dict[_Key, tuple[int, int | None]]) -> dict[_Key, int]:
    return {
        (hour, name, network): transaction.journal.add(
            NewJournalEntry(
                now_ms,
                Deed.WRONG_PASSWORD,
                None,
                STRANGER,
                whom=name,
                detail=f"from {network}" if network else "from many places",
                count=count,
            ),
            replaces=written,
        )
        for (hour, name, network), (count, written) in sorted(counts.items())
    }

"""Owns how far each device has received and read: taken in at once, written at most once a second, told once it is
written.

What was written and is told, the marks of accounts, is moved by the stream of changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lanline.clock import Clock
from lanline.core.changes import (
    Actor,
    ConversationEnded,
    CursorMoved,
    DirectOpened,
    Handlers,
    MemberStepped,
    RoomChanged,
)
from lanline.core.furthest import Furthest
from lanline.errors import StorageError
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Cursor, LogId
from lanline.storage.api import Store, Transaction, View
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
WRITE_INTERVAL_S = 1.0
_NOWHERE = Cursor()
Key = tuple[LogId, DeviceId]
Found = dict[LogId, dict[DeviceId, Cursor]]


class Cursors:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        head_for: Callable[[LogId, AccountId], int | None],
        account_of: Callable[[DeviceId], AccountId | None],
        emit: Callable[[Sequence[CursorMoved]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._head_for = head_for
        self._account_of = account_of
        self._emit = emit
        self._marks: dict[LogId, dict[AccountId, Cursor]] = {}
        """How far each account has come, on whichever of its devices. Of logs that somebody has asked for."""
        self._furthest: dict[LogId, Furthest] = {}
        """Of the same logs."""
        self._unwritten: dict[Key, Cursor] = {}
        self._said_by: dict[Key, Actor | None] = {}
        """By whom alone a move that is not yet written was said; None: by several programs of the device."""
        self._is_due = False
        self._is_closed = False

    # Moves.

    def advance(self, actor: Actor, cursors: Iterable[tuple[LogId, int, int]]) -> None:
        """Log, delivered, read. Never back, and not past the head as everybody knows it."""
        for log, delivered, read in cursors:
            head = self._head_for(log, actor.account)
            if head is not None:
                self._take((log, actor.device), min(delivered, head), min(read, head), actor)
        self._request_write()

    def _take(self, key: Key, delivered: int, read: int, by: Actor | None) -> None:
        stands = self._unwritten.get(key, _NOWHERE)
        if delivered > stands.delivered or read > stands.read:
            self._unwritten[key] = stands.advanced(delivered, read)
        self._said_by[key] = by if self._said_by.get(key, by) is by else None

    def _request_write(self) -> None:
        if not self._is_due and not self._is_closed:
            self._is_due = True
            self._clock.call_later(WRITE_INTERVAL_S, self._write_due)

    def _write_due(self) -> None:
        self._is_due = False
        if self._is_closed:
            return
        try:
            self._write()
        except StorageError:
            _LOG.exception("How far everybody has come could not be handed to the store.")

    def close(self) -> None:
        """Raises StorageError."""
        self._is_closed = True
        self._write()

    def _write(self) -> None:
        cursors, self._unwritten = self._unwritten, {}
        said_by, self._said_by = self._said_by, {}
        if cursors:
            ticket = self._store.write(partial(_write_cursors, cursors=cursors))
            ticket.when_settled(partial(self._settled, cursors, said_by))

    def _settled(
        self, cursors: dict[Key, Cursor], said_by: dict[Key, Actor | None], ticket: Ticket[dict[Key, Cursor]]
    ) -> None:
        if isinstance(ticket.problem, StorageError):
            for key, cursor in cursors.items():
                self._take(key, cursor.delivered, cursor.read, said_by.get(key))
            self._request_write()
        elif ticket.problem is not None:
            _LOG.error("How far devices have come could not be kept.", exc_info=ticket.problem)
        else:
            self._tell(ticket.result(), said_by)

    def _tell(self, stands: dict[Key, Cursor], said_by: dict[Key, Actor | None]) -> None:
        """The furthest first: those after it are no news to others."""
        for (log, device), cursor in sorted(stands.items(), key=lambda each: (-each[1].read, -each[1].delivered)):
            account, marks = self._account_of(device), self._marks.get(log)
            if account is not None and marks is not None:
                before = marks.get(account, _NOWHERE)
                moved = before.advanced(cursor.delivered, cursor.read)
                if moved != before:
                    is_furthest = self._furthest[log].moves(account, moved)
                    self._emit((CursorMoved(log, account, moved, said_by.get((log, device)), is_furthest),))

    # Marks.

    def mark(self, log: LogId, account: AccountId) -> Cursor:
        return self._marks.get(log, {}).get(account, _NOWHERE)

    def furthest(self, log: LogId, but: AccountId) -> Cursor:
        """How far somebody else is."""
        furthest = self._furthest.get(log)
        return _NOWHERE if furthest is None else furthest.but(but)

    def unknown(self, logs: Iterable[LogId]) -> list[LogId]:
        return [log for log in logs if log not in self._marks]

    def add_marks(self, found: Found) -> None:
        for log, cursors in found.items():
            self._begin(log)
            for device, cursor in cursors.items():
                account = self._account_of(device)
                if account is not None:
                    self._advance(log, account, cursor)

    def handlers(self) -> Handlers:
        return {
            CursorMoved: self._note_moved,
            RoomChanged: lambda change: self._begin(change.room.log) if change.is_new else None,
            DirectOpened: lambda change: self._begin(change.direct.log),
            MemberStepped: self._note_step,
            ConversationEnded: self._note_ended,
        }

    def _begin(self, log: LogId) -> None:
        """Nobody has read anything of a new log."""
        self._marks.setdefault(log, {})
        self._furthest.setdefault(log, Furthest())

    def _note_ended(self, change: ConversationEnded) -> None:
        self._marks.pop(change.log, None)

    def _note_step(self, change: MemberStepped) -> None:
        """Who has come in hears from now on how far the others are."""
        if change.after is not None and change.after.may_read and change.room.log not in self._marks:
            self._store.read(lambda view: read_marks(view, [change.room.log])).when_settled(self._loaded)

    def _loaded(self, ticket: Ticket[Found]) -> None:
        if ticket.problem is not None:
            _LOG.error("How far people have read could not be looked up.", exc_info=ticket.problem)
        else:
            self.add_marks(ticket.result())

    def _note_moved(self, change: CursorMoved) -> None:
        if change.log in self._marks:
            self._advance(change.log, change.account, change.cursor)

    def _advance(self, log: LogId, account: AccountId, cursor: Cursor) -> None:
        marks = self._marks[log]
        marks[account] = marks.get(account, _NOWHERE).advanced(cursor.delivered, cursor.read)
        self._furthest[log].note(account, marks[account])


def read_marks(view: View, logs: Iterable[LogId]) -> Found:
    return {log: view.logs.cursors(log) for log in logs}


def _write_cursors(transaction: Transaction, cursors: dict[Key, Cursor]) -> dict[Key, Cursor]:
    """Where each stands now."""
    return {key: transaction.logs.advance(*key, cursor) for key, cursor in cursors.items()}

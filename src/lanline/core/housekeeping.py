"""Owns what a server does by itself now and then: it forgets what is kept for a time, and warns of a full disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from lanline.clock import Clock
from lanline.core.changes import ConversationEnded, Handlers, ServerWarned
from lanline.core.journal import prune
from lanline.errors import StorageError
from lanline.model.journal import Deed, NewJournalEntry
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_FORGET_EVERY_S = 3600.0
_LOOK_EVERY_S = 60.0
_FORGOTTEN_AT_ONCE = 500
_PAUSE_S = 0.05
_MB = 1000**2
_DAY_MS = 24 * 3600 * 1000
_ALIVE_SETTING, _SINCE_SETTING = "alive", "silence since"
_ENOUGH_AGAIN = 1.1
"""Times what a warning is given at: at its edge nobody is told again and again."""


class Housekeeping:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: ServerSettings,
        free_bytes: Callable[[], int],
        emit: Callable[[Sequence[ServerWarned]], None],
        end_silent: Callable[[int], None],
    ) -> None:
        """`end_silent` is called each hour, with the time from which silence counts at the earliest."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._free_bytes = free_bytes
        self._emit = emit
        self._end_silent = end_silent
        self._is_closed = False
        self._warned_bytes = 0
        """At which of the two amounts it was warned last; 0: at none."""
        self.warning = ""
        """What the admins should see to; empty when nothing."""

    def begin(self) -> None:
        """From now on by itself, until it is closed."""
        self._forget()
        self._forget_ended()
        self._look()

    def handlers(self) -> Handlers:
        return {ConversationEnded: lambda _: self._forget_ended()}

    def close(self) -> None:
        self._is_closed = True

    def _forget(self) -> None:
        if self._is_closed:
            return
        now_ms, days = self._clock.now_ms(), self._settings.journal_days

        def forget(transaction: Transaction) -> int:
            prune(transaction, now_ms, days)
            transaction.names.release(now_ms)
            return _silence_since(transaction, now_ms)

        def then(ticket: Ticket[int]) -> None:
            if ticket.problem is not None:
                _LOG.error("What is old could not be forgotten.", exc_info=ticket.problem)
            else:
                self._end_silent(ticket.result())

        written = self._write(forget)
        if written is not None:
            written.when_settled(then)
        self._clock.call_later(_FORGET_EVERY_S, self._forget)

    def _forget_ended(self) -> None:
        """The entries of rooms that were deleted: so many at a time that others hardly wait."""
        if self._is_closed:
            return

        def go_on(ticket: Ticket[int]) -> None:
            if ticket.problem is not None:
                _LOG.error("What was said in deleted rooms could not be removed.", exc_info=ticket.problem)
            elif ticket.result():
                self._clock.call_later(_PAUSE_S, self._forget_ended)

        ticket = self._write(lambda transaction: transaction.logs.forget_ended(_FORGOTTEN_AT_ONCE))
        if ticket is not None:
            ticket.when_settled(go_on)

    def _look(self) -> None:
        if self._is_closed:
            return
        self.look_at_disk()
        self._clock.call_later(_LOOK_EVERY_S, self._look)

    def look_at_disk(self) -> None:
        free_bytes = self._free_bytes()
        amounts = self._settings.least_free_bytes, self._settings.warn_free_bytes
        reached = next((amount for amount in sorted(amounts) if free_bytes < amount), 0)
        if not reached:
            if free_bytes >= _ENOUGH_AGAIN * max(amounts):
                self._warned_bytes, self.warning = 0, ""
        else:
            self.warning = self._text(free_bytes)
            if not self._warned_bytes or reached < self._warned_bytes:
                self._warned_bytes = reached
                self._warn()

    def _text(self, free_bytes: int) -> str:
        least_bytes = self._settings.least_free_bytes
        when = "now" if free_bytes < least_bytes else f"below {least_bytes // _MB} MB"
        return (
            f"The disk of the server is nearly full: {free_bytes // _MB} MB are free. Only admins can add anything "
            f"{when}. Make room there; 'lanline admin status' shows what takes how much."
        )

    def _warn(self) -> None:
        _LOG.warning("%s", self.warning)
        entry = NewJournalEntry(self._clock.now_ms(), Deed.DISK_LOW, detail=self.warning)
        self._write(lambda transaction: transaction.journal.add(entry))
        self._emit((ServerWarned(self.warning),))

    def _write(self, work: Callable[[Transaction], T]) -> Ticket[T] | None:
        """What fails is tried again with the next one."""
        try:
            return self._store.write(work)
        except StorageError:
            _LOG.exception("What the server does by itself could not be written.")
            return None


def _silence_since(transaction: Transaction, now_ms: int) -> int:
    """While the server stood still nobody could sign in, and of what was put back nobody knows who did."""
    settings = transaction.settings
    alive_ms, since_ms = int(settings.get(_ALIVE_SETTING) or now_ms), int(settings.get(_SINCE_SETTING) or 0)
    if now_ms - alive_ms > _DAY_MS:
        since_ms = now_ms
        settings.put(_SINCE_SETTING, str(since_ms).encode())
    settings.put(_ALIVE_SETTING, str(now_ms).encode())
    return since_ms

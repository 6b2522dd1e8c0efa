"""Owns what a server does by itself now and then: it forgets what is kept for a time, and warns of a full disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from lanline.clock import Clock
from lanline.core.changes import ServerWarned
from lanline.core.journal import prune
from lanline.errors import StorageError
from lanline.model.journal import Deed, NewJournalEntry
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction

_LOG = logging.getLogger(__name__)
_FORGET_EVERY_S = 3600.0
_LOOK_EVERY_S = 60.0
_MB = 1000**2
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
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._free_bytes = free_bytes
        self._emit = emit
        self._is_closed = False
        self._warned_bytes = 0
        """At which of the two amounts it was warned last; 0: at none."""
        self.warning = ""
        """What the admins should see to; empty when nothing."""

    def begin(self) -> None:
        """From now on by itself, until it is closed."""
        self._forget()
        self._look()

    def close(self) -> None:
        self._is_closed = True

    def _forget(self) -> None:
        if self._is_closed:
            return
        now_ms, days = self._clock.now_ms(), self._settings.journal_days
        self._write(lambda transaction: prune(transaction, now_ms, days))
        self._clock.call_later(_FORGET_EVERY_S, self._forget)

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

    def _write(self, work: Callable[[Transaction], object]) -> None:
        """What fails is tried again with the next one."""
        try:
            self._store.write(work)
        except StorageError:
            _LOG.exception("What the server does by itself could not be written.")

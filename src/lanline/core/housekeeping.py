"""Owns what a server does by itself now and then: it forgets what is kept for a time only."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lanline.clock import Clock
from lanline.core.journal import prune
from lanline.errors import StorageError
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction

_LOG = logging.getLogger(__name__)
_FORGET_EVERY_S = 3600.0


class Housekeeping:
    def __init__(self, store: Store, clock: Clock, settings: ServerSettings, is_closing: Callable[[], bool]) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._is_closing = is_closing

    def begin(self) -> None:
        """And from now on by itself, until the server closes."""
        if self._is_closing():
            return
        now_ms, days = self._clock.now_ms(), self._settings.journal_days

        def forget(transaction: Transaction) -> None:
            prune(transaction, now_ms, days)

        try:
            self._store.write(forget)
        except StorageError:
            _LOG.exception("What is old could not be forgotten.")
        self._clock.call_later(_FORGET_EVERY_S, self.begin)

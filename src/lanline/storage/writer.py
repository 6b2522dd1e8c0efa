"""The thread that writes. It commits while the event loop goes on, and hands over each batch of results in one call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from lanline.storage.api import Engine, Transaction, View
from lanline.storage.groupcommit import GroupCommit
from lanline.ticket import Ticket

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class WriterStore:
    """A store whose writer is a thread of its own.

    `hand_over` gets a function to call where results are wanted; an event loop's `call_soon_threadsafe` is one.
    """

    def __init__(self, engine: Engine, hand_over: Callable[[Callable[[], None]], object]) -> None:
        self._engine = engine
        self._hand_over = hand_over
        self._commits = GroupCommit(engine)
        self._wake = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="storage writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Transaction], T]) -> Ticket[T]:
        ticket = self._commits.write(work)
        self._wake.set()
        return ticket

    def read(self, work: Callable[[View], T]) -> Ticket[T]:
        return self._commits.read(work)

    def close(self) -> None:
        """Blocks until all is written; the results of the last batch are handed over as ever."""
        self._commits.refuse_writes()
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        self._engine.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while (batch := self._commits.collect()) is not None:
                batch.commit()
                try:
                    self._hand_over(batch.deliver)
                except Exception:  # noqa: BLE001 -- logged; the thread must live
                    # A loop that is closed has nobody left to tell; what was handed in is written all the same.
                    _LOG.exception("The results of %d writes could not be handed over.", len(batch))
            if self._is_closing and not self._commits.has_waiting:
                return

"""Group commit: what was handed in while the last commit ran goes into the next, and is answered together after it.

No thread and no clock: whoever drives it takes the three steps, so that a simulation may crash the server between two.

    batch = commits.collect()      nothing is written
    batch.commit()                 on the disk, and nobody knows
    batch.deliver()                everybody knows
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from lanline.errors import StorageClosed
from lanline.storage.api import Engine, Transaction, View
from lanline.ticket import Ticket

T = TypeVar("T")


class Batch:
    def __init__(
        self, engine: Engine, works: list[Callable[[Transaction], object]], tickets: list[Ticket[Any]]
    ) -> None:
        self._engine = engine
        self._works = works
        self._tickets = tickets
        self._outcomes: list[object] = []

    def __len__(self) -> int:
        return len(self._works)

    def commit(self) -> None:
        """Does not raise: what goes wrong is the outcome of each."""
        try:
            self._outcomes = self._engine.transact(self._works)
        except Exception as problem:  # noqa: BLE001 -- handed to everybody who waits
            self._outcomes = [problem] * len(self._works)

    def deliver(self) -> None:
        """In order. A callback that raises takes nobody else's answer away."""
        problems: list[Exception] = []
        for ticket, outcome in zip(self._tickets, self._outcomes, strict=True):
            try:
                ticket.settle(outcome)
            except Exception as problem:  # noqa: BLE001 -- raised below, once all know
                problems.append(problem)
        if problems:
            raise ExceptionGroup("while writes were answered", problems)


class GroupCommit:
    """A store that is driven step by step."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._works: list[Callable[[Transaction], object]] = []
        self._tickets: list[Ticket[Any]] = []
        self._is_closing = False

    def write(self, work: Callable[[Transaction], T]) -> Ticket[T]:
        ticket: Ticket[T] = Ticket()
        with self._lock:
            if self._is_closing:
                raise StorageClosed("The store is closed.")
            self._works.append(work)
            self._tickets.append(ticket)
        return ticket

    def read(self, work: Callable[[View], T]) -> Ticket[T]:
        """At once: an engine of this kind waits for nobody."""
        return Ticket.of(lambda: self._engine.read(work))

    @property
    def has_waiting(self) -> bool:
        return bool(self._works)

    def collect(self) -> Batch | None:
        """All that waits, if anything does."""
        with self._lock:
            if not self._works:
                return None
            works, self._works = self._works, []
            tickets, self._tickets = self._tickets, []
        return Batch(self._engine, works, tickets)

    def refuse_writes(self) -> None:
        with self._lock:
            self._is_closing = True

    def flush(self) -> None:
        """All three steps at once, here; for a program that does nothing else meanwhile."""
        while (batch := self.collect()) is not None:
            batch.commit()
            batch.deliver()

    def close(self) -> None:
        self.refuse_writes()
        self.flush()
        self._engine.close()

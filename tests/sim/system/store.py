"""The server's store: the real engine and the real group commit, with the disk's time in between, stepped by the world.

As `storage.writer` does it: one commit at a time; what is handed in meanwhile goes into the next; the answers of one
come while the next is being written.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lanline.errors import StorageFull
from lanline.storage.api import Transaction, View
from lanline.storage.groupcommit import Batch, GroupCommit
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.ticket import Ticket
from sim.system.disk import Database
from sim.system.process import Crash, Death, SimProcess

T = TypeVar("T")
_STALL_CHANCE = 0.02


class SimStore:
    """`on_commit` is called when a batch is on the disk and before anybody is told."""

    def __init__(self, folder: Path, process: SimProcess, rng: random.Random) -> None:
        self.engine = SqliteEngine.open(folder)
        self.database = Database(folder / FILE_NAME)
        self.on_commit: Callable[[], None] = lambda: None
        self._commits = GroupCommit(self.engine)
        self._process = process
        self._rng = rng
        self.is_full = False
        self._is_busy = False
        self._disk_s = rng.choice([0.0002, 0.002, 0.02])

    def write(self, work: Callable[[Transaction], T]) -> Ticket[T]:
        ticket = self._commits.write(work)
        if not self._is_busy:
            self._is_busy = True
            self._process.at(0.0, self._collect)
        return ticket

    def read(self, work: Callable[[View], T]) -> Ticket[T]:
        return self._commits.read(work)

    def close(self) -> None:
        self._commits.close()

    def _collect(self) -> None:
        batch = self._commits.collect()
        if batch is None:
            self._is_busy = False
            return
        stall = 20.0 if self._rng.random() < _STALL_CHANCE else 1.0
        self._process.at(self._disk_s * stall * self._rng.uniform(0.5, 2.0), lambda: self._commit(batch))

    def _commit(self, batch: Batch) -> None:
        process = self._process
        if process.is_due(Death.BEFORE_COMMIT):
            raise Crash(Death.BEFORE_COMMIT)
        self.database.note_synced()
        self._attempt(batch)
        if process.is_due(Death.WHILE_WRITING):
            raise Crash(Death.WHILE_WRITING)
        self.on_commit()
        if process.is_due(Death.AFTER_COMMIT):
            raise Crash(Death.AFTER_COMMIT)
        process.at(self._rng.uniform(0.0, 0.001), batch.deliver)
        process.at(0.0, self._collect)

    def _attempt(self, batch: Batch) -> None:
        if not self.is_full:
            batch.commit()
            return
        transact = self.engine.transact
        self.engine.transact = self._fail  # type: ignore[method-assign]
        try:
            batch.commit()
        finally:
            self.engine.transact = transact  # type: ignore[method-assign]

    @staticmethod
    def _fail(works: Sequence[Callable[[Transaction], object]]) -> list[object]:
        raise StorageFull("The disk is full.")

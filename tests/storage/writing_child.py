"""A server in small, to be killed: appends to three logs as fast as it can, and prints what was acknowledged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from lanline.storage.sqlite.engine import SqliteEngine
from lanline.storage.writer import WriterStore
from lanline.ticket import Ticket
from storage.shelf import new_entry

AT_ONCE = 64


class Server:
    def __init__(self, folder: Path) -> None:
        self._handed_over: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._store = WriterStore(SqliteEngine.open(folder), self._handed_over.put)
        self._unanswered = 0

    def run(self, number: int) -> None:
        while True:
            while self._unanswered < AT_ONCE:
                self._write(number)
                number += 1
            self._handed_over.get()()

    def _write(self, number: int) -> None:
        # Of many sizes, so that the torn end falls anywhere within a frame; the repeat must change nothing.
        entry = new_entry(number % 3 + 1, number, content=bytes(1 + number * 37 % 3000))
        ticket = self._store.write(lambda t: t.logs.append([entry, entry])[0].sequence)
        ticket.when_settled(lambda ticket: self._acknowledge(number, ticket))
        self._unanswered += 1

    def _acknowledge(self, number: int, ticket: Ticket[int]) -> None:
        os.write(1, f"{number} {ticket.result()}\n".encode())
        self._unanswered -= 1


Server(Path(sys.argv[1])).run(int(sys.argv[2]))

"""A server in small, to be killed: appends to three logs as fast as it can, and prints each number once acknowledged.

Its results are handed over on the writer's thread, so a line is printed only after the commit of what it names.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from lanline.storage.sqlite.engine import SqliteEngine
from lanline.storage.ticket import Ticket
from lanline.storage.writer import WriterStore
from storage.shelf import new_entry

AT_ONCE = 64


def main(folder: Path, first: int) -> None:
    room = threading.Semaphore(AT_ONCE)
    store = WriterStore(SqliteEngine.open(folder), lambda deliver: deliver())
    number = first

    def write(number: int) -> None:
        # A growing size, so that the torn end falls anywhere within a frame; the repeat must change nothing.
        entry = new_entry(number % 3 + 1, number, content=bytes(1 + number * 37 % 3000))
        settled = store.write(lambda t: t.logs.append([entry, entry])[0].sequence)
        settled.when_settled(lambda ticket: acknowledge(number, ticket))

    def acknowledge(number: int, ticket: Ticket[int]) -> None:
        os.write(1, f"{number} {ticket.result()}\n".encode())
        room.release()

    while True:
        room.acquire()
        write(number)
        number += 1


main(Path(sys.argv[1]), int(sys.argv[2]))

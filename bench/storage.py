"""How fast the store appends and reads: python bench/storage.py [--folder DIR] [--seconds 2]

Appends go through group commit, so many works to a batch, each work one entry of 200 B with its own result, and every
commit synced; CPU is that of the whole process, checkpoints included. Reading is catch-up from a cursor, in pages.
The folder should lie on the disk that is meant: what a sync costs differs a hundredfold.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import LogId, NewEntry
from lanline.storage.api import Transaction
from lanline.storage.groupcommit import GroupCommit
from lanline.storage.sqlite.engine import SqliteEngine

CONTENT = os.urandom(200)
SENDERS = 100
TO_READ = 100_000
BATCHES = (1, 5, 20, 50, 200)
PAGES = (100, 500, 1000)


def entry(log: LogId, number: int) -> NewEntry:
    sender = number % SENDERS + 1
    return NewEntry(log, os.urandom(16), AccountId(sender), DeviceId(sender), number, "plain", CONTENT)


def append_one(entry: NewEntry) -> Callable[[Transaction], int]:
    return lambda transaction: transaction.logs.append((entry,))[0].sequence


def measure_appends(store: GroupCommit, log: LogId, batch: int, seconds: float) -> str:
    waits_ms: list[float] = []
    count = 0
    cpu, start = time.process_time(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        began = time.perf_counter()
        tickets = [store.write(append_one(entry(log, number))) for number in range(batch)]
        store.flush()
        assert all(ticket.result() for ticket in tickets)
        waits_ms.append((time.perf_counter() - began) * 1000)
        count += batch
    cpu_us = (time.process_time() - cpu) / count * 1e6
    rate = count / (time.perf_counter() - start)
    waits_ms.sort()
    p50, p99 = waits_ms[len(waits_ms) // 2], waits_ms[len(waits_ms) * 99 // 100]
    return f"| {batch} | {cpu_us:.1f} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |"


def measure_reading(store: GroupCommit, log: LogId, page: int) -> str:
    cpu, start = time.process_time(), time.perf_counter()
    count = after = 0
    while entries := store.read(lambda view, after=after: view.logs.after(log, after, page)).result():
        count += len(entries)
        after = entries[-1].sequence
    rate = count / (time.perf_counter() - start)
    return f"| {page} | {count:,} | {rate:,.0f} | {(time.process_time() - cpu) / count * 1e6:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the folder for temporary files")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line of the first table")
    settings = parser.parse_args()
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(f"{versions}, {os.cpu_count()} CPUs, 200 B an entry, synchronous=FULL\n")
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        began = time.perf_counter()
        store = GroupCommit(SqliteEngine.open(Path(folder)))
        print(f"first start, its tables included: {(time.perf_counter() - began) * 1000:.0f} ms")
        account = store.write(lambda t: t.accounts.add("ann", 0, is_admin=True, password_hash=None))
        store.flush()
        opened = [store.write(lambda t: t.rooms.open_direct(account.result().id, account.result().id))]
        store.flush()
        log = opened[0].result().log
        print("\n| works a commit | CPU µs an append | appends/s | commit p50 ms | p99 ms |\n|--:|--:|--:|--:|--:|")
        for batch in BATCHES:
            print(measure_appends(store, log, batch, settings.seconds))
        fill(store, log)
        print("\n| entries a page | entries | entries/s | CPU µs an entry |\n|--:|--:|--:|--:|")
        for page in PAGES:
            print(measure_reading(store, log, page))
        store.close()
        began = time.perf_counter()
        SqliteEngine.open(Path(folder)).close()
        print(f"\nstart with what is there: {(time.perf_counter() - began) * 1000:.1f} ms")


def fill(store: GroupCommit, log: LogId) -> None:
    while store.read(lambda view: view.logs.heads([log])).result()[log] < TO_READ:
        store.write(lambda t: t.logs.append([entry(log, number) for number in range(1000)]))
        store.flush()


if __name__ == "__main__":
    main()

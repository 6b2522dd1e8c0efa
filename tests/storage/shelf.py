"""A store under test: driven step by step, reopened at will, and with people to write for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.logs import Appended, Entry, LogId, NewEntry
from lanline.model.rooms import Access, Room
from lanline.storage.api import Engine, Transaction, View
from lanline.storage.groupcommit import GroupCommit
from lanline.storage.sqlite.engine import SqliteEngine

T = TypeVar("T")

ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SqliteEngine.open}


class Shelf:
    def __init__(self, open_engine: Callable[[Path], Engine], folder: Path) -> None:
        self._open_engine = open_engine
        self.folder = folder
        self.store = GroupCommit(open_engine(folder))

    def write(self, work: Callable[[Transaction], T]) -> T:
        ticket = self.store.write(work)
        self.store.flush()
        return ticket.result()

    def read(self, work: Callable[[View], T]) -> T:
        return self.store.read(work).result()

    def reopen(self) -> None:
        self.store.close()
        self.store = GroupCommit(self._open_engine(self.folder))

    def add_account(self, name: str) -> Account:
        return self.write(lambda t: t.accounts.add(name, 1, is_admin=False, password_hash=None))

    def add_device(self, account: AccountId, fingerprint: bytes) -> Device:
        return self.write(lambda t: t.accounts.add_device(account, fingerprint.ljust(32, b"\0"), 1))

    def create_room(self, name: str, creator: AccountId, access: Access = Access.OPEN) -> Room:
        return self.write(lambda t: t.rooms.create(name, "", access, creator, 1))

    def append(self, entries: Sequence[NewEntry]) -> list[Appended]:
        return self.write(lambda t: t.logs.append(entries))

    def entries(self, log: LogId, after: int = 0, limit: int = 1000) -> list[Entry]:
        return self.read(lambda v: v.logs.after(log, after, limit))


def number_of(entry: Entry) -> int:
    """What it was made of by `new_entry`. Its time may be later: no entry is earlier than the one before it."""
    return int.from_bytes(entry.entry_id, "big")


def new_entry(
    log: int, number: int, account: int = 1, device: int = 1, content: bytes = b"hi", suite: str = "plain"
) -> NewEntry:
    """The number stands for the id, and for the time."""
    entry_id = number.to_bytes(16, "big")
    return NewEntry(LogId(log), entry_id, AccountId(account), DeviceId(device), number, suite, content)

"""A server's folder with something in it, for tests of what is done with whole folders."""

from __future__ import annotations

from pathlib import Path

from lanline.model.accounts import AccountId
from lanline.server.datafolder import DataFolder
from lanline.storage.groupcommit import GroupCommit
from lanline.storage.sqlite.engine import SqliteEngine
from storage.shelf import Shelf, new_entry

ENTRIES = 2500


def furnish(path: Path) -> Shelf:
    """Open, as a running server has it: some of it lies in the WAL only."""
    shelf = Shelf(SqliteEngine.open, path)
    folder = DataFolder(path)
    folder.identity(is_first=True)
    folder.operator()
    ann, bob = shelf.add_account("ann"), shelf.add_account("bob")
    shelf.write(lambda t: t.accounts.set_password_hash(ann.id, "$argon2id$secret"))
    shelf.add_device(ann.id, b"key of ann")
    room = shelf.create_room("#lab", ann.id)
    direct = shelf.write(lambda t: t.rooms.open_direct(ann.id, bob.id))
    shelf.append([new_entry(room.log, number, content=b"sealed %d" % number) for number in range(ENTRIES)])
    shelf.append([new_entry(direct.log, 1, content=b"\0\xff")])
    return shelf


def contents(path: Path) -> list[tuple[object, ...]]:
    """What stands in a folder that nobody uses."""
    store = GroupCommit(SqliteEngine.open(path))
    try:
        return store.read(
            lambda view: [
                *((account.name, view.accounts.password_hash(account.id)) for account in view.accounts.all()),
                *((room.name, room.log) for room in view.rooms.all()),
                *((entry.sequence, entry.content) for log in (1, 2) for entry in view.logs.after(log, 0, 10_000)),  # type: ignore[arg-type]
                *((device.fingerprint,) for device in view.accounts.devices(AccountId(1))),
            ]
        ).result()
    finally:
        store.close()

"""`lanline serve`, with accounts made beforehand and its limit on messages lifted; everything else as it comes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chatcrowds.lanline import keys_path
from chatservers import Place, Serving, running
from lanline.crypto.identity import Identity
from lanline.model.rooms import Access, Membership
from lanline.storage.api import Transaction
from lanline.storage.sqlite.engine import SqliteEngine

TITLE = "Lanline (encrypted, on the disk)"
CROWD = "lanline"
ROOM = "#lobby"


def why_not() -> str | None:
    return None


@contextmanager
def serving(folder: Path, members: int, place: Place) -> Iterator[Serving]:
    with serving_prepared(prepared(folder, members), place) as server:
        yield server


@contextmanager
def serving_prepared(data: Path, place: Place) -> Iterator[Serving]:
    command = [sys.executable, "-m", "lanline", "serve", "--host", place.host, "--port", str(place.port)]
    with running([*command, "--data", str(data)], place) as server:
        yield server


def prepared(folder: Path, members: int) -> Path:
    """The server's folder: its key, its accounts with their keys, all of them in one room."""
    data = folder / "data"
    _make_accounts(data, folder, members)
    (data / "lanline.toml").write_text(
        "[limits]\nmessages_per_s = 1000000\nmessages_burst = 1000000\n", encoding="ascii"
    )
    return data


def _make_accounts(data: Path, folder: Path, members: int) -> None:
    keys_path(folder, 0).parent.mkdir()
    fingerprints: list[bytes] = []
    for number in range(members):
        identity = Identity.generate()
        keys_path(folder, number).write_bytes(identity.to_pem())
        fingerprints.append(identity.fingerprint)
    engine = SqliteEngine.open(data)
    (data / "identity.pem").write_bytes(Identity.generate().to_pem())
    try:
        (problem,) = engine.transact([_making(fingerprints)])
    finally:
        engine.close()
    if isinstance(problem, Exception):
        raise problem


def _making(fingerprints: list[bytes]) -> Callable[[Transaction], None]:
    def make(transaction: Transaction) -> None:
        accounts = [
            transaction.accounts.add(f"member{number}", 0, is_admin=not number, password_hash=None)
            for number in range(len(fingerprints))
        ]
        room = transaction.rooms.create(ROOM, "", Access.OPEN, accounts[0].id, 0)
        for account, fingerprint in zip(accounts, fingerprints, strict=True):
            transaction.accounts.add_device(account.id, fingerprint, 0)
            transaction.rooms.put_membership(Membership(room.log, account.id))

    return make

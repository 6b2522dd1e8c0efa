"""The server's machine: a folder that outlives its programs, and the program that runs on it now, if one does.

At every commit it looks into the database as an auditor would: nothing that was there may be gone or be another, and no
cursor may have gone back.
"""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lanline.model.settings import ServerSettings
from lanline.server.chatserver import ChatServer
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.engine import SqliteEngine, SqliteView
from lanline.transport.connection import Connection
from sim.system.disk import Disk
from sim.system.ledger import Ledger, Marks, PromiseBroken, Stands
from sim.system.process import Computer, Death, SimProcess
from sim.system.store import SimStore
from sim.trace import Address
from sim.world import SimWorld

PORT = 5265
_ENTRIES = "SELECT sequence, account, entry_id FROM entries WHERE log = ? AND sequence > ? ORDER BY sequence"


@cache
def migrated_folder() -> Path:
    """To make the tables takes a hundred times as long as to copy them."""
    folder = Path(tempfile.mkdtemp(prefix="lanline-sim-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    SqliteEngine.open(folder).close()
    return folder


class SimPasswords:
    """A hasher that takes its time, and whose hash anybody could read."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    def hash(self, password: str, when_done: Callable[[str | None], None]) -> None:
        self._process.at(0.05, lambda: when_done(f"hash of {password}"))

    def verify(self, password: str, password_hash: str | None, when_done: Callable[[bool | None], None]) -> None:
        self._process.at(0.05, lambda: when_done(password_hash == f"hash of {password}"))


class ServerMachine:
    def __init__(
        self, world: SimWorld, computer: Computer, disk: Disk, settings: ServerSettings, rng: random.Random
    ) -> None:
        self.world = world
        self.computer = computer
        self.settings = settings
        self.ledger = Ledger()
        self.starts = 0
        self.names: dict[int, str] = {}
        self._marks = Marks()
        self._disk = disk
        self._rng = rng
        self._folder = disk.new_folder(migrated_folder())
        self.start()

    @property
    def address(self) -> Address:
        return (self.computer.name, PORT)

    @property
    def is_up(self) -> bool:
        return self.process.is_alive

    def start(self) -> None:
        self.starts += 1
        self.process = SimProcess(self.world, self.computer, PORT, self._rng, self._on_accept)
        self.process.on_death = self._on_death
        self.store = SimStore(self._folder, self.process, self._rng)
        self.store.on_commit = self.audit
        self._expect_kept()
        clock, passwords = self.process.clock, SimPasswords(self.process)
        self.chat = ChatServer(self.store, clock, passwords, self._rng.randbytes, self.settings)
        self.chat.open()

    def _on_accept(self, connection: Connection, address: Address) -> None:
        self.chat.on_accept(connection, address)

    def _on_death(self, death: Death) -> None:
        """The next program finds what a power cut would have left."""
        folder = self._disk.new_folder()
        self.store.database.survive(folder, self._rng if death is Death.WHILE_WRITING else None)
        self.store.engine.close()
        shutil.rmtree(self._folder)
        self._folder = folder

    def start_again(self) -> None:
        if not self.is_up:
            self.start()

    # ---- the auditor ----

    def audit(self) -> None:
        self.store.engine.read(self._audit)

    def _audit(self, view: SqliteView) -> None:
        execute = view.driver.execute
        for log, head in execute("SELECT id, head FROM logs").fetchall():
            known = len(self.ledger.logs[str(log)])
            if head == known:
                continue
            rows = execute(_ENTRIES, (log, known)).fetchall()
            self.ledger.commit(str(log), [Stands(row[0], self._name(view, row[1]), row[2]) for row in rows])
            if len(self.ledger.logs[str(log)]) != head:
                raise PromiseBroken(f"log {log} says that its head is {head}")
        for log, device, delivered, read in execute("SELECT log, device, delivered, read FROM cursors").fetchall():
            self._marks.see(("kept: delivered", log, device), delivered)
            self._marks.see(("kept: read", log, device), read)

    def _name(self, view: SqliteView, account: int) -> str:
        if account not in self.names:
            (self.names[account],) = view.driver.execute(
                "SELECT name FROM accounts WHERE id = ?", (account,)
            ).fetchone()
        return self.names[account]

    def _expect_kept(self) -> None:
        def look(view: SqliteView) -> None:
            for log, entries in list(self.ledger.logs.items()):
                rows = view.driver.execute(_ENTRIES, (int(log), 0)).fetchall()
                self.ledger.expect_kept(log, len(rows))
                self.ledger.commit(log, [Stands(row[0], self._name(view, row[1]), row[2]) for row in rows])
                assert len(entries) == len(rows)

        self.store.engine.read(look)
        self.audit()

    @property
    def database_file(self) -> Path:
        return self._folder / FILE_NAME

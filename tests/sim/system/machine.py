"""The server's machine: a folder that outlives its programs, and the program that runs on it now, if one does."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lanline.model.settings import ServerSettings
from lanline.server.chatserver import ChatServer
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.engine import SqliteEngine
from lanline.testing.trace import Address
from lanline.testing.world import SimWorld
from lanline.transport.connection import Connection
from sim.system.auditor import Auditor, Truth
from sim.system.disk import Disk
from sim.system.ledger import Ledger
from sim.system.process import Computer, Death, SimProcess
from sim.system.store import SimStore

PORT = 5265


@cache
def migrated_database() -> bytes:
    """To make the tables takes a hundred times as long as to copy them."""
    with tempfile.TemporaryDirectory(prefix="lanline-sim-") as folder:
        SqliteEngine.open(Path(folder)).close()
        return (Path(folder) / FILE_NAME).read_bytes()


class SimPasswords:
    """A hasher that takes its time, and whose hash anybody could read."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    def hash(self, password: str, when_done: Callable[[str | None], None], *, is_member: bool = False) -> None:
        self._process.at(0.05, lambda: when_done(f"hash of {password}"))

    def verify(
        self,
        password: str,
        password_hash: str | None,
        when_done: Callable[[bool | None], None],
        *,
        is_member: bool = False,
    ) -> None:
        self._process.at(0.05, lambda: when_done(password_hash == f"hash of {password}"))


class ServerMachine:
    def __init__(
        self, world: SimWorld, computer: Computer, disk: Disk, settings: ServerSettings, rng: random.Random
    ) -> None:
        self.world = world
        self.computer = computer
        self.settings = settings
        self.ledger = Ledger()
        self.auditor = Auditor(self.ledger)
        self.starts = 0
        self._disk = disk
        self._rng = rng
        self._folder = disk.new_folder()
        (self._folder / FILE_NAME).write_bytes(migrated_database())
        self.start()

    @property
    def fingerprint(self) -> bytes:
        return self.computer.fingerprint

    @property
    def address(self) -> Address:
        return (self.computer.name, PORT)

    @property
    def is_up(self) -> bool:
        return self.process.is_alive

    def start(self) -> None:
        self.starts += 1
        self.is_stopping = False
        self.process = SimProcess(self.world, self.computer, PORT, self._rng, self._on_accept)
        self.process.on_death.append(self._on_death)
        self.store = SimStore(self._folder, self.process, self._rng)
        self.store.on_commit = lambda: self.auditor.audit(self.store.engine)
        self.auditor.audit_whole(self.store.engine)
        clock, passwords = self.process.clock, SimPasswords(self.process)
        self.chat = ChatServer(self.store, clock, passwords, self._rng.randbytes, self.settings)
        self.chat.open().result()

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

    def stop(self, reason: str) -> None:
        """As an admin does: all that was taken is written, everybody is told, then the program ends."""
        process = self.process
        self.is_stopping = True

        def ask() -> None:
            self.chat.shut_down(reason).when_settled(lambda ticket: process.at(0.1, process.die))

        process.at(0.0, ask)

    def device_of(self, fingerprint: bytes) -> int | None:
        if not self.is_up:
            return None
        device = self.store.read(lambda view: view.accounts.device_by_fingerprint(fingerprint)).result()
        return None if device is None else device.id

    def truth(self) -> Truth:
        return self.auditor.truth(self.store.engine)

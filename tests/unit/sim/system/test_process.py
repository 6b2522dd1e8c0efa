from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived
from lanline.proto.link.profile import LinkProfile
from lanline.testing.network import SimNetwork
from lanline.testing.trace import Address
from lanline.testing.world import SimWorld
from lanline.transport.connection import Connection
from sim.exchange import SeededExchanges
from sim.system.disk import Database, Disk
from sim.system.process import Computer, Death, SimProcess

PORT = 5265


class Hall:
    """A process that keeps what it is told, and one that calls it."""

    def __init__(self) -> None:
        self.rng = random.Random(1)
        self.world = SimWorld(SimNetwork(1))
        self.heard: list[bytes] = []
        self.events: list[LinkEvent] = []
        self.server = SimProcess(self.world, self.computer("server"), PORT, self.rng, self.on_accept)
        self.client = SimProcess(self.world, self.computer("client"), 40_000, self.rng)
        self.connection = self.client.host.connect_nowait(("server", PORT))
        self.connection.set_handler(self.events.append)
        self.world.run_for(1.0)

    def computer(self, name: str) -> Computer:
        exchanges = SeededExchanges(self.rng)
        return Computer(
            name, exchanges, exchanges.fingerprint, self.rng.randbytes(32), LinkProfile(receive_window_bytes=16_384)
        )

    def on_accept(self, connection: Connection, address: Address) -> None:
        connection.set_handler(self.on_event)

    def on_event(self, event: LinkEvent) -> None:
        if isinstance(event, MessageReceived):
            self.heard.append(event.payload)

    def say(self, payload: bytes) -> None:
        self.connection.send_nowait(Channel.CHAT, payload)


def test_what_one_says_the_other_hears() -> None:
    hall = Hall()
    assert isinstance(hall.events[0], LinkEstablished)
    hall.client.at(0, lambda: hall.say(b"hi"))
    hall.world.run_for(1.0)
    assert hall.heard == [b"hi"]


def test_the_dead_neither_hear_nor_say_nor_wake() -> None:
    hall = Hall()
    woken: list[int] = []
    hall.client.clock.call_later(5.0, lambda: woken.append(1))
    hall.client.condemn(Death.AFTER_STEP)
    hall.client.at(0, lambda: hall.say(b"never leaves"))
    hall.world.run_for(10.0)
    assert not hall.client.is_alive
    assert (hall.heard, woken) == ([], [])


def test_who_dies_before_a_step_does_not_take_it() -> None:
    hall = Hall()
    done: list[int] = []
    hall.client.condemn(Death.BEFORE_STEP, steps=1)
    hall.client.at(0, lambda: done.append(1))
    hall.client.at(0.1, lambda: done.append(2))
    hall.world.run_for(1.0)
    assert done == [1]


def test_a_cancelled_timer_does_not_ring() -> None:
    hall = Hall()
    woken: list[int] = []
    hall.client.clock.call_later(1.0, lambda: woken.append(1)).cancel()
    hall.client.clock.call_later(1.0, lambda: woken.append(2))
    hall.world.run_for(2.0)
    assert woken == [2]


def test_a_slow_reader_holds_the_writer_up_and_loses_nothing() -> None:
    hall = Hall()
    hall.server.delay_s = 0.5
    said = [bytes([number]) * 8000 for number in range(8)]
    hall.client.at(0, lambda: [hall.say(payload) for payload in said])
    hall.world.run_for(2.2)
    assert hall.heard == said[:4]
    hall.world.run_for(5.0)
    assert hall.heard == said


def test_to_hang_up_outside_of_a_turn_is_heard_at_once() -> None:
    hall = Hall()
    hall.client.at(0, lambda: (hall.connection.close(CloseCode.DONE), seen.append(hall.events[-1])))
    seen: list[LinkEvent] = []
    hall.world.run_for(1.0)
    assert isinstance(seen[0], LinkClosed)


def test_a_wall_clock_that_jumps_moves_no_timer() -> None:
    hall = Hall()
    before, before_ms = hall.client.clock.now(), hall.client.clock.now_ms()
    hall.client.clock.jump_ms -= 3_600_000
    assert hall.client.clock.now() == before
    assert hall.client.clock.now_ms() == before_ms - 3_600_000


@pytest.fixture
def table(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "numbers", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    return connection


def test_a_torn_commit_leaves_what_was_before_it_and_a_whole_one_everything(
    tmp_path: Path, table: sqlite3.Connection
) -> None:
    with closing(table):
        database, disk, rng = Database(tmp_path / "numbers"), Disk(), random.Random(1)
        table.execute("INSERT INTO numbers VALUES (1)")
        database.note_synced()
        table.execute("BEGIN")
        table.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(2, 2000)])
        table.execute("COMMIT")
        torn = [numbers_and_wal(database, disk, rng) for _ in range(40)]
        whole = numbers_and_wal(database, disk, None)
        disk.remove()
    assert {count for count, _ in torn} == {1}
    assert whole[0] == 1999
    assert len({wal for _, wal in torn} - {whole[1]}) == 40, "or it was not torn each time, and elsewhere"


def numbers_and_wal(database: Database, disk: Disk, rng: random.Random | None) -> tuple[int, bytes]:
    """How many are there after a power cut, and what was left of the WAL."""
    folder = disk.new_folder()
    database.survive(folder, rng)
    wal = (folder / "numbers-wal").read_bytes()
    with closing(sqlite3.connect(folder / "numbers")) as survivor:
        return survivor.execute("SELECT count(*) FROM numbers").fetchone()[0], wal


def test_what_was_synced_survives_whole(tmp_path: Path, table: sqlite3.Connection) -> None:
    with closing(table):
        database, disk, rng = Database(tmp_path / "numbers"), Disk(), random.Random(1)
        for number in range(50):
            table.execute("INSERT INTO numbers VALUES (?)", (number,))
        database.note_synced()
        folder = disk.new_folder()
        database.survive(folder, rng)
        with closing(sqlite3.connect(folder / "numbers")) as survivor:
            assert survivor.execute("SELECT count(*) FROM numbers").fetchone() == (50,)
        disk.remove()

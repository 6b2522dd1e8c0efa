"""Any sequence of writes, crashes and repeats leaves what a few dictionaries would hold."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lanline.errors import InviteUnusable, NameTaken
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.invites import Invite, invite_token_hash
from lanline.model.logs import ENTRY_COST_BYTES, Cursor, LogId
from lanline.model.rooms import Access
from lanline.storage.api import Transaction
from lanline.storage.groupcommit import Batch
from lanline.ticket import Ticket
from storage.shelf import ENGINES, Shelf, new_entry, number_of

ACCOUNTS = st.integers(1, 3)
ROOMS = st.integers(1, 3)
HASH = invite_token_hash(b"token")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A crash is here that of the program: nothing is learned from waiting for a disk thousands of times."""

Key = tuple[int, int]  # sender, number


class Undone(Exception):
    """A work thinks better of it."""


class StoreMachine(RuleBasedStateMachine):
    engine = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.shelf = Shelf(ENGINES[self.engine], Path(self.folder.name))
        for name in ("ann", "bob", "zoe"):
            account = self.shelf.add_account(name)
            self.shelf.add_device(account.id, name.encode())
        for name in ("#one", "#two", "#six"):
            self.shelf.create_room(name, AccountId(1))
        self.shelf.write(lambda t: t.invites.add(Invite(HASH, 5, None, False, None, 0)))
        self.logs: dict[int, list[Key]] = {1: [], 2: [], 3: []}
        self.cursors: dict[Key, Cursor] = {}
        self.names = {"ann", "bob", "zoe"}
        self.uses_left = 5
        self.ended = 0
        self.is_bob_ended = False
        self.waiting: list[tuple[Ticket[Any], Any]] = []
        self.batch: tuple[Batch, list[tuple[Ticket[Any], Any]]] | None = None

    def write(self, work: Any, apply: Any) -> None:
        self.waiting.append((self.shelf.store.write(work), apply))

    @rule(room=ROOMS, said=st.lists(st.tuples(ACCOUNTS, st.integers(0, 9)), max_size=5), is_undone=st.booleans())
    def append(self, room: int, said: list[Key], is_undone: bool) -> None:
        def work(transaction: Transaction) -> list[int]:
            entries = [new_entry(room, number, account) for account, number in said]
            appended = transaction.logs.append(entries)
            if is_undone:
                raise Undone
            return [each.sequence for each in appended]

        def apply() -> object:
            if is_undone:
                return Undone
            log = self.logs[room]
            log += [key for key in dict.fromkeys(said) if key not in log]
            return [log.index(key) + 1 for key in said]

        self.write(work, apply)

    @rule(room=ROOMS, device=ACCOUNTS, delivered=st.integers(0, 12), read=st.integers(0, 12))
    def advance(self, room: int, device: int, delivered: int, read: int) -> None:
        def apply() -> object:
            head = len(self.logs[room])
            stands = self.cursors.get((room, device), Cursor())
            moved = stands.advanced(min(delivered, head), min(read, head))
            if moved != Cursor():
                self.cursors[room, device] = moved
            return moved

        self.write(lambda t: t.logs.advance(LogId(room), DeviceId(device), Cursor(delivered, read)), apply)

    @rule(name=st.sampled_from(["bob", "B0B", "eve", "Eve", "max"]))
    def enrol(self, name: str) -> None:
        def work(transaction: Transaction) -> str:
            transaction.invites.use(HASH, 1)
            return transaction.accounts.add(name, 1, is_admin=False, password_hash=None).name

        def apply() -> object:
            if not self.uses_left:
                return InviteUnusable
            if name.lower().replace("0", "o") in self.names:
                return NameTaken
            self.uses_left -= 1
            self.names.add(name.lower())
            return name

        self.write(work, apply)

    @rule(name=st.sampled_from(["bob", "eve", "max"]), forgets=st.booleans())
    def end_account(self, name: str, forgets: bool) -> None:
        """Somebody else may have the name then; what was said stays, and cursors of the devices go."""

        def work(transaction: Transaction) -> bool:
            account = transaction.accounts.by_name(name)
            if account is None:
                return False
            transaction.accounts.end(account.id, 1)
            return True

        def apply() -> bool:
            if name not in self.names:
                return False
            self.names.remove(name)
            self.ended += 1
            if name == "bob" and not self.is_bob_ended:
                self.is_bob_ended = True
                self.cursors = {key: cursor for key, cursor in self.cursors.items() if key[1] != 2}
            return True

        self.write(work, apply)

    @rule(said=st.integers(0, 25))
    def end_room(self, said: int) -> None:
        """One of its own, with so much said in it: bit by bit all of it goes, and nothing of the others."""

        def work(transaction: Transaction) -> int:
            room = transaction.rooms.create("#end", "", Access.OPEN, AccountId(1), 1)
            transaction.logs.append([new_entry(room.log, number, 3) for number in range(said)])
            transaction.rooms.end(room.log)
            gone = 0
            while count := transaction.logs.forget_ended(10):
                gone += count
            assert transaction.logs.after(room.log, 0, 1) == []
            return gone

        self.write(work, lambda: said)

    @precondition(lambda self: self.batch is None and self.waiting)
    @rule()
    def collect(self) -> None:
        batch = self.shelf.store.collect()
        assert batch is not None
        self.batch, self.waiting = (batch, self.waiting), []

    @precondition(lambda self: self.batch is not None)
    @rule(is_crash=st.booleans())
    def commit(self, is_crash: bool) -> None:
        assert self.batch is not None
        batch, written = self.batch
        self.batch = None
        batch.commit()
        expected = [apply() for _, apply in written]
        if is_crash:
            self.crash()
            return
        assert not any(ticket.is_settled for ticket, _ in written)
        batch.deliver()
        for (ticket, _), outcome in zip(written, expected, strict=True):
            if isinstance(outcome, type):
                assert isinstance(ticket.problem, outcome)
            else:
                assert ticket.result() == outcome

    @rule()
    def crash(self) -> None:
        """What was not committed is forgotten, by the store and by the model."""
        self.waiting, self.batch = [], None
        self.shelf.store.collect()
        self.shelf.reopen()

    @invariant()
    def store_holds_what_was_committed(self) -> None:
        for room, log in self.logs.items():
            entries = self.shelf.entries(LogId(room))
            assert [(entry.account, number_of(entry)) for entry in entries] == log
            assert [entry.sequence for entry in entries] == list(range(1, len(log) + 1))
        heads = self.shelf.read(lambda v: v.logs.heads([LogId(room) for room in self.logs]))
        assert heads == {room: len(log) for room, log in self.logs.items()}
        for device in (1, 2, 3):
            kept = self.shelf.read(lambda v, device=device: v.logs.device_cursors(DeviceId(device)))
            assert kept == {room: cursor for (room, who), cursor in self.cursors.items() if who == device}
        accounts = self.shelf.read(lambda v: v.accounts.all())
        assert {account.name.lower() for account in accounts if not account.is_ended} == self.names
        assert sum(account.is_ended for account in accounts) == self.ended
        said = self.shelf.read(lambda v: v.accounts.all_message_bytes())
        for account in (1, 2, 3):
            count = sum(sender == account for log in self.logs.values() for sender, _ in log)
            assert said.get(AccountId(account), 0) == count * (len(b"hi") + ENTRY_COST_BYTES)
        sizes = self.shelf.read(lambda v: v.logs.sizes([LogId(room) for room in self.logs]))
        assert sizes == {room: len(log) * (len(b"hi") + ENTRY_COST_BYTES) for room, log in self.logs.items()}
        invite = self.shelf.read(lambda v: v.invites.by_token_hash(HASH))
        assert invite is not None
        assert invite.uses_left == self.uses_left

    def teardown(self) -> None:
        self.shelf.store.close()
        self.folder.cleanup()


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_store_holds_what_the_model_holds(engine: str) -> None:
    machine = type("Machine", (StoreMachine,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=40, deadline=None))

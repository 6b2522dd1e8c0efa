"""What people do in one run, and what befalls them: drawn at random, one happening at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from lanline.client.chat.session import Answer
from lanline.client.view.values import Conversation, MessageState
from lanline.errors import HistoryProblem
from lanline.model.rooms import Access, Role
from lanline.wire.chat.admin import RevokeDevice, SetBanned
from lanline.wire.chat.blobs import BlobFound, BlobStored, GetBlob, PutBlob
from lanline.wire.chat.conversations import (
    CreateRoom,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    ListMembers,
    ListRooms,
    OpenDirect,
    SendAway,
    SetAccess,
    SetBannedFromRoom,
    SetMuted,
    SetRole,
    SetTopic,
)
from lanline.wire.chat.signin import Deregister
from sim.system.auditor import between
from sim.system.home import Home
from sim.system.ledger import PromiseBroken
from sim.system.process import Death
from sim.system.program import Place, Program

_WALL_CLOCK_JUMPS_MS = (-86_400_000, -1_000, 1_000, 3_600_000)
_ROOMS = ("#den", "#lab", "#deck")
Happening = Callable[[Home, Program], None]


class Story:
    def __init__(self, place: Place, homes: Sequence[Home]) -> None:
        self.place = place
        self.rng: random.Random = place.rng
        self.homes = homes
        self.people = sorted({home.person for home in homes})
        self.banned: set[str] = set()
        """By the server, as far as is known."""
        self.revoked: set[Home] = set()
        self._happenings: list[tuple[Happening, float]] = [
            (self.say_something, 40.0),
            (self.say_much, 2.0),
            (self.read, 10.0),
            (self.enter_a_room, 6.0),
            (self.leave_a_room, 1.0),
            (self.open_a_direct, 2.0),
            (self.rule_a_room, 4.0),
            (self.ask_around, 2.0),
            (self.go_offline, 1.0),
            (self.call_once_more, 1.0),
            (self.say_refused_again, 2.0),
            (self.crash, 4.0),
            (self.replace_the_program, 1.5),
            (self.slow_down, 1.5),
            (self.jump_the_clock, 1.0),
            (self.ban_somebody, 0.7),
            (self.revoke_a_device, 0.3),
            (self.share_a_file, 1.0),
            (self.fill_own_disk, 0.5),
        ]

    def next(self) -> None:
        """Something happens to somebody; nothing, when that somebody's machine is off."""
        happening = self.rng.choices(
            [happening for happening, _ in self._happenings], [weight for _, weight in self._happenings]
        )[0]
        home = self.rng.choice(self.homes)
        if home.programs:
            program = self.rng.choice(home.programs)
            program.process.run(lambda: self._let_happen(happening, home, program))

    @staticmethod
    def _let_happen(happening: Happening, home: Home, program: Program) -> None:
        with suppress(HistoryProblem):  # told to whoever asked for it
            happening(home, program)

    def crash_server(self) -> None:
        server = self.place.server
        if server.is_up:
            if self.rng.random() < 0.2:
                server.stop("new cables")
            else:
                server.process.condemn(self.rng.choice(list(Death)), self.rng.choice([0, 0, 1, 5]))
            self.place.world.at(self.place.world.now + self.rng.uniform(0.1, 8.0), self._power_server)

    def fill_disk(self) -> None:
        store, world = self.place.server.store, self.place.world
        store.is_full = True
        world.at(world.now + self.rng.uniform(0.1, 5.0), partial(setattr, store, "is_full", False))

    def _power_server(self) -> None:
        if self.place.server.is_up:
            self.place.server.process.die()
        self.place.server.start_again()

    # ---- saying and reading ----

    def _open_conversations(self, program: Program) -> list[Conversation]:
        return [conversation for conversation in program.node.conversations.all if conversation.is_open]

    def say_something(self, home: Home, program: Program) -> None:
        conversations = self._open_conversations(program)
        if self.rng.random() < 0.15 or not conversations:
            self._say_to_somebody(home, program)
            return
        conversation = self.rng.choice(conversations)
        where = self.place.where(conversation.log)
        for _ in range(self.rng.choice([1, 1, 1, 3])):
            home.say(program, conversation.log, where, self._text(home))

    def _say_to_somebody(self, home: Home, program: Program) -> None:
        """By name: perhaps the first word between these two."""
        name = self.rng.choice(self.people)
        if program.node.directory.named(name) is not None:
            home.say(program, name, between(home.person, name), self._text(home))

    def say_much(self, home: Home, program: Program) -> None:
        """More than the server takes at once."""
        conversations = self._open_conversations(program)
        if conversations:
            conversation = self.rng.choice(conversations)
            where = self.place.where(conversation.log)
            for _ in range(self.rng.randint(10, 40)):
                home.say(program, conversation.log, where, self._text(home))

    def _text(self, home: Home) -> str:
        number = self.place.ledger.count
        return f"{home.computer.name} {number} " + "x" * self.rng.choice([1, 1, 20, 200, 3000])

    def read(self, home: Home, program: Program) -> None:
        conversations = self._open_conversations(program)
        if conversations:
            conversation = self.rng.choice(conversations)
            program.node.reader.mark_read(conversation.log, self.rng.randint(0, conversation.delivered))

    def say_refused_again(self, home: Home, program: Program) -> None:
        for message in program.node.outbox.messages:
            text = home.witness.texts.get(message.entry_id)
            if message.state is MessageState.REFUSED and text is not None:
                self.place.ledger.type_again(text)
                program.node.outbox.say_again(message.entry_id)
                return

    # ---- rooms ----

    def enter_a_room(self, home: Home, program: Program) -> None:
        name = self.rng.choice(_ROOMS)
        home.ask(program, JoinRoom(0, name))
        if self.rng.random() < 0.5:
            home.ask(program, CreateRoom(0, name, "about nothing", self.rng.choice(list(Access))))

    def leave_a_room(self, home: Home, program: Program) -> None:
        conversation = self._some_room(program)
        if conversation is not None:
            home.ask(program, LeaveRoom(0, conversation.log))

    def _some_room(self, program: Program) -> Conversation | None:
        rooms = [conversation for conversation in self._open_conversations(program) if conversation.is_room]
        return self.rng.choice(rooms) if rooms else None

    def open_a_direct(self, home: Home, program: Program) -> None:
        person = program.node.directory.named(self.rng.choice(self.people))
        if person is not None:
            home.ask(program, OpenDirect(0, person.account))

    def rule_a_room(self, home: Home, program: Program) -> None:
        """Mostly somebody may not; that has to be answered, too."""
        conversation = self._some_room(program)
        other = program.node.directory.named(self.rng.choice(self.people))
        if conversation is None or other is None:
            return
        log, account, rng = conversation.log, other.account, self.rng
        request = rng.choice(
            [
                SetRole(0, log, account, rng.choice(list(Role))),
                SetMuted(0, log, account, rng.random() < 0.5),
                SendAway(0, log, account),
                SetBannedFromRoom(0, log, account, rng.random() < 0.5),
                InviteToRoom(0, log, account),
                SetTopic(0, log, f"topic {rng.randrange(100)}"),
                SetAccess(0, log, rng.choice(list(Access))),
            ]
        )
        home.ask(program, request)

    def ask_around(self, home: Home, program: Program) -> None:
        conversation = self._some_room(program)
        home.ask(program, ListRooms(0))
        if conversation is not None:
            home.ask(program, ListMembers(0, conversation.log))
            program.node.reader.read_earlier(conversation.log)

    # ---- links and machines ----

    def go_offline(self, home: Home, program: Program) -> None:
        if self.rng.random() < 0.5:
            home.ask(program, Deregister(0))
        else:
            program.node.disconnect("back in a minute")
            program.process.at(self.rng.uniform(0.0, 5.0), program.connector.call)

    def call_once_more(self, home: Home, program: Program) -> None:
        program.connector.call()

    def crash(self, home: Home, program: Program) -> None:
        program.process.condemn(self.rng.choice(list(Death)), self.rng.choice([0, 0, 1, 3]))
        world = self.place.world
        world.at(world.now + self.rng.uniform(0.1, 8.0), home.start_again)

    def replace_the_program(self, home: Home, program: Program) -> None:
        """A newer node takes a home over: the one that runs is asked to end, and the next one starts."""
        home.end(program)
        world = self.place.world
        world.at(world.now + self.rng.uniform(0.2, 3.0), home.start_again)

    def slow_down(self, home: Home, program: Program) -> None:
        program.process.delay_s = self.rng.choice([0.0, 0.05, 0.5])

    def jump_the_clock(self, home: Home, program: Program) -> None:
        process = self.rng.choice([program.process, self.place.server.process])
        process.clock.jump_ms += self.rng.choice(_WALL_CLOCK_JUMPS_MS)

    def ban_somebody(self, home: Home, program: Program) -> None:
        name = self.rng.choice(self.people)
        person = program.node.directory.named(name)
        if person is None or name == self.people[0]:
            return
        is_banned = name not in self.banned

        def note(answer: Answer) -> None:
            (self.banned.add if is_banned else self.banned.discard)(name)

        home.ask(program, SetBanned(0, person.account, is_banned), note)

    def revoke_a_device(self, home: Home, program: Program) -> None:
        """One's own, lost on the way: only where another is left."""
        mine = [other for other in self.homes if other.person == home.person and other is not home]
        for other in mine[:1]:
            device = self.place.server.device_of(other.computer.fingerprint)
            if device is not None and home not in self.revoked:
                self.revoked.add(other)
                home.ask(program, RevokeDevice(0, device))

    def share_a_file(self, home: Home, program: Program) -> None:
        data = self.rng.randbytes(self.rng.choice([1, 1000, 20_000]))

        def fetch(answer: Answer) -> None:
            assert isinstance(answer, BlobStored)
            home.ask(program, GetBlob(0, answer.blob), check)

        def check(answer: Answer) -> None:
            if not isinstance(answer, BlobFound) or answer.data != data:
                raise PromiseBroken(f"{home.computer.name} gets back another file than it has put there")

        home.ask(program, PutBlob(0, data), fetch)

    def fill_own_disk(self, home: Home, program: Program) -> None:
        program.is_disk_full = True
        world = self.place.world
        world.at(world.now + self.rng.uniform(0.1, 5.0), partial(setattr, program, "is_disk_full", False))

"""Homes with processes that die at any step, and the real server, in one process and on one clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.session import AsDevice, AsNewcomer
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.view import events
from lanline.client.view.events import NodeEvent
from lanline.client.view.values import Conversation, Message, NodeState
from lanline.clock import Timer
from lanline.errors import CloseCode
from lanline.model.content import Text
from lanline.model.rooms import Access
from lanline.proto.events import MessageReceived
from lanline.testing.link import HandLink
from lanline.wire.chat.conversations import CreateRoom
from serverhouse.house import House

_MOST_UNDER_WAY = 40


class Crash(BaseException):
    """Nothing catches it on its way out: the process is gone."""


class Wire(HandLink):
    """One link, from the client's end: what is sent waits in it until it is carried, and is lost when it dies."""

    def __init__(self, fingerprint: bytes) -> None:
        super().__init__(bytes(32), most_under_way=_MOST_UNDER_WAY)
        self.server_end = self.other = HandLink(fingerprint, buffer_bytes=64 * 1024)
        self._read = 0

    @property
    def is_open(self) -> bool:
        return self.closed is None

    def carry_up(self, most: int) -> bool:
        return self.arrive(most)

    def carry_down(self, most: int) -> bool:
        self.server_end.arrive()
        did = False
        while self.is_open and self._read < len(self.server_end.arrived) and most:
            channel, payload = self.server_end.arrived[self._read]
            self._read += 1
            did, most = True, most - 1
            self.give(MessageReceived(channel, payload))
        if self.server_end.closed is not None and self._read == len(self.server_end.arrived):
            self.die(CloseCode.DONE, "The server hung up.")
        return did

    def die(self, code: CloseCode = CloseCode.UNREACHABLE, reason: str = "Nobody answers.") -> None:
        """At both ends; what was under way is lost."""
        self.close(code, reason)

    def forget_client(self) -> None:
        """Its process is gone; the server learns that the link is dead, and nobody else is there to learn it."""
        self.set_handler(lambda _: None)
        self.die()


class Process:
    """One run of a client program on a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.is_alive = True
        self.wires: list[Wire] = []
        self.history = History.open(home.path)
        self.history.crash_point = self._reach
        self.steps_left: int | None = None
        self._delivered: dict[int, int] = {}
        way = AsDevice() if home.has_joined else AsNewcomer(home.name, "correct horse", home.token)
        self.node = ChatNode(self, self.history, way, keys=home.keys)
        self.node.subscribe(self._hear)
        for each in self.node.conversations.all:
            assert each.delivered >= home.delivered.get(each.log, 0), "what was told is not on the disk"

    # As `Clock`: nothing rings in a program that is gone.

    def now(self) -> float:
        return self._home.village.house.clock.now()

    def now_ms(self) -> int:
        return self._home.village.house.clock.now_ms()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self._home.village.house.clock.call_later(delay_s, lambda: callback() if self.is_alive else None)

    def _reach(self, _point: str) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Crash

    def _hear(self, event: NodeEvent) -> None:
        match event:
            case events.SignedIn():
                self._home.has_joined = True
            case events.EntriesReceived(log, messages):
                numbers = [message.sequence for message in messages]
                last = self._delivered.get(log)
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                assert last is None or numbers[0] == last + 1, "a gap, or a repeat"
                self._delivered[log] = numbers[-1]
                self._home.delivered[log] = max(self._home.delivered.get(log, 0), numbers[-1])
            case events.EntriesOpened(log, messages):
                assert all(message.sequence <= self._delivered[log] for message in messages)
            case events.CopyParted(log, through):
                self._delivered[log] = through
            case events.Warned(text):
                self._home.warnings.append(text)
            case events.HistoryFailed(text) | events.SignInRefused(_, text):
                raise AssertionError(text)
            case _:
                pass

    @property
    def member(self) -> GroupMember:
        assert self.node.seals.member is not None
        return self.node.seals.member

    def shown(self, title: str) -> Conversation:
        track = self.node.conversations.titled(title)
        assert track is not None
        return track.shown

    def connect(self) -> None:
        wire = Wire(self._home.link)
        self.wires.append(wire)
        self._home.village.house.server.on_accept(wire.server_end, ("192.0.2.1", 4000))
        self.node.on_connected(wire)

    @property
    def open_wires(self) -> list[Wire]:
        return [wire for wire in self.wires if wire.is_open]

    def crash(self) -> None:
        self.is_alive = False
        for wire in self.wires:
            wire.forget_client()
        self.history.close()


class Home:
    def __init__(self, village: Village, name: str) -> None:
        self.village = village
        self.name = name
        self.link = name.encode().ljust(32, b".")
        self.path = village.folder / f"{name}.db"
        self.has_joined = False
        self.token: bytes | None = None
        self.keys: DeviceKeys | None = None
        """In a village whose server can read nothing of what is said in its rooms."""
        self.processes: list[Process] = []
        self.account_id = b""
        self.warnings: list[str] = []
        self.typed: list[tuple[str, str, bool]] = []
        """Destination, text, and whether `say` came back: then it is a promise."""
        self.delivered: dict[int, int] = {}

    def say(self, process: Process, destination: str) -> None:
        text = f"{self.name} {len(self.typed)}"
        is_kept = False
        try:
            process.node.outbox.say(destination, Text(text), self.village.chance.randbytes(16))
            is_kept = True
        finally:
            self.typed.append((destination, text, is_kept))


class Village:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        (folder / "server").mkdir(exist_ok=True)
        # Few may be said at once, so that the server often puts something off.
        self.house = House(folder / "server", messages_per_s=30.0, messages_burst=8)
        self.homes = [Home(self, name) for name in ("ann", "ben", "cai")]
        self.rooms = ["#lobby"]
        self.link = b""
        """Of the group's founder, in a sealed village."""

    def seal(self) -> None:
        """The first founds a group, and the others have a link of hers."""
        core, chance = self.house.server.core, self.chance.randbytes
        core.settings = msgspec.structs.replace(core.settings, is_open=False)
        token = core.make_first_invite(3600)
        self.house.settle()
        for home in self.homes:
            key = home.name.encode().ljust(32, b".")
            home.keys = DeviceKeys(Keystore.in_memory(chance(32)), key, chance)
            home.keys.store.founds = home is self.homes[0]
        self.homes[0].token = token.result()
        founder = Process(self.homes[0])
        self.homes[0].processes.append(founder)
        self.rest_until(lambda: founder.member.copy.sealing_epoch() is not None)
        made = founder.member.changes.make_invite(max(9, len(self.homes)), 10**9)
        self.rest_until(lambda: made.is_settled)
        self.link = made.result()
        for home in self.homes[1:]:
            assert home.keys is not None
            home.keys.store.invite = made.result()
            home.token = InviteKeys.of(made.result()[:INVITE_SECRET_BYTES]).shown

    def make_private_room(self) -> None:
        """By the first, for all of them; everybody is in the group already."""
        ann = self.homes[0].processes[0]
        opened: list[Any] = []
        ann.node.line.request(CreateRoom(0, "#board", "", Access.INVITE_ONLY), opened.append)
        self.rest_until(lambda: bool(opened))
        track = ann.node.conversations[opened[0].log]
        made = ann.member.rooms.found(opened[0].log, "board", ())
        self.rest_until(lambda: made.is_settled and ann.node.seals.room(track.shown) is not None)
        copy = ann.node.seals.room(track.shown)
        assert copy is not None
        let_in = ann.member.rooms.let_in(copy, [home.processes[0].member.copy.account_id for home in self.homes[1:]])
        self.rest_until(lambda: let_in.is_settled)
        self.rooms = ["#lobby", "#board"]
        for home in self.homes:
            self.rest_until(lambda node=home.processes[0].node: node.conversations.titled("#board") is not None)  # type: ignore[misc]

    def add_member(self, name: str) -> Home:
        """By the link of `seal`, of somebody who says nothing, and whose home is not among those that are looked at."""
        first = self.homes[1]
        assert first.keys is not None
        home = Home(self, name)
        store = Keystore.in_memory(self.chance.randbytes(32))
        store.invite = self.link
        home.keys = DeviceKeys(store, name.encode().ljust(32, b"."), self.chance.randbytes)
        home.token = first.token
        process = Process(home)
        home.processes.append(process)
        self.homes.append(home)
        self.rest_until(lambda: process.member.copy.is_member and process.member.copy.sealing_epoch() is not None)
        home.account_id = process.member.copy.account_id
        self.homes.remove(home)
        process.crash()
        return home

    def send_away(self, home: Home) -> None:
        """By the first, while the others speak. Nobody crashes just then."""
        for process in self.all_processes():
            process.steps_left = None
        for process in self.homes[0].processes:  # one program owns a home
            if process.is_alive:
                process.crash()
        founder = Process(self.homes[0])
        self.homes[0].processes.append(founder)
        self.rest_until(lambda: founder.member.is_settled and founder.member.is_current)
        for other in self.homes:
            for process in other.processes:
                if process.is_alive:
                    for _ in range(3):  # under way, and sealed for everybody who reads now
                        self.guard(process, other.say, process, "#lobby")
        founder.member.changes.remove([home.account_id])
        self.rest_until(lambda: not founder.member.copy.chain.is_member(home.account_id))

    def guard(self, process: Process, work: Callable[..., Any], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Crash:
            process.crash()

    def settle(self) -> None:
        """A server's turn. A timer of a client may be the one that crashes it."""
        try:
            self.house.settle()
        except Crash:
            for process in self.all_processes():
                if process.steps_left is not None and process.steps_left < 0:
                    process.crash()

    def all_processes(self) -> list[Process]:
        return [process for home in self.homes for process in home.processes if process.is_alive]

    def step(self) -> None:
        chance = self.chance
        home = chance.choice(self.homes)
        home.processes = [process for process in home.processes if process.is_alive]
        if not home.processes:
            home.processes.append(Process(home))
        process = chance.choice(home.processes)
        if chance.random() < 0.02 and process.steps_left is None:
            process.steps_left = chance.randrange(12)
        self.guard(process, self._act, home, process)
        self.settle()

    def _act(self, home: Home, process: Process) -> None:
        chance = self.chance
        wires = process.open_wires
        match chance.choices(range(7), [4, 2, 8, 8, 1, 3, 1])[0]:
            case 0:
                destinations = [*self.rooms, *(other.name for other in self.homes if other is not home)]
                for _ in range(chance.choice([1, 1, 3, 12])):
                    home.say(process, chance.choice(destinations))
            case 1 if len(wires) < 2 and (not wires or chance.random() < 0.1):
                process.connect()
            case 2 if wires:
                chance.choice(wires).carry_up(chance.randrange(1, 9))
            case 3 if wires:
                chance.choice(wires).carry_down(chance.randrange(1, 9))
            case 4 if wires:
                chance.choice(wires).die()
            case 5:
                self.house.clock.pass_time(chance.random() * 0.3)
            case 6:
                for each in process.node.conversations.all:
                    process.node.reader.mark_read(each.log, each.delivered)
            case _:
                pass

    def restart_server(self) -> None:
        for process in self.all_processes():
            for wire in process.open_wires:
                self.guard(process, wire.die)
        self.house.stop()
        self.house.start()

    def come_to_rest(self) -> None:
        """All are connected, nothing dies any more, and time passes."""
        for home in self.homes:
            home.processes = [process for process in home.processes if process.is_alive] or [Process(home)]
            for process in home.processes:
                process.steps_left = None
        # Once more round, for who was typed to before ever coming here.
        for _ in range(400):
            self.rest()

    def rest_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(400):
            if condition():
                return
            self.rest()
        raise AssertionError("nothing comes of it")

    def rest(self) -> None:
        for process in self.all_processes():
            if process.node.state is NodeState.OFFLINE:
                process.connect()
            for wire in process.open_wires:
                wire.carry_up(10**6)
                self.settle()
                wire.carry_down(10**6)
        self.house.clock.pass_time(0.25)
        self.settle()

    def close(self) -> None:
        for process in self.all_processes():
            process.crash()
        self.house.stop()


def say(process: Process, destination: str, text: str) -> None:
    process.node.outbox.say(destination, Text(text), process._home.village.chance.randbytes(16))


def messages(process: Process, destination: str) -> list[Message]:
    track = process.node.conversations.titled(destination)
    found = [] if track is None else process.node.messages(track.shown.log, last=100)
    return [each for each in found if each.is_said and each.sequence]


def texts(process: Process, destination: str) -> list[str]:
    return [each.content.text for each in messages(process, destination) if isinstance(each.content, Text)]

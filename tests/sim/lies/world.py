"""Homes with the real client, the real server, and a liar between them, in one process and on one clock.

What is promised: nothing is sealed to anybody whose end that device has seen; no lie goes unmentioned once two that it
parted have talked; and where nobody lies, nothing is told, whatever else happens: homes and the server put back from
backups, programs that die, others that take over, members who are away.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from cryptography.exceptions import InvalidSignature

from lanline.chain.branches import parting
from lanline.chain.state import Chain
from lanline.client.chat.restored.lost import LostEntries
from lanline.client.chat.sealed.content import CARRIED
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.sealed.watch import _ASKED_AFTER_S, _ASKED_WHILE_MENDED
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.secrets import ASK_AGAIN_S
from lanline.client.view import events
from lanline.client.view.values import NodeState
from lanline.core.chaingathering import WAIT_S
from lanline.crypto.groups import keys
from lanline.gateways.lanline.groups import _ASKED_FOR_S
from lanline.model.content import Text
from lanline.proto.channels import Channel
from lanline.proto.events import MessageReceived
from lanline.wire.sealing.entries import Role
from runfolder import is_alive
from serverhouse.house import House
from sim.lies import homes, restores
from sim.lies.liar import LIES, Liar
from sim.lies.promise import PromiseBroken, watched_seals
from sim.lies.restores import A_YEAR_MS
from unit.client.chat.village import Home, Process, Village, Wire

NAMES = ("ann", "ben", "cai", "eve")
ROOMS = ("#lobby", "#board")
_MEMORY = Path("/dev/shm")
_FOLDER = "lanline-lies-"
_MAX_SIGNATURES = 10_000
_REST_S = 0.25


def new_folder() -> Path:
    """In memory where there is such a place: a seed writes some hundred times."""
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_place_of_folders()))


def _place_of_folders() -> Path:
    return _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())


def remove_folders() -> None:
    """Of this process, and of those that were killed."""
    for folder in _place_of_folders().glob(f"{_FOLDER}*-*"):
        number = folder.name.removeprefix(_FOLDER).split("-")[0]
        if number.isdecimal() and (int(number) == os.getpid() or not is_alive(int(number))):
            shutil.rmtree(folder, ignore_errors=True)


class _Remembering:
    """A key for which no signature is checked twice: all homes of a world check the same ones."""

    def __init__(self, public: bytes) -> None:
        self._public = public

    def verify(self, signature: bytes, message: bytes) -> None:
        if not _is_by(self._public, signature, message):
            raise InvalidSignature


_load = keys._loaded


@lru_cache(_MAX_SIGNATURES)
def _is_by(public: bytes, signature: bytes, message: bytes) -> bool:
    key = _load(public)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


class LyingWire(Wire):
    liar: Liar

    def carry_down(self, most: int) -> bool:
        self.server_end.arrive()
        did = False
        while self.is_open and self._read < len(self.server_end.arrived) and most:
            channel, payload = self.server_end.arrived[self._read]
            self._read += 1
            did, most = True, most - 1
            for told in self.liar.down(payload) if channel is Channel.CHAT else [payload]:
                self.give(MessageReceived(channel, told))
        if self.server_end.closed is not None and self._read == len(self.server_end.arrived):
            self.die()
        return did

    def send_nowait(self, channel: Channel, payload: bytes) -> int:
        told = self.liar.up(payload) if channel is Channel.CHAT else payload
        return super().send_nowait(channel, told)


class SimProcess(Process):
    def now_ms(self) -> int:
        """By the clock of this home."""
        assert isinstance(self._home, SimHome)
        return super().now_ms() + self._home.ahead_ms

    def connect(self) -> None:
        home = self._home
        assert isinstance(home, SimHome)
        wire = Wire(home.link)
        if home.world.lies:
            wire = LyingWire(home.link)
            wire.liar = home.liar
        self.wires.append(wire)
        home.world.house.server.on_accept(wire.server_end, ("192.0.2.1", 4000))
        self.node.on_connected(wire)

    def _hear(self, event: Any) -> None:
        home = self._home
        assert isinstance(home, SimHome)
        match event:
            case events.Warned(text, kind):
                home.warnings.append(text)
                home.kinds[kind] += 1
            case events.ConnectionLost(reason) if "broke the protocol" in reason:
                home.warnings.append(reason)
                home.kinds["protocol"] += 1
            case events.SignInRefused() | events.EntriesReceived() | events.EntriesOpened() | events.CopyParted():
                pass
            case _:
                super()._hear(event)


class SimHome(Home):
    def __init__(self, world: World, name: str, keys: Keystore, copy_of: str = "") -> None:
        super().__init__(world, name)  # type: ignore[arg-type]
        self.world = world
        self.label = f"{copy_of}{name}"
        """With which it says whose words they are."""
        self.is_copy = bool(copy_of)
        self.path = world.folder / f"{self.label}.db"
        self.ahead_ms = world.chance.choice([0, 0, 0, A_YEAR_MS, -A_YEAR_MS])
        """How far its clock is before the server's."""
        self.kinds = Counter[str]()
        self.has_joined = True
        self.keys = DeviceKeys(keys, self.link, world.chance.randbytes)
        self.liar = Liar(world.chance, world.chain_log)
        self.backup: bytes | None = None
        self.was_put_back = False
        self.said = 0

    @property
    def process(self) -> Process | None:
        return next((each for each in self.processes if each.is_alive), None)


@cache
def _template() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """A founded group of four with a private room, at rest: made once, and laid out for each seed. Its files, and the
    secrets of its devices.
    """
    folder = new_folder()
    try:
        secrets = _found_in(folder)
        files = [each for each in folder.rglob("*") if each.is_file()]
        return {str(each.relative_to(folder)): each.read_bytes() for each in files}, secrets
    finally:
        shutil.rmtree(folder)


def _found_in(folder: Path) -> dict[str, bytes]:
    made = Village(folder, 7)
    made.homes = [Home(made, name) for name in NAMES]
    made.seal()
    for _ in range(30):
        for home in made.homes:
            home.processes = home.processes or [Process(home)]
        made.rest()
    made.make_private_room()
    for home in made.homes:
        for room in ROOMS:
            home.processes[0].node.outbox.say(room, Text(f"{home.name} is here"), made.chance.randbytes(16))
    for _ in range(20):
        made.rest()
    secrets = {home.name: home.keys.store.device_secret for home in made.homes if home.keys is not None}
    for home in made.homes:
        assert home.keys is not None
        store = home.keys.store
        kept = msgspec.msgpack.encode((store.height, store.head, store.group_id, sorted(store.ended)))
        (folder / f"{home.name}.keys").write_bytes(kept)
    made.close()
    return secrets


class World:
    def __init__(self, seed: int, *, lies: bool) -> None:
        files, secrets = _template()
        self.seed = seed
        self.lies = lies
        self.chance = random.Random(f"lies {seed} {lies}")
        self.figures = Counter[str]()
        self.folder = new_folder()
        (self.folder / "server").mkdir()
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self.house = House(self.folder / "server", is_open=False, messages_per_s=1000.0, messages_burst=10_000)
        self.house.entropy = random.Random(f"server {seed}").randbytes  # not that of the template: histories differ
        self.house.stop()
        self.house.start()
        self.homes = [SimHome(self, name, self._keys(name, secrets[name])) for name in NAMES]
        for home in self.homes:
            home.backup = home.path.read_bytes()
        self.backup: Path | None = None
        self.changes_past_only = lies and self.chance.random() < 0.3
        """All else that the server says is true."""
        self.was_restored = False
        self.was_parted = False
        """Half of the members were away for the ten minutes of a restore: the others may have gone on without them."""
        self.forged: bytes | None = None
        """The head of what somebody has made up after a restore."""
        self.link: bytes | None = None
        self.link_until_ms = 0
        self.gone: set[str] = set()

    def _keys(self, name: str, secret: bytes) -> Keystore:
        store = Keystore.in_memory(secret)
        height, head, group_id, ended = msgspec.msgpack.decode((self.folder / f"{name}.keys").read_bytes())
        store.height, store.head, store.group_id, store.ended = height, head, group_id, set(ended)
        return store

    def chain_log(self) -> int:
        state = self.house.server.gateway._groups.state
        return 0 if state is None else state.log

    @property
    def village(self) -> World:
        return self

    # What happens.

    def run(self) -> World:
        try:
            with watched_seals() as sealed_wrong, mock.patch.object(keys, "_loaded", _Remembering):
                try:
                    self._live()
                finally:
                    if sealed_wrong:
                        raise PromiseBroken(sealed_wrong[0])
        except PromiseBroken as broken:
            raise PromiseBroken(f"seed {self.seed} ({'lies' if self.lies else 'honest'}): {broken}") from broken
        finally:
            self.close()
        return self

    def _live(self) -> None:
        for _ in range(self.chance.randint(20, 60)):
            self._step()
        self._end()

    def close(self) -> None:
        for home in self.homes:
            for process in home.processes:
                if process.is_alive:
                    process.crash()
        self.house.stop()
        shutil.rmtree(self.folder)

    def _step(self) -> None:
        chance = self.chance
        home = chance.choice([each for each in self.homes if each.name not in self.gone])
        does: list[tuple[Callable[[SimHome], None], float]] = [
            (self._say, 20),
            (self.go_away, 3),
            (self._restart, 4.5),
            (partial(homes.back_up, self), 1),
            (partial(homes.put_back, self), 1),
            (partial(homes.copy, self), 0.5),
            (partial(homes.make_link, self), 0.7),
            (partial(homes.come_in, self), 0.7),
            (self._back_up_server, 1.5),
            (partial(restores.put_server_back, self), 1),
            (partial(restores.turn_clock, self), 0.3),
            (self._send_away, 1),
            (self._promote, 1),
            (self._renew_keys, 0.5),
        ]
        if self.lies and not self.changes_past_only:
            does.append((self._plan_lie, 8))
        [act] = chance.choices([each for each, _ in does], [weight for _, weight in does])
        act(home)
        for _ in range(chance.choice([0, 1, 1, 3])):
            self.rest(is_partial=True)

    def new_process(self, home: SimHome) -> SimProcess:
        return SimProcess(home)

    def new_home(self, name: str, store: Keystore, copy_of: str = "") -> SimHome:
        return SimHome(self, name, store, copy_of)

    def alive(self, home: SimHome) -> Process:
        if home.process is None:
            home.processes = [self.new_process(home)]
        process = home.process
        assert process is not None
        return process

    def _say(self, home: SimHome) -> None:
        self.alive(home)
        process = self.chance.choice([each for each in home.processes if each.is_alive])
        others = [each.name for each in self.homes if each.name != home.name]
        to = self.chance.choice([*ROOMS, *ROOMS, self.chance.choice(others)])
        for _ in range(self.chance.choice([1, 1, 3])):
            home.said += 1
            process.node.outbox.say(to, Text(f"{home.label} {home.said}"), self.chance.randbytes(16))
        self.figures["said"] += 1

    def go_away(self, home: SimHome) -> None:
        for process in home.processes:
            if process.is_alive:
                process.crash()
        home.processes = []

    def _restart(self, home: SimHome) -> None:
        """As when a newer program takes the home over: its lock lets in no two at once."""
        self.go_away(home)
        self.alive(home)

    def _back_up_server(self, _home: SimHome) -> None:
        self.stop_server()
        self.backup = self.folder / f"backup{self.chance.random()}"
        shutil.copytree(self.folder / "server", self.backup)
        self.house.start()

    def stop_server(self) -> None:
        for home in self.homes:
            for process in home.processes:
                for wire in process.open_wires:
                    wire.die()
        self.house.settle()
        self.house.stop()

    def _send_away(self, home: SimHome) -> None:
        """Ann sends eve away, once."""
        ann = self.homes[0]
        if self.gone or home.name == "eve":
            return
        process = self.alive(ann)
        self.rest()
        eve = next((each for each in process.member.copy.chain.names.items() if each[0] == b"eve"), None)
        if eve is not None and process.member.is_current:
            ticket = process.member.changes.remove([eve[1]])
            for _ in range(6):
                self.rest()
            if ticket.is_settled and ticket.problem is None:
                self.gone.add("eve")
                self.figures["sent away"] += 1

    def _promote(self, home: SimHome) -> None:
        ann = self.alive(self.homes[0])
        copy = ann.member.copy
        account = copy.chain.names.get(home.name.encode())
        if account is not None and account != copy.account_id:
            ann.member.changes.set_role(account, self.chance.choice([Role.MEMBER, Role.ADMIN]))

    def _renew_keys(self, home: SimHome) -> None:
        """All that can be computed anew is."""
        self.go_away(home)
        self.figures["caches thrown away"] += 1
        process = self.alive(home)
        process.member.caches.throw_away()

    def _plan_lie(self, home: SimHome) -> None:
        home.liar.plans.append(self.chance.choice(LIES))

    # Time.

    def rest(self, *, is_partial: bool = False, but: Sequence[SimHome] = ()) -> None:
        for home in self.homes:
            if home in but:
                continue
            for process in list(home.processes):
                if not process.is_alive or (is_partial and self.chance.random() < 0.2):
                    continue
                if process.node.state is NodeState.OFFLINE:
                    process.connect()
                for wire in process.open_wires:
                    wire.carry_up(self.chance.randint(1, 9) if is_partial else 10**6)
                    self.house.settle()
                    wire.carry_down(self.chance.randint(1, 30) if is_partial else 10**6)
        self.house.clock.pass_time(_REST_S)
        self.house.settle()

    # The end.

    def _end(self) -> None:
        """All are there, the liar makes up nothing new, time passes, and everybody says something everywhere."""
        for home in self.homes:
            home.liar.plans.clear()
            self.alive(home)
        self._rest_for(20)
        if self.house.server.core.gathering.is_on:
            self.house.clock.pass_time(WAIT_S)
            self._rest_for(6)
            if self.house.server.core.gathering.is_on:
                self.house.server.core.gathering.take(self.house.server.core.gathering._own.head)
        self._rest_for(20)
        homes.decide(self)
        homes.let_in(self)
        for _ in range(2):
            for home in self.homes:
                for room in ROOMS:
                    home.said += 1
                    self.alive(home).node.outbox.say(room, Text(f"{home.label} {home.said}"), self.chance.randbytes(16))
                self._rest_for(2)
        self._rest_for(60)  # those who keep the group back are asked after ten seconds
        self.house.clock.pass_time(ASK_AGAIN_S)  # and others once more for keys, of whom none could help
        self._rest_for(20 + len(self.homes) * round(_ASKED_FOR_S / _REST_S))  # one after the other
        if self.lies and len({self._chain(home).height for home in self.homes}) > 1:
            # It says for ever that more is on its way. Who asks anew in the middle of a step waits for two.
            for _ in range(2 * (_ASKED_WHILE_MENDED + 2)):
                self.house.clock.pass_time(_ASKED_AFTER_S)
                self.rest()
        for home in self.homes:
            self.figures.update({f"told: {kind}": count for kind, count in home.kinds.items()})
            self.figures.update({f"lies: {kind}": count for kind, count in home.liar.told.items()})
        self._check_mentioned()

    def _rest_for(self, count: int) -> None:
        for _ in range(count):
            self.rest()

    def _check_mentioned(self) -> None:
        told = [each for home in self.homes for each in home.warnings]
        if not self.lies:
            if told:
                raise PromiseBroken(f"nobody lied, and it is told: {told}")
            self._check_all_here()
            self._check_goes_on()
            return
        for one in self.homes:
            for other in self.homes:
                if one.name < other.name and not (one.warnings or other.warnings):
                    self._check_same(one, other)
                if one.name != other.name and not one.warnings:
                    self._check_kept_back(one, other)

    def _check_same(self, one: SimHome, other: SimHome) -> None:
        """Two of whom each has read what the other said last, and of whom neither was told anything."""
        chains = [each.process.member.copy.chain for each in (one, other) if each.process is not None]
        for room in ROOMS:
            logs = [_copy(each, room) for each in (one, other)]
            if any(log is None for log in logs):
                continue
            (mine, theirs) = (log or {} for log in logs)
            if not (_has_words_of(other, mine) and _has_words_of(one, theirs)):
                continue
            self.figures["pairs compared"] += 1
            if parting(*chains) is not None:
                raise PromiseBroken(f"{one.name} and {other.name} have talked in different groups, and nobody was told")
            for place in mine.keys() & theirs.keys():
                if mine[place][:2] != theirs[place][:2]:
                    raise PromiseBroken(
                        f"{one.name} and {other.name} have talked, are shown different things at {room} {place}, and "
                        "nobody was told"
                    )

    def _check_kept_back(self, one: SimHome, other: SimHome) -> None:
        """One to whom came what the other said last, readable or not, and who is shown less of the group."""
        mine, theirs = self._chain(one), self._chain(other)
        if mine.height >= theirs.height or parting(mine, theirs) is not None:
            return
        for room in ROOMS:
            ids = [each[0] for each in (_copy(other, room) or {}).values() if each[2] == f"{other.label} {other.said}"]
            if set(ids) & _ids_in(one, room):
                raise PromiseBroken(f"{one.name} is shown less of the group than {other.name}, and is not told")

    def _chain(self, home: SimHome) -> Chain:
        return self.alive(home).member.copy.chain

    def _check_goes_on(self) -> None:
        """Whatever its clock says, and the server's: who rules can still change who is in the group."""
        made = self.alive(self.homes[0]).member.changes.make_invite(1, 3_600_000)
        self._rest_for(12)
        if not made.is_settled or made.problem is not None:
            raise PromiseBroken(f"ann can change nothing: {made.problem if made.is_settled else 'nothing comes of it'}")

    def _check_all_here(self) -> None:
        """Where nobody lies all see the same, and nothing waits."""
        there = [home for home in self.homes if self.alive(home).node.state is NodeState.SYNCHRONIZED]
        heads = {self.alive(home).member.copy.chain.head for home in there}
        if len(heads) > 1:
            raise PromiseBroken(f"{[home.name for home in there]} have different chains at the end")
        for home in there:
            process = self.alive(home)
            waits = [each for each in process.node.outbox.messages if each.state.value == "queued"]
            came_late = process.member.standing is GroupStanding.ASKS and self.house.clock.now_ms() > self.link_until_ms
            if process.member.problem or (waits and not came_late):
                raise PromiseBroken(f"{home.name}: {process.member.problem}; {len(waits)} messages wait")
            lost = LostEntries(process.history.database).to_bring()
            if process.member.copy.is_member and any(each.title in ROOMS for each in lost):
                raise PromiseBroken(f"{home.name} has {len(lost)} messages that it could bring back, and did not")
        for room in ROOMS:
            copies = {home.name: copy for home in there if (copy := _copy(home, room)) is not None}
            self.figures["brought back"] += sum(by for _, _, _, by in next(iter(copies.values()), {}).values())
            texts = {name: {text for _, _, text, _ in copy.values()} for name, copy in copies.items()}
            if any(each != next(iter(texts.values())) for each in texts.values()):
                raise PromiseBroken(f"not all have read the same in {room}: {texts}")


def _copy(home: SimHome, room: str) -> dict[int, tuple[bytes, int, str, bool]] | None:
    """Id, time and text by place, and whether it was lost and brought back."""
    process = home.process
    track = None if process is None else process.node.conversations.titled(room)
    if process is None or track is None:
        return None
    rows = process.history.database.read(
        "SELECT sequence, entry_id, time_ms, suite, content FROM entries WHERE log = ? "
        "AND suite IN ('opened', 'carried') AND sequence <= ?",
        (track.shown.log, track.shown.delivered),
    )
    return {int(row[0]): (row[1], row[2], _text(row[3], bytes(row[4])), row[3] == CARRIED) for row in rows}


def _ids_in(home: SimHome, room: str) -> set[bytes]:
    """Of all that has come there, open or not."""
    process = home.process
    track = None if process is None else process.node.conversations.titled(room)
    if process is None or track is None:
        return set()
    rows = process.history.database.read(
        "SELECT entry_id FROM entries WHERE log = ? AND sequence <= ?", (track.shown.log, track.shown.delivered)
    )
    return {row[0] for row in rows}


def _text(suite: str, content: bytes) -> str:
    """What was said, and of what else is said what it holds."""
    body = msgspec.msgpack.decode(content)[3] if suite == CARRIED else content
    held = msgspec.msgpack.decode(body)
    return str(held.get("text", held))


def _has_words_of(home: SimHome, copy: dict[int, tuple[bytes, int, str, bool]]) -> bool:
    return any(text == f"{home.label} {home.said}" for _, _, text, _ in copy.values())

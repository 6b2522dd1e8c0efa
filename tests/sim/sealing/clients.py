"""The real client and the real server, without sockets: people come, go, lose devices and caches, and talk, at random.

In the end everybody who may read a message has read it, on every device, in order; and whoever may not has nothing that
opens it, with all that the server has. One seed is one world. Not the order of writes on a disk: `sim/system`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from lanline.chain.epochs import Epoch, RecipientKind
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.scopes import Place, PrivateRoom
from lanline.client.sealing.secrets import Secrets
from lanline.client.sealing.tables import GroupTables
from lanline.core import rights
from lanline.crypto.groups.epochs import epoch_id_of, open_back, seed_commitment_of
from lanline.crypto.groups.keys import SealingKey, box_info
from lanline.errors import LinkNotOpen, RequestRefused
from lanline.model.groups import Box
from lanline.ticket import Steps, Ticket
from lanline.wire.chat.conversations import ListRooms, Rooms
from lanline.wire.sealing.said import SAID_SUITE, TOPIC_SUITE, split_said
from sim.sealing.group import PromiseBroken
from unit.client.sealing.devices import Device, Town
from unit.client.sealing.test_private_rooms import found, room

FAULTS = ("seals under what is stale", "fetches no boxes", "boxes for who goes")
_STEPS = 40
_MOST_PEOPLE, _MOST_DEVICES = 5, 3
_MEMORY = Path("/dev/shm")
"""Where there is one: nothing here is about what a disk has written."""
_LOBBY, _ROOM = "#lobby", "#board"


class Someone:
    def __init__(self, name: str, device: Device) -> None:
        self.name = name
        self.devices = [device]
        self.account_id = device.member.copy.account_id

    @property
    def online(self) -> list[Device]:
        return [each for each in self.devices if each.client is not None]


class World:
    def __init__(self, seed: int, fault: str = "") -> None:
        self.figures: Counter[str] = Counter()
        self._fault = fault
        self._chance = random.Random(f"clients {seed}")
        self._people: dict[str, Someone] = {}
        self._said: dict[str, list[str]] = {}
        """By conversation, as `talk_of` calls it."""
        self._topics: dict[str, str] = {}
        self._gone: list[tuple[Device, bytes, dict[str, int]]] = []
        """Devices whose time is over, their accounts, and how much had been said in each conversation until then."""
        self._place: PrivateRoom | None = None
        self._inside: set[str] = set()
        self._outside_since: dict[bytes, int] = {}
        """Accounts that were in the room and are not, and how much had been said there until then."""

    def run(self) -> World:
        with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder, self._faulty():
            self._town = Town(Path(folder))
            try:
                self._begin()
                for _ in range(_STEPS):
                    self._step()
                self._check()
            except (RequestRefused, LinkNotOpen, AssertionError) as problem:
                raise PromiseBroken(f"{type(problem).__name__}: {problem}") from problem
            finally:
                self._town.close()
        return self

    def _faulty(self) -> AbstractContextManager[object]:
        match self._fault:
            case "seals under what is stale":
                stack = ExitStack()
                stack.enter_context(mock.patch.object(EpochCopy, "sealing_epoch", _any_epoch))
                stack.enter_context(mock.patch.object(rights, "is_fresh", return_value=True))
                return stack
            case "fetches no boxes":
                return mock.patch.object(Secrets, "_open_box", return_value=False)
            case "boxes for who goes":
                return mock.patch.object(Secrets, "put_seed", _to_all(Secrets.put_seed))
            case _:
                return nullcontext()

    def _begin(self) -> None:
        ana = self._town.founder()
        self._people["ana"] = Someone("ana", ana)
        for name in ("ben", "cai"):
            self._join(name)

    # Steps.

    def _step(self) -> None:
        acts = (
            [self._speak] * 8
            + [self._set_topic]
            + [self._come] * 2
            + [self._lose, self._restart, self._go, self._add, self._add, self._revoke]
        )
        acts += [self._revoke, self._join_one, self._remove, self._found, self._let_in, self._send_away, self._pass_day]
        self._chance.choice(acts)()

    def _done(self, ticket: Ticket[None]) -> None:
        self._town.done(ticket)
        self._town.pass_time(0.3)

    def _someone(self) -> Someone:
        return self._chance.choice([each for each in self._people.values() if each.online])

    @property
    def _ana(self) -> Device:
        """The founder has a device that stays online: she lets in and sends away."""
        return self._people["ana"].devices[0]

    def _speak(self) -> None:
        one = self._someone()
        others = [each for each in self._people.values() if each is not one and each.online]
        device, what = self._chance.choice(one.online), self._chance.randrange(3)
        if what == 0 or not others:
            self._say(device, _LOBBY, f"{one.name} in the lobby")
        elif what == 1:
            other = self._chance.choice(others)
            self._say(device, _pair(one.name, other.name), f"{one.name} to {other.name}", other)
        elif one.name in self._inside:
            self._say(device, _ROOM, f"{one.name} in the room")

    def _pass_day(self) -> None:
        """And more: links that were used up or are past their time cost a new epoch now."""
        self._town.house.clock.pass_time(26 * 3600.0)
        self._town.settle()
        self.figures["days"] += 1

    def _set_topic(self) -> None:
        """By ana, who owns both rooms."""
        talk = _LOBBY if self._place is None or self._chance.random() < 0.5 else _ROOM
        self._say(self._ana, talk, "about", suite=TOPIC_SUITE)
        self._topics[talk] = self._said[talk][-1]
        self.figures["topics"] += 1

    def _say(self, device: Device, talk: str, text: str, other: Someone | None = None, suite: str = SAID_SUITE) -> None:
        place = device.lobby if talk == _LOBBY else self._place if other is None else device.pair(other.online[0])
        assert place is not None
        device.read(place)
        sealing = device.scopes.sealing(place)
        assert sealing is not None, "nobody reads this conversation"
        device.member.want_epoch(sealing.copy)
        self._town.pass_time(0.3)
        text = f"{text} {sum(map(len, self._said.values()))}"
        answer = device.say(text, place, suite)
        assert not hasattr(answer, "text"), answer
        self._said.setdefault(talk, []).append(text)
        self.figures["messages"] += 1

    def _join_one(self) -> None:
        if len(self._people) < _MOST_PEOPLE:
            self._join(f"guest{self.figures['people']}")

    def _join(self, name: str) -> None:
        device = Device(self._town, name, self._town.link(self._ana))
        self._town.pass_time(0.3)
        assert device.member.copy.is_member, device.member.refusal
        self._people[name] = Someone(name, device)
        self.figures["people"] += 1

    def _remove(self) -> None:
        """By the founder, or by oneself."""
        names = [name for name in self._people if name != "ana"]
        if not names:
            return
        one = self._people[self._chance.choice(names)]
        by = one.online[0] if one.online and self._chance.random() < 0.4 else self._ana
        ticket = by.member.changes.remove([one.account_id])
        self._town.pass_time(0.5)
        assert ticket.is_settled or by is not self._ana
        self._end(one, one.devices)
        del self._people[one.name]
        if one.name in self._inside:
            self._inside.discard(one.name)
        self.figures["removals"] += 1

    def _end(self, one: Someone, devices: list[Device]) -> None:
        for device in devices:
            self._gone.append((device, one.account_id, {talk: len(said) for talk, said in self._said.items()}))
            device.client = None

    def _add(self) -> None:
        one = self._someone()
        if len(one.devices) >= _MOST_DEVICES:
            return
        new = Device(self._town, one.name)
        self._town.pass_time(0.3)
        old, code = self._chance.choice(one.online), new.keys.code
        assert code is not None
        self._done(old.member.devices.approve(self._town.done(old.member.devices.find(code)), code))
        assert new.member.copy.is_member
        one.devices.append(new)
        self.figures["devices"] += 1

    def _revoke(self) -> None:
        one = self._someone()
        by = self._chance.choice(one.online)
        lost = [each for each in one.devices if each is not by and each is not self._ana]
        if not lost:
            return
        device = self._chance.choice(lost)
        one.devices.remove(device)
        self._done(by.member.devices.revoke([device.member.copy.device_id]))
        self._end(one, [device])
        self.figures["revocations"] += 1

    def _go(self) -> None:
        devices = [each for one in self._people.values() for each in one.online if each is not self._ana]
        if devices:
            self._chance.choice(devices).disconnect()

    def _come(self) -> None:
        for one in self._people.values():
            for device in one.devices:
                if device.client is None:
                    device.connect()
                    self._town.pass_time(0.3)

    def _again(self, device: Device) -> None:
        if device.client is not None:
            device.disconnect()
        device.restart()
        device.connect()
        self._town.pass_time(0.5)

    def _restart(self) -> None:
        self._again(self._chance.choice(self._someone().devices))

    def _lose(self) -> None:
        """All that can be made anew."""
        device = self._chance.choice(self._someone().devices)
        GroupTables(device.history.database, device.keys.device_secret, device.entropy).forget()
        self._again(device)
        self.figures["caches lost"] += 1

    # The private room, which is ana's.

    def _found(self) -> None:
        if self._place is None:
            self._place = found(self._town, self._ana)
            self._inside.add("ana")

    def _let_in(self) -> None:
        outside = [each for name, each in self._people.items() if name not in self._inside]
        if self._place is None or not outside:
            return
        one = self._chance.choice(outside)
        self._done(self._ana.member.rooms.let_in(room(self._ana, self._place), [one.account_id]))
        self._inside.add(one.name)
        self._outside_since.pop(one.account_id, None)
        self.figures["let in"] += 1

    def _send_away(self) -> None:
        inside = [name for name in self._inside if name != "ana"]
        if self._place is None or not inside:
            return
        one = self._people[self._chance.choice(sorted(inside))]
        self._done(self._ana.member.rooms.send_away(room(self._ana, self._place), [one.account_id]))
        self._inside.discard(one.name)
        self._outside_since[one.account_id] = len(self._said.get(_ROOM, []))
        self.figures["sent away"] += 1

    # What must hold.

    def _check(self) -> None:
        self._come()
        self._say(self._ana, _LOBBY, "the last word")
        self._town.pass_time(1.0)
        for one in self._people.values():
            for device in one.devices:
                for talk, said in self._said.items():
                    if one.name in self._readers(talk):
                        self._check_reads(device, talk, said)
                self._check_listed(device, is_inside=one.name in self._inside)
        for talk, said in self._said.items():
            if self._readers(talk):
                self._check_opened_by_nobody_else(talk, said)

    def _check_listed(self, device: Device, *, is_inside: bool) -> None:
        """An admin outside is shown that there is the room, and no more."""
        assert device.client is not None
        listed = device.client.ask(ListRooms(device.client.number()), Rooms)
        for each in listed.rooms:
            is_board = self._place is not None and each.log == self._place.log
            if each.topic or (is_board and not is_inside and each.topic_entry is not None):
                raise PromiseBroken(f"{device.name} is not in {each.name}, and is shown its topic")

    def _readers(self, talk: str) -> set[str]:
        if talk == _LOBBY:
            return set(self._people)
        if talk == _ROOM:
            return self._inside
        names = set(talk.split("+"))
        return names if names <= set(self._people) else set()

    def _check_reads(self, device: Device, talk: str, said: list[str]) -> None:
        place = self._place_of(device, talk)
        device.read(place)
        self._town.pass_time(0.5)
        read = device.texts(place)
        if read != said:
            raise PromiseBroken(f"{device.name} may read {talk} and has {read}, which is not {said}")
        topic = device.topic(place)
        if topic != self._topics.get(talk, ""):
            raise PromiseBroken(f"{device.name} sees {topic!r} as the topic of {talk}, not {self._topics.get(talk)!r}")
        self.figures["read"] += len(said)

    def _place_of(self, device: Device, talk: str) -> Place:
        if talk == _LOBBY:
            return device.lobby
        if talk == _ROOM:
            assert self._place is not None
            return self._place
        [other] = set(talk.split("+")) - {device.name}
        return device.pair(self._people[other].devices[0])

    def _check_opened_by_nobody_else(self, talk: str, said: list[str]) -> None:
        """By who has gone, was sent out, or never was in this conversation."""
        reader = next(each for name in sorted(self._readers(talk)) for each in self._people[name].devices)
        place = self._place_of(reader, talk)
        heard = reader.heard(place)
        if len(heard) != len(said):
            raise PromiseBroken(f"the server has {len(heard)} messages in {talk}, and {len(said)} were said")
        epochs = {
            each.scope: copy.epochs
            for copy in [sealing.copy for sealing in reader.scopes.sealings(place)]
            for each, _ in copy.epochs.values()
        }
        for device, account_id, since in self._may_not(talk):
            opened = {each for known in epochs.values() for each in self._opened(device, account_id, known)}
            for entry in heard[since:]:
                if split_said(entry.content)[0].epoch_id in opened:
                    raise PromiseBroken(f"a device of {device.name} opens what was said in {talk} after its time")
                self.figures["not opened"] += 1

    def _may_not(self, talk: str) -> Iterator[tuple[Device, bytes, int]]:
        """Which devices, of which accounts, and from which message on."""
        for device, account_id, said in self._gone:
            yield device, account_id, said.get(talk, 0)
        readers = set(talk.split("+")) if talk not in {_LOBBY, _ROOM} else self._readers(talk)
        for name, one in self._people.items():
            for device in one.devices if name not in readers else ():
                yield device, one.account_id, self._outside_since.get(one.account_id, 0)

    def _opened(self, device: Device, account_id: bytes, known: dict[bytes, tuple[Epoch, int]]) -> set[bytes]:
        """With what it has, with all boxes that the server keeps for the account and for the device, and by what
        epochs hold of those before them.
        """
        seeds = dict(device.member._context.seeds) | self._seeds_from_boxes(device, account_id)
        keys = [SealingKey.of_generation(seed) for seed in seeds.values()]
        queue = []
        for epoch, _ in known.values():
            secret = device.member.copy.secrets.get((epoch.scope, epoch.epoch_id))
            for box in self._boxes(RecipientKind.ACCOUNT, account_id, epoch.scope, epoch.epoch_id):
                info = box_info(epoch.scope, epoch.commitment, RecipientKind.ACCOUNT, account_id, box.generation)
                secret = secret or next((found for key in keys if (found := key.open(box.data, info))), None)
            if secret is not None:
                queue.append((epoch, secret))
        opened: set[bytes] = set()
        while queue:
            epoch, secret = queue.pop()
            opened.add(epoch.epoch_id)
            for back in epoch.back:
                earlier = open_back(secret, epoch.scope, back.epoch_id, back.sealed)
                if earlier is not None and back.epoch_id in known and back.epoch_id not in opened:
                    queue.append((known[back.epoch_id][0], earlier))
        return opened

    def _seeds_from_boxes(self, device: Device, account_id: bytes) -> dict[int, bytes]:
        key, device_id = SealingKey.of_device(device.keys.device_secret), device.member.copy.device_id
        found = {}
        for number, each in enumerate(self._ana.member.copy.chain.accounts[account_id].generations, 1):
            commitment = seed_commitment_of(each.seal_hash, each.maker)
            info = box_info(account_id, commitment, RecipientKind.DEVICE, device_id, number)
            for box in self._boxes(RecipientKind.DEVICE, device_id, account_id, epoch_id_of(commitment)):
                seed = key.open(box.data, info)
                if seed is not None:
                    found[number] = seed
        return found

    def _boxes(self, kind: int, recipient: bytes, scope: bytes, epoch_id: bytes) -> list[Box]:
        found: list[Box] = self._town.house.engine.read(
            lambda view: view.groups.boxes(kind, recipient, scope, [epoch_id])
        )
        return found


def _pair(one: str, other: str) -> str:
    return "+".join(sorted((one, other)))


def _any_epoch(copy: EpochCopy) -> Epoch | None:
    return next((epoch for epoch, _ in copy.newest() if copy.secret(epoch.epoch_id) is not None), None)


def _to_all(put_seed: Callable[..., Steps[None]]) -> Callable[..., Steps[None]]:
    def put(secrets: Secrets, _device_ids: Sequence[bytes], number: int, seed: bytes, maker: bytes) -> Steps[None]:
        copy = secrets._context.copy
        return put_seed(secrets, tuple(copy.chain.accounts[copy.account_id].devices), number, seed, maker)

    return put

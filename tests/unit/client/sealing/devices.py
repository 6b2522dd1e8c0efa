"""Devices that take part in a group on the server under test: the real machine, without a link that can fail."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lanline.client.chat.history import History
from lanline.client.sealing.context import GroupContext, SignedInPerson
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupMember
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.sealing.scopes import OpenRoom, Pair, Place
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import Body, GroupWords, Outcome, Said
from lanline.crypto.groups import ids
from lanline.errors import LinkNotOpen, RequestRefused
from lanline.model.invites import DEVICE_TOKEN_BYTES
from lanline.proto.channels import Channel
from lanline.storage.api import Transaction
from lanline.ticket import Ticket
from lanline.wire.chat import conversations, directory, entries, groups, signin
from lanline.wire.chat import devices as wiredevices
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.messages import BULK_KINDS, ClientMessage
from lanline.wire.sealing.said import SAID_SUITE, SEALED_SUITES, TOPIC_SUITE
from serverhouse.house import PASSWORD, Client, House


class Device:
    """One home: its keys, its database and, while it is online, its link."""

    def __init__(
        self,
        town: Town,
        name: str,
        token: bytes | None = None,
        folder: Path | None = None,
        *,
        settles: bool = True,
        joins: bool = True,
    ) -> None:
        self.town = town
        self.name = name
        chance = random.Random(f"{name} {len(town.devices)}")
        self.entropy = chance.randbytes
        self.link = self.entropy(32)
        self.keys = Keystore.in_memory(self.entropy(32)) if folder is None else Keystore.open(folder, self.entropy)
        self.history = History.in_memory()
        self.told = 0
        self.refuses: Callable[[ClientMessage], RequestRefused | None] = lambda _: None
        """A hostile server."""
        self._answers: dict[int, Callable[[Any], None]] = {}
        self.client: Client | None = None
        self.is_admin = False
        if token is not None and len(token) == 32:
            self.keys.invite = token
            self.keys.save()
        if token is not None and len(token) == DEVICE_TOKEN_BYTES:
            self.keys.code, self.keys.code_until_ms = ids.code_of_token(token), town.house.clock.now_ms() + 600_000
            self.keys.save()
        town.devices.append(self)
        self.restart()
        if joins:
            self.join(token, settles=settles)

    def restart(self) -> None:
        """The program, with what is on the disk."""
        clock = self.town.house.clock
        tables = GroupTables(self.history.database, self.keys.device_secret, self.entropy)
        context = GroupContext(self.keys, tables, clock, self.entropy, self, self.link)
        self.member = GroupMember(context, self._changed)
        self.words = GroupWords(context)
        self.scopes = context.scopes

    def _changed(self) -> None:
        self.told += 1

    def join(self, token: bytes | None, *, settles: bool) -> None:
        shown = token
        if token is not None and len(token) == 32:
            shown = InviteKeys.of(token[:INVITE_SECRET_BYTES]).shown
        elif token is not None and len(token) == DEVICE_TOKEN_BYTES:
            shown = ids.device_shown_of(ids.approval_key_of(ids.code_of_token(token)))
        client = self.town.house.greet(self.link)
        message = signin.Join(client.number(), self.name, PASSWORD if self.name else "", "laptop", shown)
        self._enter(client, client.ask(message, signin.SignedIn), settles=settles)

    def connect(self, *, settles: bool = True) -> None:
        client = self.town.house.greet(self.link)
        self._enter(client, client.ask(signin.SignIn(client.number()), signin.SignedIn), settles=settles)

    def _enter(self, client: Client, signed_in: signin.SignedIn, *, settles: bool = True) -> None:
        client.signed_in = signed_in
        self.name = signed_in.name
        self.client = client
        self.is_admin = signed_in.is_admin
        client.take()
        welcome = client.last(signin.Welcome)
        ahead_ms = welcome.now_ms - self.town.house.clock.now_ms()
        founds = self.is_admin
        self.member._context.history = signed_in.epoch[:8].ljust(8, b"\0")
        self.member.begin_link(
            SignedInPerson(self.name, founds=founds, is_admin=self.is_admin, is_open=welcome.is_open, ahead_ms=ahead_ms)
        )
        if settles:
            self.town.settle()

    def disconnect(self) -> None:
        client, self.client = self.client, None
        assert client is not None
        self._answers.clear()
        self.member.end_link()
        client.hang_up()

    # As `Line`.

    def request(self, message: Any, on_answer: Callable[[Any], None]) -> None:
        if self.client is None:
            on_answer(LinkNotOpen("away"))
            return
        refusal = self.refuses(message)
        if refusal is not None:
            on_answer(refusal)
            return
        number = self.client.number()
        self._answers[number] = on_answer
        self._say(type(message)(number, *[getattr(message, each) for each in message.__struct_fields__[1:]]))

    def send(self, message: ClientMessage) -> None:
        self._say(message)

    def _say(self, message: ClientMessage) -> None:
        channel = Channel.BULK if isinstance(message, BULK_KINDS) else Channel.CHAT
        assert self.client is not None
        self.client.say(message, channel, settles=False)

    def pump(self) -> bool:
        """What has come is handed in; whether anything has."""
        if self.client is None:
            return False
        heard = self.client.take()
        for message in heard:
            if self.client is not None:
                self.take(message)
        return bool(heard)

    def take(self, message: Any) -> None:
        number = getattr(message, "request", 0)
        if number and number in self._answers:
            answer = message
            if isinstance(message, Refused):
                answer = RequestRefused(message.known_code, message.text, message.retry_after_ms / 1000)
            self._answers.pop(number)(answer)
            return
        match message:
            case entries.Entries() if self.member.takes(message.log):
                self.member.on_entries(message)
            case groups.GroupIs():
                self.member.on_group(message)
            case groups.BoxWanted():
                self.member.on_box_wanted(message)
            case groups.BoxGiven():
                self.member.on_box_given(message)
            case groups.RequestCame():
                self.member.on_request(message)
            case wiredevices.DeviceAsks():
                self.member.on_device_asks(message)
            case wiredevices.DeviceAnswered():
                self.member.on_device_answered(message)
            case _:
                pass

    # What is said in the lobby.

    @property
    def lobby(self) -> OpenRoom:
        assert self.client is not None
        return OpenRoom(self.client.log("#lobby"), "lobby")

    def pair(self, other: Device) -> Pair:
        assert self.client is not None
        message = conversations.OpenDirect(self.client.number(), other.account)
        return Pair(self.client.ask(message, conversations.Opened).log, other.name)

    def say(self, text: str, place: Place | None = None, suite: str = SAID_SUITE) -> Any:
        """The server's answer. In the lobby, where nothing else is named."""
        place, entry_id = place or self.lobby, self.entropy(16)
        if not isinstance(place, OpenRoom):
            self.heard(place)
        content = self.words.seal(place, entry_id, text.encode())
        if content is None:
            sealing = self.scopes.sealing(place)
            assert sealing is not None
            self.member.want_epoch(sealing.copy)
            self.town.settle()
            content = self.words.seal(place, entry_id, text.encode())
        assert content is not None
        assert self.client is not None
        request = self.client.number()
        self._say(entries.Append(request, place.log, entry_id, suite, content))
        self.town.settle()
        place = self.client.place(request)
        return place if place is not None else self.client.answer(request)

    def heard(self, place: Place | None = None) -> list[Said]:
        """As the server shows it; statements are taken in on the way."""
        place = place or self.lobby
        assert self.client is not None
        self.client.follow(place.log)
        people = {each.account: each.name for each in self.people()}
        heard = list({each.sequence: each for each in self.client.entries(place.log)}.values())
        for each in heard:
            if each.suite in {"epoch/1", "key/1"}:
                self.scopes.add(place.log, each.sequence, each.suite, each.content)
        return [
            Said(each.sequence, each.entry_id, people[each.account], each.content)
            for each in heard
            if each.suite in SEALED_SUITES
        ]

    def topic(self, place: Place) -> str:
        """What the newest entry says that sets it, with nothing else of the log; empty: this device opens none."""
        assert self.client is not None
        at = max((each.sequence for each in self.client.entries(place.log) if each.suite == TOPIC_SUITE), default=0)
        found = [self.words.open_alone(place, each) for each in self.heard(place) if each.place == at]
        return "".join(each.body.decode() for each in found if isinstance(each, Body))

    def people(self) -> list[directory.Person]:
        assert self.client is not None
        found = [each for message in self.client.all(directory.People) for each in message.people]
        return found + [each for message in self.client.all(directory.PeopleChanged) for each in message.people]

    def read(self, place: Place | None = None) -> list[Outcome]:
        place = place or self.lobby
        said = self.heard(place)
        for sealing in self.scopes.sealings(place):
            if sealing.copy.lacking():
                self.member.want_secrets(sealing.copy)
        self.town.settle()
        return self.words.open(place, said)

    def texts(self, place: Place | None = None) -> list[str]:
        return [each.body.decode() if isinstance(each, Body) else str(each) for each in self.read(place)]

    @property
    def account(self) -> int:
        assert self.client is not None
        return self.client.account

    @property
    def epoch_id(self) -> bytes | None:
        """Under which it would seal now."""
        epoch = self.member.copy.sealing_epoch()
        return None if epoch is None else epoch.epoch_id


class Town:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.house = House(folder, **{"is_open": False, **settings})
        self.devices: list[Device] = []

    def settle(self) -> None:
        is_busy = True
        while is_busy:
            self.house.settle()
            is_busy = False
            for device in list(self.devices):
                is_busy |= device.pump()
            is_busy |= self.house.clock.run_due() or self.house.store.has_waiting

    def pass_time(self, seconds: float) -> None:
        """In steps, so that what follows from one thing is there before the next."""
        for _ in range(max(1, round(seconds / 0.1))):
            self.house.clock.pass_time(0.1)
            self.settle()

    def done(self, ticket: Ticket[Any]) -> Any:
        for _ in range(100):
            self.settle()
            if ticket.is_settled:
                return ticket.result()
            self.pass_time(0.1)
        raise AssertionError("nothing comes of it")

    def founder(self, name: str = "ana", folder: Path | None = None) -> Device:
        first = self.house.server.core.make_first_invite(3600)
        self.house.settle()
        device = Device(self, name, first.result(), folder)
        self.pass_time(0.1)
        return device

    def link(self, maker: Device, uses: int = 5) -> bytes:
        return self.done(maker.member.changes.make_invite(uses, 3_600_000))

    def close(self) -> None:
        for device in self.devices:
            device.history.close()
        self.house.stop()


def came(town: Town, name: str, by: Device, uses: int = 5) -> Device:
    """By a link, and all that follows from it is done."""
    device = Device(town, name, town.link(by, uses))
    town.pass_time(0.3)
    return device


def change(town: Town, sql: str, *values: object) -> None:
    """By whoever rules the server's disk."""

    def work(transaction: Transaction) -> None:
        transaction.groups._connection.execute(sql, values)  # type: ignore[attr-defined]

    assert town.house.engine.transact([work]) == [None]


@pytest.fixture
def three(town: Town) -> tuple[Device, Device, Device]:
    """Of ana, ben and eve."""
    ana = town.founder()
    others = [Device(town, name, town.link(ana)) for name in ("ben", "eve")]
    town.pass_time(0.2)
    return ana, others[0], others[1]


@pytest.fixture(name="town")
def new_town(tmp_path: Path, empty_store: Path) -> Iterator[Town]:
    """Its server's folder is `data`."""
    made = Town(shutil.copytree(empty_store, tmp_path / "data"))
    yield made
    made.close()

"""A gateway of another protocol needs no session of Lanline's: it says commands and hears changes, beside that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lanline.core import changes, rooms
from lanline.core.appends import Author
from lanline.core.changes import Actor, Change
from lanline.core.core import Core
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import Role
from lanline.wire.chat import admin, answers, conversations, directory
from serverhouse.house import House


class LineGateway:
    """A protocol of lines, in the manner of IRC: `JOIN #room`, `SAY #room text`. What happens is a line for each."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.people: dict[Actor, list[str]] = {}
        core.stream.subscribe(self._on_changes)

    def connect(self, actor: Actor) -> None:
        self.people[actor] = []
        self._core.presence.come(actor.account, "irc")

    def disconnect(self, actor: Actor) -> None:
        del self.people[actor]
        self._core.presence.go(actor.account)

    def take_line(self, actor: Actor, number: int, line: str) -> None:
        verb, room, text = [*line.split(" ", 2), ""][:3]

        def said(what: str) -> Callable[[object], None]:
            return lambda ticket: self.people[actor].append(self._answer(ticket, what))

        if verb == "JOIN":
            self._core.do(actor, rooms.JoinRoom(room)).when_settled(said(f"you are in {room}"))
        else:
            content = text.encode()
            entry_id = number.to_bytes(16, "big")
            self._core.append(actor, self._log(room), entry_id, "plain", content).when_settled(said("kept"))

    @staticmethod
    def _answer(ticket: object, done: str) -> str:
        problem = ticket.problem  # type: ignore[attr-defined]
        return done if problem is None else f"no: {problem}"

    def _log(self, room: str) -> LogId:
        found = [each.log for each in self._core.conversations.rooms() if each.room and each.room.name == room]
        return found[0] if found else LogId(0)

    def _on_changes(self, told: Sequence[Change]) -> None:
        for change in told:
            match change:
                case changes.Appended(log, _, entries):
                    for entry in entries:
                        self._tell(log, f"{self._name(entry.account)}: {entry.content.decode()}")
                case changes.MemberStepped(room, account, _, after):
                    verb = "has joined" if after is not None and after.may_read else "has left"
                    self._tell(room.log, f"{self._name(account)} {verb}")

    def _tell(self, log: LogId, line: str) -> None:
        for actor, lines in self.people.items():
            if self._core.conversations.head_for(log, actor.account) is not None:
                lines.append(line)

    def _name(self, account: AccountId) -> str:
        return self._core.accounts.known(account).name


def actor_of(house: House, name: str) -> Actor:
    """Somebody who has joined once, and now comes another way."""
    house.join(name).hang_up()
    account = house.server.core.accounts.by_name(name)
    assert account is not None
    [device] = house.server.core.accounts.devices(account.id)
    return Actor(account.id, device.id)


@pytest.fixture
def gateway(house: House) -> LineGateway:
    return LineGateway(house.server.core)


def test_people_of_both_gateways_talk_to_each_other(house: House, gateway: LineGateway) -> None:
    ann, irma = house.join("ann"), actor_of(house, "irma")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    ann.follow(log)
    gateway.connect(irma)
    gateway.take_line(irma, 1, "JOIN #lab")
    house.settle()
    assert gateway.people[irma] == ["irma has joined", "you are in #lab"]
    assert ann.last(conversations.MemberChanged).account == irma.account
    gateway.take_line(irma, 2, "SAY #lab good evening")
    house.settle()
    ann.append(log, 3, b"hello irma")
    assert gateway.people[irma][2:] == ["kept", "irma: good evening", "ann: hello irma"]
    assert [entry.content for entry in ann.entries(log)] == [b"good evening", b"hello irma"]


def test_both_gateways_obey_the_same_rules(house: House, gateway: LineGateway) -> None:
    ann, irma = house.join("ann"), actor_of(house, "irma")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    gateway.connect(irma)
    gateway.take_line(irma, 1, "SAY #lab may I?")
    house.settle()
    gateway.take_line(irma, 2, "JOIN #lab")
    house.settle()
    ann.ask(conversations.SetMuted(ann.number(), log, irma.account, is_muted=True), answers.Done)
    gateway.take_line(irma, 3, "SAY #lab anybody?")
    house.settle()
    lines = gateway.people[irma]
    assert [line.startswith("no: ") for line in lines] == [True, False, False, False, True]
    assert "muted" in lines[-1]
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(admin.SetBanned(operator.number(), irma.account, is_banned=True), answers.Done)
    gateway.take_line(irma, 4, "JOIN #lobby")
    house.settle()
    assert "You may do nothing" in lines[-1]


def test_who_comes_by_another_gateway_is_online_for_all(house: House, gateway: LineGateway) -> None:
    ann, irma = house.join("ann"), actor_of(house, "irma")
    house.pass_time(1)
    gateway.connect(irma)
    house.pass_time(1)
    [told] = ann.last(directory.PeopleChanged).people
    assert (told.name, told.is_online) == ("irma", True)
    gateway.disconnect(irma)
    house.pass_time(1)
    assert not ann.last(directory.PeopleChanged).people[0].is_online


def test_a_gateway_that_fails_takes_nothing_from_the_other(house: House) -> None:
    heard: list[Change] = []

    def fail(_: Sequence[Change]) -> None:
        raise RuntimeError("a bug in a gateway")

    house.server.core.stream._subscribers.insert(0, fail)
    house.server.core.stream.subscribe(heard.extend)
    ann = house.join("ann")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    ann.follow(log)
    ann.append(log, 1)
    assert len(ann.entries(log)) == 1
    assert [type(change) for change in heard[-1:]] == [changes.Appended]


def test_what_was_committed_is_told_in_that_order_and_once(house: House) -> None:
    heard: list[Change] = []
    house.server.core.stream.subscribe(heard.extend)
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    del heard[:]
    core, boss = house.server.core, Actor(AccountId(ann.account), ann.signed_in.device)  # type: ignore[arg-type]
    guest = AccountId(bob.account)
    tickets = [
        core.do(boss, rooms.InviteToRoom(LogId(log), guest)),
        core.append(boss, LogId(log), bytes(16), "plain", b"first"),
        core.do(boss, rooms.SetTopic(LogId(log), "Keys")),
        core.do(boss, rooms.SetRole(LogId(log), AccountId(99), Role.OWNER)),
    ]
    house.settle()
    assert [type(change) for change in heard] == [changes.MemberStepped, changes.Appended, changes.RoomChanged]
    assert [ticket.problem is None for ticket in tickets] == [True, True, True, False]
    problem = tickets[-1].problem
    assert isinstance(problem, RequestRefused)
    assert problem.code is RefusalCode.UNKNOWN_PERSON


def test_an_author_that_cannot_be_answered_keeps_nobody_from_the_entry(house: House) -> None:
    ann, irma = house.join("ann"), actor_of(house, "irma")
    log = ann.log("#lobby")
    ann.follow(log)

    def fail(_: object) -> None:
        raise RuntimeError("a bug in a gateway")

    author = Author(irma, fail, lambda *_: None)
    house.server.core.appends.take(author, 1, LogId(log), bytes(16), "plain", b"hi")
    request = ann.append(log, 2)
    assert ann.place(request) is not None
    assert [entry.content for entry in ann.entries(log)] == [b"hi", b"hi"]

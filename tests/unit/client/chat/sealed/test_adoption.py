"""From plain to sealed, with nodes and the real server: asked once, killed at each step, and the end is the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanline.client.chat.sealed.content import seal
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing.adoption import GROUP, Agreed
from lanline.client.sealing.keystore import Keystore
from lanline.client.view.values import NodeState, Unreadable
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.content import Text
from lanline.model.logs import LogId, NewEntry
from lanline.model.rooms import Access
from lanline.wire.chat.admin import SetAdmin
from lanline.wire.chat.conversations import CreateRoom, InviteToRoom, JoinRoom
from lanline.wire.sealing.entries import Role, RoomRole
from unit.client.chat.village import Process, Village, messages, say, texts

BEFORE = ["ann of old", "ben of old", "cai of old"]


class Plain(Village):
    """Nobody has founded a group; what is said can be read by the server. Ann is its admin, and owns #board."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1)
        self.take_keys()

    def take_keys(self) -> None:
        for home in self.homes:
            (self.folder / home.name).mkdir(exist_ok=True)
            key = home.name.encode().ljust(32, b".")
            store = Keystore.open(self.folder / home.name, self.chance.randbytes)
            home.keys = DeviceKeys(store, key, self.chance.randbytes)

    def begin(self) -> None:
        first = self.house.server.core.make_first_invite(3600)
        self.house.settle()
        self.homes[0].token = first.result()
        for home in self.homes:
            home.processes.append(Process(home))
            self.rest_until(lambda home=home: home.has_joined)  # type: ignore[misc]
        ann, ben, cai = (home.processes[0] for home in self.homes)
        board = self.ask(ann, CreateRoom(0, "#board", "", Access.INVITE_ONLY)).log
        for other in (ben, cai):
            self.ask(ann, InviteToRoom(0, board, other.node.own.account))
            self.ask(other, JoinRoom(0, "#board"))
        for process, text in zip((ann, ben, cai), BEFORE, strict=True):
            say(process, "#lobby", text)
            say(process, "#board", text)
        say(ann, "ben", "between us, of old")
        self.rest_until(lambda: len(texts(cai, "#board")) == 3 and bool(texts(ben, "ann")))

    def ask(self, process: Process, message: Any) -> Any:
        answers: list[Any] = []
        process.node.line.request(message, answers.append)
        self.rest_until(lambda: bool(answers))
        return answers[0]

    def begin_again(self, *names: str) -> list[Process]:
        """Those who are there, with what their disks hold."""
        there = []
        for home in self.homes:
            home.has_joined = True
            home.processes = [Process(home)] if home.name in names else []
            there += home.processes
        self.rest_until(lambda: all(each.node.line.is_synchronized for each in there))
        return there

    @property
    def ann(self) -> Process:
        [process] = [each for each in self.homes[0].processes if each.is_alive]
        return process


def rows(ann: Process, *, rooms: bool = True, admins: tuple[str, ...] = ()) -> list[Agreed]:
    """What ann says yes to: all that there is."""
    people = [each for each in ann.node.directory.people if each.account != ann.node.own.account]
    own = ann.node.own
    agreed = [Agreed(GROUP, own.account, own.name, Role.ADMIN)]
    agreed += [Agreed(GROUP, p.account, p.name, Role.ADMIN if p.name in admins else Role.MEMBER) for p in people]
    if rooms:
        agreed.append(Agreed("#board", own.account, own.name, RoomRole.OWNER))
        agreed += [Agreed("#board", p.account, p.name, RoomRole.MEMBER) for p in people]
    return agreed


def agree(ann: Process, **how: Any) -> None:
    assert ann.node.seals.adoption is not None
    ann.node.seals.adoption.agree(rows(ann, **how))


def names(process: Process) -> set[str]:
    return {each.decode() for each in process.member.copy.chain.names}


def is_done(process: Process) -> bool:
    return process.node.seals.adoption is not None and not process.node.seals.adoption._table.rows


@pytest.fixture(scope="module")
def of_old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disks of a server and three homes on which nothing is sealed."""
    folder = tmp_path_factory.mktemp("of_old")
    village = Plain(folder)
    village.begin()
    for process in village.all_processes():
        process.crash()
    village.house.stop()
    return folder


@pytest.fixture
def village(of_old: Path, tmp_path: Path) -> Iterator[Plain]:
    made = copied(of_old, tmp_path)
    yield made
    made.close()


def copied(of_old: Path, folder: Path) -> Plain:
    shutil.copytree(of_old, folder, dirs_exist_ok=True)
    village = Plain(folder)
    village.house.stop()
    # Or everybody would come into the group without being let in.
    village.house.settings = msgspec.structs.replace(village.house.settings, is_open=False)
    village.house.start()
    return village


def check_sealed(village: Plain) -> None:
    """Everybody is in, once; what was said before is there, and marked; what is said now is sealed, and read by all."""
    there = village.begin_again("ann", "ben", "cai")
    ann, ben, _ = there
    village.rest_until(lambda: is_done(ann))
    for process in there:
        say(process, "#lobby", f"{process.node.own.name} from now on")
        say(process, "#board", f"{process.node.own.name} from now on")
    say(ben, "ann", "between us, from now on")
    now = sorted(f"{name} from now on" for name in ("ann", "ben", "cai"))
    for process in there:
        for place in ("#lobby", "#board"):
            village.rest_until(lambda process=process, place=place: len(texts(process, place)) >= 6)  # type: ignore[misc]
            assert texts(process, place)[:3] == BEFORE
            assert sorted(texts(process, place)[3:]) == now
            assert [each.is_plain for each in messages(process, place)] == [True] * 3 + [False] * 3
        assert names(process) == {"ann", "ben", "cai"}
        village.rest_until(lambda process=process: process.node.outbox.messages == [])  # type: ignore[misc]
    village.rest_until(lambda: len(texts(ann, "ben")) == 2)
    assert [each.is_plain for each in messages(ann, "ben")] == [True, False]
    chain = ann.member.copy.chain
    assert [each.decode() for each in chain.names if chain.names[each] in chain.admins] == ["ann"]
    assert len(chain.accounts) == 3
    kept = b"".join(path.read_bytes() for path in (village.folder / "server").glob("lanline.sqlite*"))
    assert b"from now on" not in kept
    assert b"of old" in kept


def test_after_one_yes_all_is_sealed_and_who_was_there_is_in(village: Plain) -> None:
    ann, ben, cai = village.begin_again("ann", "ben", "cai")
    agree(ann)
    village.rest_until(lambda: is_done(ann) and names(cai) == {"ann", "ben", "cai"})
    for process in (ann, ben, cai):
        process.crash()
    check_sealed(village)


def step(village: Plain) -> None:
    """One message of each, and what the server says to it."""
    for process in village.all_processes():
        if process.node.state is NodeState.OFFLINE:
            process.connect()
        for wire in process.open_wires:
            wire.carry_up(1)
            village.settle()
            wire.carry_down(10**6)
    village.house.clock.pass_time(0.01)
    village.settle()


def kill_ann(village: Plain, ann: Process) -> None:
    ann.crash()
    village.homes[0].processes = [Process(village.homes[0])]


def kill_server(village: Plain, _: Process) -> None:
    village.restart_server()


def steps_of(village: Plain, limit: int, kill: Any = None) -> int:
    """How many it takes; or killed after so many."""
    ann, _, cai = village.begin_again("ann", "ben", "cai")
    agree(ann)
    for number in range(limit):
        if is_done(ann) and names(cai) == {"ann", "ben", "cai"}:
            return number
        step(village)
    if kill is not None:
        kill(village, ann)
    return limit


@pytest.mark.parametrize("kill", [kill_ann, kill_server])
def test_killed_after_each_step_it_ends_the_same(of_old: Path, tmp_path: Path, kill: Any) -> None:
    village = copied(of_old, tmp_path / "whole")
    steps = steps_of(village, 1000)
    assert 10 < steps < 100, steps
    village.close()
    for number in range(steps):
        village = copied(of_old, tmp_path / str(number))
        steps_of(village, number, kill)
        for process in village.all_processes():
            village.rest_until(lambda process=process: names(process) == {"ann", "ben", "cai"})  # type: ignore[misc]
        village.rest_until(lambda village=village: is_done(village.ann))  # type: ignore[misc]
        for process in village.all_processes():
            process.crash()
        check_sealed(village)
        village.close()


def test_killed_at_each_write_to_the_disk_it_ends_the_same(of_old: Path, tmp_path: Path) -> None:
    for number in range(1000):
        village = copied(of_old, tmp_path / str(number))
        was_killed = was_killed_at_write(village, number)
        if was_killed:
            village.homes[0].processes = [Process(village.homes[0])]
            if is_done(village.ann):  # the yes itself was not kept: asked again
                village.begin_again("ann", "ben", "cai")
                agree(village.ann)
        village.rest_until(lambda village=village: is_done(village.ann))  # type: ignore[misc]
        for process in village.all_processes():
            process.crash()
        check_sealed(village)
        village.close()
        if not was_killed:
            break
    assert number > 10


def was_killed_at_write(village: Plain, number: int) -> bool:
    """False: so many are not needed."""
    ann, _, _ = village.begin_again("ann", "ben", "cai")
    ann.steps_left = number
    village.guard(ann, agree, ann)
    while ann.is_alive and not is_done(ann):
        village.guard(ann, step, village)
    return not ann.is_alive


def entry_of(village: Plain, log: int, by: int, text: str) -> None:
    """What a server can do that wants to: words in somebody's name, unsealed."""
    suite, content = seal(Text(text))
    author = AccountId(by), DeviceId(by)
    new = NewEntry(LogId(log), village.chance.randbytes(16), *author, village.house.clock.now_ms(), suite, content)
    village.house.engine.transact([lambda transaction: transaction.logs.append([new])])
    village.restart_server()


def test_unsealed_words_above_sealed_ones_are_not_shown(village: Plain) -> None:
    ann, ben, _ = village.begin_again("ann", "ben", "cai")
    agree(ann)
    village.rest_until(lambda: is_done(ann) and len(names(ben)) == 3)
    say(ben, "#lobby", "ben from now on")
    village.rest_until(lambda: texts(ann, "#lobby")[-1] == "ben from now on")
    track = ann.node.conversations.titled("#lobby")
    assert track is not None
    for process in village.all_processes():
        process.crash()
    entry_of(village, track.shown.log, ben.node.own.account, "ben has never said this")
    for _ in range(2):  # as it comes, and from the disk
        (ann,) = village.begin_again("ann")
        village.rest_until(lambda ann=ann: ann.node.reader.catching_up == set())  # type: ignore[misc]
        last = messages(ann, "#lobby")[-1]
        assert isinstance(last.content, Unreadable)
        assert "unsealed" in last.content.text
        assert texts(ann, "#lobby") == [*BEFORE, "ben from now on"]
        ann.crash()


def test_another_account_under_a_name_that_was_agreed_on_is_not_let_in(village: Plain) -> None:
    ann, ben, cai = village.begin_again("ann", "ben", "cai")
    assert ann.node.seals.adoption is not None
    agreed = [each._replace(account=99) if each.name == "ben" else each for each in rows(ann, admins=("ben",))]
    ann.node.seals.adoption.agree(agreed)
    village.rest_until(lambda: is_done(ann) and names(cai) == {"ann", "cai"})
    village.rest_until(lambda: [each.name for each in ann.node.seals.facts.asking] == ["ben"])
    assert not ben.member.copy.is_member
    # He is as anybody else who asks.
    account = ben.node.own.account
    admitted = ann.member.changes.admit(account)
    village.rest_until(lambda: admitted.is_settled and ben.member.copy.is_member)
    assert len(ann.member.copy.chain.admins) == 1


def test_of_two_admins_who_agree_at_once_one_founds_and_lets_the_other_in(village: Plain) -> None:
    ann, ben, cai = village.begin_again("ann", "ben", "cai")
    village.ask(ann, SetAdmin(0, cai.node.own.account, is_admin=True))
    cai.crash()
    ann, ben, cai = village.begin_again("ann", "ben", "cai")
    agree(ann, admins=("cai",))
    agree(cai, rooms=False, admins=("ann",))
    village.rest_until(lambda: is_done(ann) and is_done(cai) and len(names(ben)) == 3)
    chain = ben.member.copy.chain
    assert {each.decode() for each in chain.names if chain.names[each] in chain.admins} == {"ann", "cai"}
    assert len(chain.accounts) == 3
    assert [each.member.refusal for each in (ann, ben, cai)] == ["", "", ""]


def test_words_on_their_way_when_the_group_is_founded_are_sealed_and_said_once(village: Plain) -> None:
    ann, ben, _ = village.begin_again("ann", "ben", "cai")
    say(ben, "#lobby", "ben in between")
    assert ben.node.outbox.messages
    ann.node.seals.adoption.agree(rows(ann))  # type: ignore[union-attr]
    while not ann.member.copy.is_member:  # what ben has sent waits in his wire
        for wire in ann.open_wires:
            wire.carry_up(1)
            village.settle()
            wire.carry_down(10**6)
    village.rest_until(lambda: is_done(ann) and texts(ann, "#lobby")[-1] == "ben in between")
    village.rest_until(lambda: ben.node.outbox.messages == [])
    assert [each.is_plain for each in messages(ann, "#lobby")] == [True, True, True, False]
    assert texts(ann, "#lobby") == [*BEFORE, "ben in between"]


def test_who_comes_later_is_let_in_then_and_nobody_is_asked_again(village: Plain) -> None:
    ann, ben = village.begin_again("ann", "ben")
    agree(ann)
    village.rest_until(lambda: names(ben) == {"ann", "ben"} and ben.node.outbox.messages == [])
    for process in (ann, ben):
        process.crash()
    check_sealed(village)


def test_where_nobody_has_founded_a_group_everybody_is_told_that_nothing_is_sealed(village: Plain) -> None:
    ann, ben = village.begin_again("ann", "ben")
    village.rest_until(lambda: bool(ann.node.seals.facts.notes and ben.node.seals.facts.notes))
    assert ann.node.seals.facts.notes[-1].endswith("To seal what is said from now on: /seal")
    assert "An admin of the server can change that" in ben.node.seals.facts.notes[-1]
    agree(ann)
    village.rest_until(lambda: not any("not sealed" in each for each in ben.node.seals.facts.notes))
    say(ben, "#lobby", "ben waits")
    assert ben.node.seals.facts.is_founded

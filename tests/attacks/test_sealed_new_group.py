"""A group that nobody can rule any more, and another in its place: begun by the operator, or by a server that wants
readers. Nobody of it reads a word before each person has agreed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.client.chat.sealed.content import DOUBTED, EARLIER, OPENED, SUITES_OF_KEYS
from lanline.client.chat.sealed.opening import PastGroupWords, PlainWords
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing import groupcopy
from lanline.client.sealing.adoption import GROUP, Agreed
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.otherpast import AWAITED, YOURS_TO_FOUND, OtherGroup
from lanline.client.sealing.people import How
from lanline.client.view.values import Unreadable
from lanline.core.chaingathering import WAIT_S
from lanline.core.changes import OPERATOR, Actor
from lanline.core.newgroup import BeginNewGroup
from lanline.errors import RecordMissing, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.alarms import AlarmKind
from lanline.model.content import Text
from lanline.model.logs import LogId
from lanline.storage.api import Transaction
from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.groups import AskGroup, GetBoxes, ReadPastKeys
from lanline.wire.sealing.entries import Role
from lanline.wire.sealing.said import SAID_SUITE
from unit.client.chat.restored.test_logs_over_a_restore import back_up, put_back
from unit.client.chat.village import Crash, Home, Process, Village, messages, say, texts


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """Ann, who has founded the group, ben and cai; with a private room, and all has been said and read."""
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    made.make_private_room()
    ann, ben, cai = (home.processes[0] for home in made.homes)
    say(ann, "#lobby", "in the lobby")
    say(ben, "#board", "on the board")
    say(ben, "cai", "between us")
    made.rest_until(lambda: bool(texts(cai, "#lobby") and texts(cai, "#board") and texts(cai, "ben")))
    yield made
    made.close()


def change(village: Village, *statements: str) -> None:
    def work(transaction: Transaction) -> None:
        for statement in statements:
            transaction.groups._connection.execute(statement)  # type: ignore[attr-defined]

    assert village.house.engine.transact([work]) == [None]


def begin_new_group(village: Village, founder: int) -> None:
    done = village.house.server.core.do(OPERATOR, BeginNewGroup(AccountId(founder)))
    village.rest_until(lambda: done.is_settled)
    done.result()


def lose(village: Village, home: Home) -> None:
    home.processes[0].crash()
    village.homes.remove(home)


def found(process: Process, *others: Process) -> None:
    own, adoption = process.node.own, process.node.seals.adoption
    assert adoption is not None
    process._home.village.rest_until(lambda: process.member.is_awaited)
    people = [(each.node.own.account, each.node.own.name) for each in others]
    adoption.agree(
        [Agreed(GROUP, own.account, own.name, Role.ADMIN), *(Agreed(GROUP, *p, Role.MEMBER) for p in people)]
    )


def offer(process: Process) -> OtherGroup:
    found = process.member.copy.offer
    assert found is not None
    return found


def names(process: Process) -> set[str]:
    return {each.decode() for each in process.member.copy.chain.names}


def going_over(village: Village) -> tuple[Process, Process]:
    """Ben has founded a new group, and cai is shown it."""
    ann, ben, cai = village.homes
    lose(village, ann)
    (ben_runs,), (cai_runs,) = ben.processes, cai.processes
    begin_new_group(village, ben_runs.node.own.account)
    found(ben_runs, cai_runs)
    village.rest_until(lambda: cai_runs.member.copy.offer is not None and ben_runs.member.copy.is_member)
    return ben_runs, cai_runs


def gone_over(village: Village) -> tuple[Process, Process]:
    """Both are in the new group."""
    ben, cai = going_over(village)
    cai.member.go_over(offer(cai).group_id)
    village.rest_until(lambda: names(ben) == {"ben", "cai"} and cai.member.is_settled)
    return ben, cai


def requests_of(process: Process, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What it asks for from now on."""
    asked, request = list[Any](), process.node.line.request

    def note(message: Any, on_answer: Any) -> None:
        asked.append(message)
        request(message, on_answer)

    monkeypatch.setattr(process.node.line, "request", note)
    return asked


def waiting(process: Process) -> list[Any]:
    return [each.content for each in process.node.outbox.messages]


def test_who_agrees_goes_on_in_the_new_group_and_what_was_said_stays_and_is_marked(village: Village) -> None:
    ann, ben, cai = village.homes
    lose(village, ann)
    (ben_runs,), (cai_runs,) = ben.processes, cai.processes
    before = cai_runs.member.copy.chain.group_id
    begin_new_group(village, ben_runs.node.own.account)
    village.rest_until(lambda: ben_runs.member.problem == YOURS_TO_FOUND and cai_runs.member.problem == AWAITED)
    assert cai.warnings == [AWAITED]
    say(cai_runs, "#lobby", "held back")
    village.rest()
    found(ben_runs, cai_runs)
    village.rest_until(lambda: cai_runs.member.copy.offer is not None and ben_runs.member.copy.is_member)
    assert offer(cai_runs) == OtherGroup(ben_runs.member.copy.chain.group_id, "ben", is_known=True)
    assert "with the key that they have in yours" in cai.warnings[-1]
    for _ in range(20):
        village.rest()
    assert names(ben_runs) == {"ben"}
    assert waiting(cai_runs) == [Text("held back")]
    with pytest.raises(RecordMissing):
        cai_runs.member.go_over(bytes(32))  # what the person has seen is what counts
    cai_runs.member.go_over(offer(cai_runs).group_id)
    village.rest_until(lambda: "held back" in texts(ben_runs, "#lobby"))
    assert names(cai_runs) == {"ben", "cai"}
    assert ben_runs.member.copy.chain.admins == {ben_runs.member.copy.account_id}
    say(ben_runs, "cai", "between us, still")
    village.rest_until(lambda: len(texts(cai_runs, "ben")) == 2)
    cai_runs.crash()
    again = Process(cai)
    cai.processes = [again]
    village.rest_until(lambda: again.member.copy.is_member and again.member.is_settled)
    assert texts(again, "#lobby") == ["in the lobby", "held back"]
    for process in (ben_runs, again):
        assert [each.is_earlier for each in messages(process, "#lobby")] == [True, False]
        assert [each.is_earlier for each in messages(process, "#board")] == [True]
    assert again.member.copy.chain.group_id != before
    kept = b"".join(path.read_bytes() for path in (village.folder / "server").glob("lanline.sqlite*"))
    assert b"held back" not in kept


def opened_anew(village: Village, process: Process, title: str) -> tuple[set[str], int | None]:
    """All that the server has of a log, as it would be kept here; and the first place that cannot be opened."""
    shown = process.shown(title)
    kept, lacking = process.node.seals.open(shown, entries_of(village, shown.log))
    return {each.suite for each in kept} - {*SUITES_OF_KEYS}, lacking


def entries_of(village: Village, log: int) -> list[LogEntry]:
    came = village.house.engine.read(lambda view: view.logs.after(LogId(log), 0, 100))
    return [LogEntry(e.sequence, e.entry_id, e.account, e.device, e.time_ms, e.suite, e.content) for e in came]


def test_what_was_not_opened_before_opens_by_the_old_group_and_is_marked(village: Village) -> None:
    _, cai = gone_over(village)
    for title in ("#lobby", "#board", "ben"):
        assert opened_anew(village, cai, title) == ({EARLIER}, None)


def test_what_was_read_of_a_log_for_the_old_group_is_forgotten_with_the_copy_of_the_log(village: Village) -> None:
    _, cai = gone_over(village)
    shown = cai.shown("ben")
    said = [each for each in entries_of(village, shown.log) if each.suite == SAID_SUITE]
    assert [each.suite for each in cai.node.seals.open(shown, said)[0]] == [EARLIER]
    with cai.history.database.write() as writer:
        writer.execute("DELETE FROM entries WHERE log = ?", (shown.log,))
    cai.node.seals.forget(shown.log)
    assert [each.suite for each in cai.node.seals.open(shown, said)[0]] == [SAID_SUITE]
    assert opened_anew(village, cai, "ben") == ({EARLIER}, None)


def turn(village: Village, process: Process) -> None:
    """As when a device is taken out: the account gets a new key, and all that it reads a new epoch."""
    done = process.member.devices.revoke([])
    village.rest_until(lambda: done.is_settled)
    done.result()


def without_cai(village: Village) -> Process:
    """Much is said under new keys while cai is away; then the group is put aside, and cai comes into the next one."""
    ann, ben, cai = village.homes
    lose(village, cai)
    (ann_runs,), (ben_runs,) = ann.processes, ben.processes
    turn(village, ben_runs)
    for destination in ("#lobby", "#board", "cai"):
        say(ben_runs, destination, "while you were away")
    village.rest_until(lambda: "while you were away" in texts(ann_runs, "#board") and not waiting(ben_runs))
    lose(village, ann)
    begin_new_group(village, ben_runs.node.own.account)
    cai.processes = [Process(cai)]
    village.homes.append(cai)
    return ben_runs


def test_who_was_away_reads_in_the_new_group_what_was_said_in_the_old_one_meanwhile(village: Village) -> None:
    """The server gives the rest of the old chain, and the boxes, to who was in that group."""
    ben = without_cai(village)
    (cai,) = village.homes[-1].processes
    found(ben, cai)
    village.rest_until(lambda: cai.member.copy.offer is not None and ben.member.copy.is_member)
    cai.member.go_over(offer(cai).group_id)
    for title in ("#lobby", "#board", "ben"):
        village.rest_until(lambda title=title: "while you were away" in texts(cai, title))  # type: ignore[misc]
        assert {each.is_earlier for each in messages(cai, title)} == {True}
    assert not [each for each in village.homes[-1].warnings if "keeps" in each]


def test_who_was_away_over_a_restore_reads_in_the_new_group_what_was_said_since(village: Village) -> None:
    """The restored server has the items of the old chain in another order than who was away."""
    ann, ben, cai = village.homes
    (ann_runs,), (ben_runs,), (cai_runs,) = ann.processes, ben.processes, cai.processes
    back_up(village)
    village.rest_until(lambda: all(each.member.is_settled for each in (ann_runs, ben_runs, cai_runs)))
    turn(village, ben_runs)
    say(ben_runs, "#lobby", "lost with its key")
    village.rest_until(lambda: "lost with its key" in texts(cai_runs, "#lobby"))
    lose(village, cai)
    put_back(village, is_changed=False)
    village.rest_until(lambda: village.house.server.core.gathering.shown().told == 2)
    village.house.clock.pass_time(WAIT_S)
    village.rest_until(lambda: ben_runs.member.is_current and not ben_runs.member.problem)
    say(ben_runs, "#lobby", "while you were away")
    village.rest_until(lambda: "while you were away" in texts(ann_runs, "#lobby"))
    lose(village, ann)
    begin_new_group(village, ben_runs.node.own.account)
    cai.processes = [Process(cai)]
    village.homes.append(cai)
    (cai_runs,) = cai.processes
    found(ben_runs, cai_runs)
    village.rest_until(lambda: cai_runs.member.copy.offer is not None and ben_runs.member.copy.is_member)
    cai_runs.member.go_over(offer(cai_runs).group_id)
    village.rest_until(lambda: "while you were away" in texts(cai_runs, "#lobby"))


def test_the_rest_of_the_old_chain_is_read_once_and_never_again(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a server could lengthen it for ever, with whoever has a key of that group."""
    _, cai = gone_over(village)
    home, counts = village.homes[-1], []
    with cai.history.database.write() as writer:
        writer.execute("DELETE FROM facts WHERE name LIKE 'was whole %'")
    said = next(each for each in entries_of(village, cai.shown("#lobby").log) if each.suite == SAID_SUITE)
    for _ in range(2):
        home.processes[0].crash()
        process = Process(home)
        home.processes = [process]
        asked = requests_of(process, monkeypatch)
        village.rest_until(lambda process=process: process.member.is_settled)  # type: ignore[misc]
        for number in range(3):
            unknown = msgspec.structs.replace(said, content=bytes([number]) * len(said.content))
            process.node.seals.open(process.shown("#lobby"), [unknown])
            village.rest()
        counts.append(len([each for each in asked if isinstance(each, ReadPastKeys)]))
    assert counts == [2, 0]


def test_what_is_left_of_the_old_group_is_given_only_to_who_was_in_it_at_its_end(village: Village) -> None:
    _, cai = gone_over(village)
    assert cai.node.seals._earlier is not None
    [group] = cai.node.seals._earlier._read()
    copy = group.words._copy
    epoch_ids = tuple(copy.epochs)
    mallory = stranger(village, "mallory")
    answers = list[Any]()
    for process in (cai, mallory):
        process.node.line.request(ReadPastKeys(0, copy.chain.group_id, 0), answers.append)
        process.node.line.request(GetBoxes(0, copy.scope.id, epoch_ids), answers.append)
        village.rest()
    assert len(answers[0].entries) == copy.sequence
    assert {each.epoch_id for each in answers[1].boxes} == set(epoch_ids)
    assert answers[2].code is RefusalCode.NOT_FOUND
    assert answers[3].boxes == ()


def test_the_chain_of_the_old_group_is_checked_once_and_again_when_it_is_doubted(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cai = gone_over(village)
    monkeypatch.setattr(groupcopy, "_KEPT_EVERY", 1)
    tables, was_checked = cai.member._context.tables, list[bool]()

    def noted(chain: Chain, suite: str, content: bytes, *, is_checked: bool = False) -> Any:
        was_checked.append(is_checked)
        return follow(chain, suite, content, is_checked=is_checked)

    monkeypatch.setattr(groupcopy, "follow", noted)
    for is_known in (False, True):
        PastGroupWords(cai.member._context, lambda: None)._read()
        assert set(was_checked) == {is_known}
        was_checked.clear()
    tables.doubt_chain()
    PastGroupWords(cai.member._context, lambda: None)._read()
    assert set(was_checked) == {False}


def test_words_of_the_old_group_that_are_shown_again_are_not_shown_as_new_and_it_is_told(village: Village) -> None:
    _, cai = gone_over(village)
    told = len(village.homes[-1].warnings)
    for title in ("#board", "#lobby", "ben"):
        shown = cai.shown(title)
        came = entries_of(village, shown.log)
        said = next(each for each in came if each.suite == SAID_SUITE)
        again = msgspec.structs.replace(said, sequence=came[-1].sequence + 1)
        opened, _ = cai.node.seals.open(shown, [again])
        assert [each.suite for each in opened] == [DOUBTED]
    assert len(village.homes[-1].warnings) - told == 3
    assert all("a second time" in each for each in village.homes[-1].warnings[told:])


def test_what_waits_for_a_private_room_is_not_sealed_for_all_of_the_new_group(village: Village) -> None:
    """By a server that says that the room is open, and keeps its entries back."""
    _, cai_runs = gone_over(village)
    for process in (cai_runs, Process(village.homes[-1])):
        scopes = process.node.seals._scopes
        assert scopes is not None
        assert scopes.is_private(12_345, "board")
        assert not scopes.is_private(12_345, "lobby")


def test_who_has_seen_more_of_a_group_that_is_not_shown_is_looked_for_again_when_it_is(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server shows another group there is nothing to ask it, and nothing to accuse it of."""
    ben, cai = going_over(village)
    watch, requests, rung = cai.node.seals.watch, requests_of(cai, monkeypatch), list[AlarmKind]()
    assert watch is not None
    monkeypatch.setattr(watch.alarms, "ring", lambda each: rung.append(each.kind))

    def asked() -> int:
        return sum(isinstance(each, AskGroup) for each in requests)

    def pass_a_minute() -> None:
        for _ in range(6):
            village.rest()
            village.house.clock.pass_time(11.0)

    watch._words.ahead["ben"] = 500
    watch.look_at_group()
    pass_a_minute()
    assert asked() == 0
    assert AlarmKind.GROUP_KEPT_BACK not in rung
    cai.member.go_over(offer(cai).group_id)
    village.rest_until(lambda: names(ben) == {"ben", "cai"} and cai.member.is_settled)
    assert watch._words.ahead == {}
    watch._words.ahead["ben"] = 500
    cai.member.copy.is_apart = True
    watch.look_at_group()
    pass_a_minute()
    assert asked() == 0
    cai.member.copy.is_apart = False
    watch.look_at_group()
    pass_a_minute()
    assert asked() == 1
    assert rung.count(AlarmKind.GROUP_KEPT_BACK) == 1


def test_a_server_that_begins_a_group_of_its_own_is_told_and_gets_no_word(village: Village) -> None:
    """Its account is called as the founder; the real founder's program, too, says nothing to it."""
    there = [home.processes[0] for home in village.homes]
    mallory = stranger(village, "ann_")
    begin_new_group(village, mallory.node.own.account)
    village.rest_until(lambda: all(each.member.problem == AWAITED for each in there))
    found(mallory, *there)
    village.rest_until(lambda: mallory.member.copy.is_member and all(each.member.copy.offer for each in there))
    for process in there:
        say(process, "#lobby", "for the group alone")
        say(process, "#board", "for the board alone")
    for _ in range(40):
        village.rest()
    assert names(mallory) == {"ann_"}
    assert mallory.member.changes.requests == {}
    assert not any("alone" in text for text in texts(mallory, "#lobby"))
    for home in village.homes[:3]:
        assert "with a key that is not known in yours" in home.warnings[-1]
        assert "Nothing is said in it before you agree" in home.warnings[-1]
    for process in there:
        assert len(waiting(process)) == 2
    # The true group comes back, and all is as it was: what waited is read by its members.
    lose(village, village.homes[-1])
    change(
        village,
        "DELETE FROM chains",
        "INSERT INTO chains SELECT log, height, head FROM past_chains ORDER BY ended_ms LIMIT 1",
        "DELETE FROM past_chains",
        "INSERT OR REPLACE INTO boxes SELECT kind, recipient, scope, epoch_id, generation, giver, given_ms, data "
        "FROM past_boxes",
    )
    village.restart_server()
    ann = there[0]
    village.rest_until(lambda: texts(ann, "#lobby").count("for the group alone") == 3)
    assert not any(each.is_earlier for each in messages(ann, "#lobby"))


def stranger(village: Village, name: str) -> Process:
    """Who is on the server, and in nobody's group."""
    token = village.house.server.core.make_invite(OPERATOR)
    village.house.settle()
    home = Home(village, name)
    home.token, home.link = token.result(), village.chance.randbytes(32)
    home.keys = DeviceKeys(Keystore.in_memory(village.chance.randbytes(32)), home.link, village.chance.randbytes)
    process = Process(home)
    home.processes.append(process)
    village.homes.append(home)
    village.rest_until(lambda: home.has_joined and process.member.is_settled)
    return process


def test_another_key_under_a_name_of_the_old_group_is_not_let_in_unasked(village: Village) -> None:
    """Whoever has set cai's password anew, the server above all, joins as cai before cai does."""
    ann, ben, cai = village.homes
    lose(village, ann)
    (ben_runs,), (cai_runs,) = ben.processes, cai.processes
    lose(village, cai)
    begin_new_group(village, ben_runs.node.own.account)
    found(ben_runs, cai_runs)
    village.rest_until(lambda: ben_runs.member.copy.is_member)
    home = Home(village, "cai")
    home.link = village.chance.randbytes(32)
    home.path = village.folder / "posing.db"
    home.keys = DeviceKeys(Keystore.in_memory(village.chance.randbytes(32)), home.link, village.chance.randbytes)
    posing = Process(home)
    home.processes.append(posing)
    village.homes.append(home)
    village.rest_until(lambda: bool(ben_runs.member.changes.requests))
    for _ in range(20):
        village.rest()
    assert names(ben_runs) == {"ben"}
    news, adoption = ben_runs.node.seals.news, ben_runs.node.seals.adoption
    assert news is not None
    assert adoption is not None
    assert [each.name for each in news.facts.asking] == ["cai"]
    assert not adoption.is_agreed(cai_runs.node.own.account)
    done = ben_runs.member.changes.admit(posing.node.own.account)  # the person has compared the words
    village.rest_until(lambda: done.is_settled and names(ben_runs) == {"ben", "cai"})


def test_a_stranger_under_a_name_of_the_old_group_is_another_account_for_those_who_did_not_let_them_in(
    village: Village,
) -> None:
    ann, ben, cai = village.homes
    (ann_runs,), (ben_runs,), (cai_runs,) = ann.processes, ben.processes, cai.processes
    lose(village, cai)
    begin_new_group(village, ben_runs.node.own.account)
    found(ben_runs, ann_runs)
    village.rest_until(lambda: ann_runs.member.copy.offer is not None and ben_runs.member.copy.is_member)
    ann_runs.member.go_over(offer(ann_runs).group_id)
    village.rest_until(lambda: names(ben_runs) == {"ann", "ben"})
    home = Home(village, "cai")
    home.link, home.path = village.chance.randbytes(32), village.folder / "posing.db"
    home.keys = DeviceKeys(Keystore.in_memory(village.chance.randbytes(32)), home.link, village.chance.randbytes)
    home.processes.append(Process(home))
    village.homes.append(home)
    village.rest_until(lambda: bool(ben_runs.member.changes.requests))
    done = ben_runs.member.changes.admit(cai_runs.node.own.account)
    village.rest_until(lambda: done.is_settled and len(names(ann_runs)) == 3)
    copy = ann_runs.member.copy
    trust = {
        name: copy.people.trust(copy.chain, copy.account_id, copy.chain.names[name]).how for name in copy.chain.names
    }
    assert trust == {b"ann": How.SELF, b"ben": How.FOUNDED, b"cai": How.CHANGED}
    assert ben_runs.node.seals.news is not None
    assert not ben_runs.node.seals.news.is_another("cai")


def test_killed_at_each_write_of_going_over_nothing_is_lost_and_it_is_asked_again(village: Village) -> None:
    ann, ben, cai = village.homes
    lose(village, ann)
    (ben_runs,), (cai_runs,) = ben.processes, cai.processes
    begin_new_group(village, ben_runs.node.own.account)
    found(ben_runs, cai_runs)
    for number in range(100):
        process = cai.processes[0]
        village.rest_until(lambda process=process: process.member.copy.offer is not None)  # type: ignore[misc]
        village.rest_until(lambda process=process: process.member.copy.sequence >= process.member.copy.target)  # type: ignore[misc]
        group_id = offer(process).group_id
        process.steps_left = number
        try:
            process.member.go_over(group_id)
        except Crash:
            process.crash()
            cai.processes = [Process(cai)]
            continue
        process.steps_left = None
        assert number >= 2
        break
    cai_runs = cai.processes[0]
    village.rest_until(lambda: names(ben_runs) == {"ben", "cai"} and cai_runs.member.is_settled)
    assert texts(cai_runs, "#lobby") == ["in the lobby"]
    assert [each.is_earlier for each in messages(cai_runs, "#lobby")] == [True]
    say(cai_runs, "ben", "still here")
    village.rest_until(lambda: "still here" in texts(ben_runs, "cai"))


def test_a_founder_killed_at_each_write_of_leaving_is_asked_as_before_and_not_warned_of_himself(
    village: Village,
) -> None:
    ann, ben, cai = village.homes
    lose(village, ann)
    begin_new_group(village, ben.processes[0].node.own.account)
    crashes = 0
    while True:
        process = ben.processes[0]
        village.rest_until(lambda process=process: process.member.is_awaited)  # type: ignore[misc]
        assert process.member.problem == YOURS_TO_FOUND
        process.steps_left = crashes
        try:
            process.member.agree_to_found()
        except Crash:
            process.crash()
            ben.processes, crashes = [Process(ben)], crashes + 1
            continue
        process.steps_left = None
        break
    assert crashes >= 2
    founder, cai_runs = ben.processes[0].member, cai.processes[0]
    village.rest_until(lambda: founder.copy.is_member and cai_runs.member.copy.offer is not None)
    assert founder.copy.offer is None
    assert set(ben.warnings) <= {YOURS_TO_FOUND, AWAITED}
    assert offer(cai_runs).is_known


def test_a_member_killed_at_each_write_of_going_over_still_knows_the_founder_by_the_old_group(
    village: Village,
) -> None:
    """What of the old chain was in the home may have been put away by then: the devices of its members stay."""
    going_over(village)
    home, number = village.homes[-1], 0
    while True:
        process = home.processes[0]
        village.rest_until(lambda process=process: process.member.copy.offer is not None)  # type: ignore[misc]
        village.rest_until(lambda process=process: process.member.copy.sequence >= process.member.copy.target)  # type: ignore[misc]
        assert offer(process).is_known
        process.steps_left = number
        try:
            process.member.go_over(offer(process).group_id)
        except Crash:
            process.crash()
            home.processes, number = [Process(home)], number + 1
            continue
        break
    assert number >= 2


def test_who_has_founded_the_new_group_can_be_named_again_on_the_same_link(village: Village) -> None:
    ben, _ = going_over(village)
    first, links = ben.member.copy.chain.group_id, len(ben.wires)
    begin_new_group(village, ben.node.own.account)
    village.rest_until(lambda: ben.member.is_awaited)
    ben.member.agree_to_found()
    village.rest_until(lambda: ben.member.copy.is_member and ben.member.copy.chain.group_id != first)
    assert len(ben.wires) == links


def test_words_of_the_old_group_above_those_of_the_new_one_are_not_shown(village: Village) -> None:
    """Whoever has a key of the old one could speak on there with the server's help, for ever."""
    plain = PlainWords(village.homes[0].processes[0].history)

    def entry(place: int, suite: str) -> LogEntry:
        return LogEntry(place, place.to_bytes(16, "big"), 1, 1, 0, suite, b"")

    judged = plain.judged(
        99, [entry(1, EARLIER), entry(2, EARLIER), entry(3, OPENED), entry(4, EARLIER), entry(5, "plain")]
    )
    assert [each.suite for each in judged] == [EARLIER, EARLIER, OPENED, DOUBTED, DOUBTED]


def test_only_the_operator_begins_a_new_group_and_nothing_plain_is_taken_meanwhile(village: Village) -> None:
    core, ann = village.house.server.core, village.homes[0].processes[0]
    member = core.accounts.devices(AccountId(ann.node.own.account))[0]
    refused = core.do(Actor(member.account, member.id), BeginNewGroup(AccountId(ann.node.own.account)))
    village.rest_until(lambda: refused.is_settled)
    assert isinstance(refused.problem, RequestRefused)
    ben = village.homes[1].processes[0]
    begin_new_group(village, ben.node.own.account)
    log = LogId(ann.shown("#lobby").log)
    said = core.append(Actor(member.account, member.id), log, bytes(16), "plain", b"for the server")
    village.rest_until(lambda: said.is_settled)
    assert isinstance(said.problem, RequestRefused)
    assert not core.accounts.is_admin(AccountId(ann.node.own.account))
    assert core.accounts.is_admin(AccountId(ben.node.own.account))


def test_what_was_sealed_in_the_old_group_and_comes_late_is_not_lost(village: Village) -> None:
    """Its author's program did not know yet: it takes the seal off, and waits."""
    core, (ben, cai) = village.house.server.core, (home.processes[0] for home in village.homes[1:])
    shown = cai.shown("#lobby")
    content = cai.node.seals.seal(shown, b"l" * 16, b"on its way")
    assert content is not None
    device = core.accounts.devices(AccountId(cai.node.own.account))[0]
    actor, log = Actor(device.account, device.id), LogId(shown.log)
    begin_new_group(village, ben.node.own.account)
    refused = core.append(actor, log, b"l" * 16, "said/1", content)
    village.rest_until(lambda: refused.is_settled)
    found(ben, cai)
    village.rest_until(lambda: ben.member.copy.is_member and cai.member.copy.offer is not None)
    again = core.append(actor, log, b"l" * 16, "said/1", content)
    village.rest_until(lambda: again.is_settled)
    for each in (refused.problem, again.problem):
        assert isinstance(each, RequestRefused)
        assert each.code is RefusalCode.STALE_KEYS


def test_who_was_not_in_the_old_group_is_told_that_nothing_opens_its_words(village: Village) -> None:
    """By the same name as somebody had there, so that the server shows the talks of that one too."""
    ann, ben, cai = village.homes
    lose(village, ann)
    (ben_runs,), (cai_runs,) = ben.processes, cai.processes
    lose(village, cai)
    begin_new_group(village, ben_runs.node.own.account)
    found(ben_runs)
    village.rest_until(lambda: ben_runs.member.copy.is_member)
    home = Home(village, "cai")
    home.link, home.path = village.chance.randbytes(32), village.folder / "late.db"
    home.keys = DeviceKeys(Keystore.in_memory(village.chance.randbytes(32)), home.link, village.chance.randbytes)
    late = Process(home)
    home.processes.append(late)
    village.homes.append(home)
    village.rest_until(lambda: bool(ben_runs.member.changes.requests))
    assert unread(late, "#lobby") == {"(cannot be read yet: this device is not in the group)"}
    done = ben_runs.member.changes.admit(cai_runs.node.own.account)
    village.rest_until(lambda: done.is_settled and late.member.is_settled)
    say(ben_runs, "#lobby", "in the new group")
    village.rest_until(lambda: texts(late, "#lobby") == ["in the new group"])
    [told] = unread(late, "#lobby")
    assert told.startswith(
        "(cannot be read: it was sealed in a group before this one, and this device has no key of that."
    )
    beyond = "(cannot be read: it is of a group before this one, or of more of this one than the server shows here)"
    assert unread(late, "#board") == unread(late, "ben") == {beyond}  # ben's device, which is here too, has begun them


def unread(process: Process, title: str) -> set[str]:
    return {each.content.text for each in messages(process, title) if isinstance(each.content, Unreadable)}

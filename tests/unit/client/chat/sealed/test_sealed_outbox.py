"""What becomes of words that cannot be sealed for who is meant: kept until they can be, and nobody waits for them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable

import pytest

from lanline.client.chat.history import OutboxRow
from lanline.client.chat.sealed.content import opened
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing.keystore import Keystore
from lanline.client.view import events
from lanline.client.view.values import Message, MessageState
from lanline.core.changes import OPERATOR
from lanline.model.content import Text
from lanline.model.logs import LogId
from lanline.model.rooms import Access
from lanline.wire.chat.conversations import OpenDirect, Opened
from lanline.wire.chat.entries import Append, LogEntry
from lanline.wire.sealing.said import split_said
from unit.client.chat.village import Home, Process, Village


def guest_of(village: Village) -> Process:
    """With an account on the server, and not in the group."""
    home = Home(village, "gus")
    chance = village.chance.randbytes
    home.keys = DeviceKeys(Keystore.in_memory(chance(32)), b"gus".ljust(32, b"."), chance)
    made = village.house.server.core.make_invite(OPERATOR)
    village.house.settle()
    home.token = made.result()
    process = Process(home)
    home.processes.append(process)
    village.homes.append(home)
    village.rest_until(lambda: bool(village.homes[0].processes[0].member.changes.requests))
    return process


def say(process: Process, to: str, text: str) -> None:
    process.node.outbox.say(to, Text(text), text.encode().ljust(16, b"."))


def said(process: Process, title: str) -> list[str]:
    track = process.node.conversations.titled(title)
    if track is None:
        return []
    found = process.node.messages(track.shown.log)
    return [each.content.text for each in found if isinstance(each.content, Text) and each.sequence]


def waiting(process: Process) -> list[Message]:
    return process.node.outbox.messages


def test_words_to_somebody_outside_wait_until_they_are_let_in_and_nobody_waits_for_them(village: Village) -> None:
    ann, ben = (home.processes[0] for home in village.homes[:2])
    gus = guest_of(village)
    told: list[str] = []
    ben.node.subscribe(lambda event: told.append(event.reason) if isinstance(event, events.SendingPutOff) else None)
    for number in range(3):
        say(ben, "gus", f"to gus {number}")
        say(ben, "ann", f"to ann {number}")
    village.rest_until(lambda: len(said(ann, "ben")) == 3)
    for _ in range(10):
        village.rest()
    assert [each.state for each in waiting(ben)] == [MessageState.QUEUED] * 3
    assert "gus is not in the group yet" in told[0]
    admitted = ann.member.changes.admit(gus.node.own.account)
    village.rest_until(lambda: admitted.is_settled and not waiting(ben))
    village.rest_until(lambda: len(said(gus, "ben")) == 3)
    assert said(gus, "ben") == [f"to gus {number}" for number in range(3)]


def test_words_to_somebody_who_was_sent_away_are_refused_in_a_sentence(village: Village) -> None:
    ann, ben, cai = (home.processes[0] for home in village.homes)
    say(ben, "cai", "before")
    village.rest_until(lambda: said(cai, "ben") == ["before"])
    village.homes.pop().processes[0].crash()
    ann.member.changes.remove([cai.member.copy.account_id])
    village.rest_until(lambda: not ben.member.copy.chain.is_member(cai.member.copy.account_id))
    say(ben, "cai", "after")
    say(ben, "ann", "and on")
    village.rest_until(lambda: said(ann, "ben") == ["and on"])
    [kept] = waiting(ben)
    assert (kept.state, kept.problem) == (
        MessageState.REFUSED,
        "cai is not in the group any more: nothing can be said to them.",
    )
    assert said(ben, "cai") == ["before"]


def test_server_swaps_names_of_rooms_and_people_and_nothing_is_sealed(village: Village) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    say(ben, "ann", "first")
    village.rest_until(lambda: said(ann, "ben") == ["first"])
    track = ben.node.conversations.titled("ann")
    assert track is not None
    for wire in ben.open_wires:
        wire.die()
    say(ben, "ann", "for ann alone")
    cai = ben.node.directory.named("cai")
    assert cai is not None
    track.change(title="cai", other=cai.account)
    ben.node.outbox.send()
    village.rest_until(lambda: bool(waiting(ben)) and waiting(ben)[0].state is MessageState.REFUSED)
    assert "Nothing was sent" in waiting(ben)[0].problem
    everything = village.house.engine.read(lambda view: [view.logs.after(log, 0, 999) for log in range(1, 20)])  # type: ignore[arg-type]
    assert b"for ann alone".ljust(16, b".") not in {each.entry_id for entries in everything for each in entries}


def test_a_server_that_does_not_say_which_conversation_it_is_gets_nothing_plain(village: Village) -> None:
    """It opens a talk of two and never describes it."""
    ben = village.homes[1].processes[0]
    taken: list[object] = []
    session = ben.node.line.session
    assert session is not None
    send, request = session.send, session.request
    session.send = lambda message: taken.append(message) or send(message)  # type: ignore[method-assign, func-returns-value]

    def answer(message: object, on_answer: Callable[..., None]) -> None:
        if isinstance(message, OpenDirect):
            on_answer(Opened(1, 999))
        else:
            request(message, on_answer)  # type: ignore[arg-type]

    session.request = answer  # type: ignore[method-assign]
    say(ben, "cai", "for cai alone")
    for _ in range(5):
        ben.node.outbox.send()
        village.rest()
    assert not [each for each in taken if isinstance(each, Append)]
    assert [each.state for each in waiting(ben)] == [MessageState.QUEUED]


def test_a_private_room_that_the_server_calls_open_is_sealed_for_its_members(village: Village) -> None:
    village.make_private_room()
    ann, ben, cai = (home.processes[0] for home in village.homes)
    for process in (ann, ben, cai):
        track = process.node.conversations.titled("#board")
        assert track is not None
        track.change(access=Access.OPEN)
    say(ben, "#board", "for the board")
    village.rest_until(lambda: said(cai, "#board") == ["for the board"])
    track = ben.node.conversations.titled("#board")
    assert track is not None
    [kept] = [
        each
        for each in village.house.engine.read(lambda view: view.logs.after(LogId(track.shown.log), 0, 99))
        if each.suite == "said/1"
    ]
    assert split_said(kept.content)[0].epoch_id not in ben.member.copy.epochs


def test_what_was_put_off_and_another_program_of_the_home_has_sent_holds_up_nothing(village: Village) -> None:
    ann, ben = (home.processes[0] for home in village.homes[:2])
    row = OutboxRow(0, b"sent elsewhere..", None, "#lobby", "plain", b"", 0)
    ann.node.outbox._put_off = row
    say(ann, "#lobby", "and on")
    village.rest_until(lambda: said(ben, "#lobby") == ["and on"])


def test_what_a_copy_of_the_home_has_sealed_first_leaves_no_gap_in_what_follows(village: Village) -> None:
    """The same row waits in both, and the server has it from one of them."""
    ann, ben, cai = village.homes
    process = ann.processes[0]
    for wire in process.open_wires:
        wire.die()
    say(process, "#lobby", "typed once")
    process.crash()
    twin = Home(village, "ann")
    twin.path = village.folder / "copy.db"
    twin.path.write_bytes(ann.path.read_bytes())
    assert ann.keys is not None
    twin.keys, twin.has_joined = DeviceKeys(ann.keys.store, ann.link, village.chance.randbytes), True
    ann.processes, twin.processes = [Process(ann)], [Process(twin)]
    village.homes.append(twin)
    village.rest_until(lambda: said(ben.processes[0], "#lobby") == ["typed once"])
    for _ in range(8):
        village.rest()
    for number, home in enumerate((ann, twin)):
        say(home.processes[0], "#lobby", f"more {number}")
        village.rest_until(lambda number=number: f"more {number}" in said(cai.processes[0], "#lobby"))  # type: ignore[misc]
    assert [home.warnings for home in village.homes] == [[], [], [], []]


def copied(home: Home) -> Home:
    """Its database as it is now, and its keys."""
    assert home.keys is not None
    twin = Home(home.village, home.name)
    store = Keystore.in_memory(home.keys.store.device_secret)
    kept = home.keys.store
    store.height, store.head, store.group_id, store.ended = kept.height, kept.head, kept.group_id, set(kept.ended)
    twin.keys, twin.has_joined = DeviceKeys(store, home.link, home.village.chance.randbytes), True
    twin.path = home.path.with_name("twin.db")
    with sqlite3.connect(home.path) as source, sqlite3.connect(twin.path) as target:
        source.backup(target)
    return twin


@pytest.mark.parametrize("is_read_first", [False, True])
def test_what_a_copy_of_the_home_has_said_first_stands_and_what_follows_names_it(
    village: Village, *, is_read_first: bool
) -> None:
    """Each has sealed the same words its own way, with others behind them."""
    ann, ben, _ = (home.processes[0] for home in village.homes)
    say(ben, "#lobby", "before")
    village.rest_until(lambda: "before" in said(ann, "#lobby"))
    [wire] = ben.open_wires
    say(ben, "#lobby", "one")  # sealed, and on its way
    say(ben, "#lobby", "two")
    twin = Process(copied(village.homes[1]))
    with twin.history.database.write() as writer:  # as if it had been copied before
        writer.execute("UPDATE outbox SET sealed = NULL")
        writer.execute("DELETE FROM outbox WHERE position > (SELECT min(position) FROM outbox)")
    twin.connect()
    for _ in range(30):
        for each in (*ann.open_wires, *twin.open_wires):
            each.carry_up(10**6)
            village.settle()
            each.carry_down(10**6)
        if is_read_first:
            wire.carry_down(10**6)
        village.house.clock.pass_time(0.25)
        village.settle()
    assert "one" in said(ann, "#lobby")
    twin.crash()
    village.rest_until(lambda: not waiting(ben))
    say(ben, "#lobby", "three")
    village.rest_until(lambda: "three" in said(ann, "#lobby"))
    assert said(ann, "#lobby") == said(ben, "#lobby")
    assert said(ann, "#lobby")[-4:] == ["before", "one", "two", "three"]
    assert [home.warnings for home in village.homes] == [[], [], []]


def landed_without_answer(village: Village, monkeypatch: pytest.MonkeyPatch, text: str, *, is_bent: bool) -> Process:
    """`text` stands, and is read from the log before anything of what waits goes out anew. `is_bent`: it is as if a
    copy of the home had sealed it.
    """
    ann, ben = (home.processes[0] for home in village.homes[:2])
    say(ben, "#lobby", "before")
    village.rest_until(lambda: "before" in said(ann, "#lobby") and not waiting(ben))
    [wire] = ben.open_wires
    ben.node.outbox.say("#lobby", Text(text), b"landed".ljust(16, b"."))
    say(ben, "#lobby", "two")
    wire.carry_up(1)
    village.settle()
    wire.die()
    if is_bent:
        with ben.history.database.write() as writer:
            writer.execute("UPDATE outbox SET sealed = x'00' WHERE position = (SELECT min(position) FROM outbox)")
    with monkeypatch.context() as held:
        held.setattr(ben.node.outbox, "_may_send", lambda: False)
        ben.connect()
        village.rest_until(lambda: len(waiting(ben)) == 1)
    return ben


@pytest.mark.parametrize("is_long", [False, True])
def test_ones_own_that_came_as_they_were_sealed_leave_all_seals_as_they_are(
    village: Village, monkeypatch: pytest.MonkeyPatch, *, is_long: bool
) -> None:
    """Also where they are too long to be kept as they came, or lie in the older part of a catch-up."""
    monkeypatch.setattr("lanline.client.chat.catchup.intake.KEPT_OF_CATCH_UP", 0)
    ben = landed_without_answer(village, monkeypatch, "long " * (5000 if is_long else 1), is_bent=False)
    [row] = ben.history.outbox.all()
    assert row.sealed is not None
    ben.node.outbox.send()
    village.rest_until(lambda: not waiting(ben))
    village.rest_until(lambda: "two" in said(village.homes[0].processes[0], "#lobby"))
    assert [home.warnings for home in village.homes] == [[], [], []]


@pytest.mark.parametrize("kept_of_catch_up", [0, 1000])
def test_where_seals_are_taken_off_a_new_run_begins(
    village: Village, monkeypatch: pytest.MonkeyPatch, kept_of_catch_up: int
) -> None:
    """Or the numbers of the old one would have a gap, which everybody takes for words that were kept back."""
    monkeypatch.setattr("lanline.client.chat.catchup.intake.KEPT_OF_CATCH_UP", kept_of_catch_up)
    ben = landed_without_answer(village, monkeypatch, "one", is_bent=True)
    [row] = ben.history.outbox.all()
    assert row.sealed is None
    ben.node.outbox.send()
    village.rest_until(lambda: not waiting(ben))
    village.rest_until(lambda: "two" in said(village.homes[0].processes[0], "#lobby"))
    assert [home.warnings for home in village.homes] == [[], [], []]


def test_ones_own_that_open_later_leave_the_seals_of_what_follows(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = village.homes[1].processes[0]
    [wire] = ben.open_wires
    say(ben, "#lobby", "one")
    say(ben, "#lobby", "two")
    wire.die()
    [first, _] = ben.history.outbox.all()
    assert first.log is not None
    assert first.sealed is not None
    unopened = LogEntry(1, first.entry_id, ben.node.own.account, 1, 0, "said/1", first.sealed)
    monkeypatch.setattr(ben.history, "sealed_entries", lambda _: [unopened])
    monkeypatch.setattr(ben.node.reader._seals, "open", lambda *_: ([opened(unopened, first.content)], None))
    monkeypatch.setattr(ben.node.reader, "_tell", lambda _: None)
    ben.node.reader._sealed_from[first.log] = 1
    ben.node.reader._reopen(first.log)
    [row] = ben.history.outbox.all()
    assert row.sealed is not None


def test_what_stands_sealed_otherwise_and_is_never_shown_holds_up_nobody_and_ends_in_a_sentence(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = (home.processes[0] for home in village.homes[:2])
    told: list[str] = []
    ben.node.subscribe(lambda event: told.append(event.reason) if isinstance(event, events.SendingPutOff) else None)
    [wire] = ben.open_wires
    say(ben, "#lobby", "one")
    wire.carry_up(9)
    village.settle()
    wire.die()
    with ben.history.database.write() as writer:  # as if a copy of the home had sealed it
        writer.execute("UPDATE outbox SET sealed = NULL")
    tried = list[float]()
    append = ben.node.outbox._append

    def note(row: OutboxRow, log: int) -> None:
        if row.entry_id.startswith(b"one"):
            tried.append(village.house.clock.now())
        append(row, log)

    with monkeypatch.context() as kept_back:
        kept_back.setattr(ben.node.outbox, "_append", note)
        kept_back.setattr(ben.node.reader, "on_entries", lambda _: None)
        ben.connect()
        say(ben, "#lobby", "two")
        say(ben, "ann", "to ann")
        village.rest_until(lambda: said(ann, "ben") == ["to ann"])
        assert "does not show it" in told[-1]
        assert [each.state for each in waiting(ben)] == [MessageState.QUEUED] * 2
        for _ in range(900):
            village.rest()
        village.rest_until(lambda: "two" in said(ann, "#lobby"))
    [kept] = waiting(ben)
    assert (kept.state, kept.entry_id[:3]) == (MessageState.REFUSED, b"one")
    assert "has this, and does not show it" in kept.problem
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert len(tried) == 20
    assert pauses[4] > 2 * pauses[1]
    ben.open_wires[0].die()
    ben.connect()
    village.rest_until(lambda: not waiting(ben))
    assert said(ben, "#lobby")[-2:] == ["one", "two"]
    assert [home.warnings for home in village.homes] == [[], [], []]

"""What becomes of words that cannot be sealed for who is meant: kept until they can be, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanline.client.chat.seals import DeviceKeys
from lanline.client.sealing.keystore import Keystore
from lanline.client.view import events
from lanline.client.view.values import Message, MessageState
from lanline.core.changes import OPERATOR
from lanline.model.content import Text
from unit.client.chat.village import Home, Process, Village


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path, 1)
    made.seal()
    made.come_to_rest()
    yield made
    made.close()


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

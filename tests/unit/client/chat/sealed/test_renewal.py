"""After a device was taken out, the talks of its account turn to new keys by themselves; and only those."""

from __future__ import annotations

import pytest

from lanline.client.chat.sealed import renewal
from lanline.client.sealing.epochcopy import EpochCopy
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.village import Process, Village


@pytest.fixture(name="village")
def busy_village(village: Village) -> Village:
    village.make_private_room()
    ann, ben, cai = (home.processes[0] for home in village.homes)
    say(ann, "ben", "to ben")
    say(ann, "#board", "to the board")
    say(cai, "ben", "not hers")
    village.rest_until(lambda: len(said(ben, "ann") + said(ben, "#board") + said(ben, "cai")) == 3)
    return village


def copy_of(process: Process, title: str) -> EpochCopy:
    track = process.node.conversations.titled(title)
    assert track is not None
    sealing = process.member.scopes.sealing(process.node.seals.place(track.shown))
    assert sealing is not None
    return sealing.copy


def is_fresh(process: Process, title: str) -> bool:
    return copy_of(process, title).sealing_epoch() is not None


def turn(village: Village, process: Process) -> None:
    """As when a device is taken out: the account gets a new key, which that one does not get."""
    done = process.member.devices.revoke([])
    village.rest_until(lambda: done.is_settled)
    done.result()


def test_pairs_and_private_rooms_turn_at_once_when_a_device_was_taken_out(village: Village) -> None:
    ann, ben, cai = (home.processes[0] for home in village.homes)
    before = {title: len(copy_of(ann, title).epochs) for title in ("ben", "#board")}
    turn(village, ann)
    village.rest_until(lambda: is_fresh(ann, "ben") and is_fresh(ann, "#board"))
    for _ in range(20):
        village.rest()
    assert {title: len(copy_of(ann, title).epochs) - known for title, known in before.items()} == {
        "ben": 1,
        "#board": 1,
    }
    assert is_fresh(ben, "ann")
    assert len(copy_of(cai, "ben").epochs) == 1


def test_what_was_not_turned_while_nobody_ran_is_turned_at_the_next_start(village: Village) -> None:
    home = village.homes[0]
    ann = home.processes[0]
    ann.node.renewal._left = 0
    turn(village, ann)
    for _ in range(20):
        village.rest()
    assert not is_fresh(ann, "ben")
    ann.crash()
    home.processes = [type(ann)(home)]
    ann = home.processes[0]
    village.rest_until(lambda: ann.member.is_settled and is_fresh(ann, "ben") and is_fresh(ann, "#board"))


def test_so_many_turn_at_once_and_the_others_at_their_next_word(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "MOST_ON_ONE_LINK", 1)
    ann, ben, _ = (home.processes[0] for home in village.homes)
    ann.open_wires[0].die()
    village.rest_until(lambda: ann.member.is_settled)
    turn(village, ann)
    for _ in range(20):
        village.rest()
    assert is_fresh(ann, "ben") != is_fresh(ann, "#board")
    say(ann, "ben", "again, ben")
    say(ann, "#board", "again, all")
    village.rest_until(lambda: "again, ben" in said(ben, "ann") and "again, all" in said(ben, "#board"))


def test_what_waits_for_a_new_key_is_named_until_it_has_one(village: Village) -> None:
    ann = village.homes[0].processes[0]
    assert ann.node.renewal.left() == []
    ann.node.renewal._left = 0
    turn(village, ann)
    assert sorted(ann.node.renewal.left()) == ["#board", "ben"]
    ann.node.renewal.begin_link()
    ann.node.renewal._left = 16
    ann.node.renewal.look()
    village.rest_until(lambda: ann.node.renewal.left() == [])


def test_nothing_is_said_before_an_entry_is_here_that_another_program_of_the_home_has_seen(village: Village) -> None:
    """The server shows the revocation to one of them, and hides it from the other."""
    ann = village.homes[0].processes[0]
    height = ann.member.copy.chain.height
    ann.member.copy.note_seen_elsewhere(height + 1, b"h" * 32)
    say(ann, "ben", "too soon")
    for _ in range(20):
        village.rest()
    assert ann.node.outbox.messages
    assert ann.member.problem

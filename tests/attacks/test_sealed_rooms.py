"""A private room of which the server shows what does not hold, or keeps something back: told, and mended."""

from __future__ import annotations

import hashlib

import pytest

from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.view import events
from lanline.crypto.groups import ids
from lanline.wire.chat.entries import Entries, LogEntry
from lanline.wire.sealing import entries as sealed
from lanline.wire.sealing.strict import encode_strictly
from unit.client.chat.sealed.test_sealed_outbox import said, say, waiting
from unit.client.chat.village import Process, Village
from unit.client.sealing.devices import Device, Town
from unit.client.sealing.test_private_rooms import found, let_in, room
from unit.client.sealing.test_private_rooms import ids as ids_of


@pytest.fixture(name="village")
def with_private_room(village: Village) -> Village:
    village.make_private_room()
    return village


def board(process: Process) -> RoomCopy:
    track = process.node.conversations.titled("#board")
    assert track is not None
    copy = process.node.seals.room(track.shown)
    assert copy is not None
    return copy


def show_forged(process: Process) -> None:
    """The server makes up an entry of the room, with a stub of it in the chain."""
    group, copy, forged = process.member.copy, board(process), b"forged"
    height = group.chain.height + 1
    stub = sealed.Stub(ids.room_tag_of(copy.id, height), hashlib.sha256(forged).digest())
    content = encode_strictly(stub)
    process.member.on_entries(
        Entries(group.log, (LogEntry(group.sequence + 1, bytes(16), 0, 0, 0, "stub/1", content),))
    )
    copy._entries[height] = [forged]
    copy._room = None


def test_a_room_that_broke_is_told_with_what_to_do_and_talks_on_when_it_is_accepted(village: Village) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    say(ben, "#board", "before")
    village.rest_until(lambda: said(ann, "#board") == ["before"])
    told: list[str] = []
    ben.node.subscribe(lambda event: told.append(event.reason) if isinstance(event, events.SendingPutOff) else None)
    for home in village.homes:
        show_forged(home.processes[0])
    say(ben, "#board", "is anybody here?")
    say(ben, "#lobby", "elsewhere")
    village.rest_until(lambda: said(ann, "#lobby") == ["elsewhere"])
    for _ in range(20):
        village.rest()
    assert [each.entry_id.rstrip(b".") for each in waiting(ben)] == [b"is anybody here?"]
    assert "does not hold" in told[0]
    assert "/accept #board" in told[0]
    board(ben).accept()
    ben.node.outbox.send()
    village.rest_until(lambda: not waiting(ben))
    village.rest_until(lambda: said(ann, "#board") == ["before", "is anybody here?"])
    # What comes later of the same kind is asked for anew.
    show_forged(ben)
    assert board(ben).broken is not None
    board(ben).accept()
    assert board(ben).broken is None


def test_a_room_that_broke_for_lack_of_an_entry_is_whole_when_that_comes(town: Town) -> None:
    """The server keeps back that ben may let people in. By what dan has, ben may not: and he seals nothing there."""
    ana = town.founder()
    ben, cai, dan = (Device(town, name, town.link(ana)) for name in ("ben", "cai", "dan"))
    town.pass_time(0.3)
    place = found(town, ana)
    let_in(town, ana, place, ben, dan)
    ana.say("before", place)
    assert dan.texts(place) == ["before"]
    town.done(ana.member.rooms.set_role(room(ana, place), ids_of(ben)[0], sealed.RoomRole.MODERATOR))
    town.pass_time(0.2)
    let_in(town, ben, place, cai)
    assert ana.client is not None
    ana.heard(place)
    kept = [each for each in ana.client.entries(place.log) if each.suite == "key/1"]
    promotion, letting = kept[-2:]
    copy = dan.scopes.room(place)
    assert copy is not None
    dan.scopes.add(place.log, letting.sequence, "key/1", letting.content)
    copy = dan.scopes.room(place)
    assert copy is not None
    assert copy.broken is not None
    assert not copy.is_complete
    assert dan.words.seal(place, bytes(16), b"to whom?") is None
    dan.scopes.add(place.log, promotion.sequence, "key/1", promotion.content)
    copy = dan.scopes.room(place)
    assert copy is not None
    assert copy.broken is None
    assert copy.is_complete
    dan.say("now I know", place)
    assert ana.texts(place) == ["before", "now I know"]

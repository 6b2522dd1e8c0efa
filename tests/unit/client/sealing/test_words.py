"""What is said in an open room is read by the group, and believed only where it lies and of whom it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lanline.chain.reasons import Reason
from lanline.client.sealing.scopes import OpenRoom
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import Body, Lacks, Said
from lanline.crypto.groups.said import Opened
from lanline.errors import RefusalCode
from lanline.wire.chat import entries
from unit.client.sealing.devices import Device, Town


@pytest.fixture
def pair(town: Town) -> tuple[Device, Device]:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    return ana, ben


def test_words_said_before_are_read_by_who_joins_with_nobody_online(town: Town) -> None:
    ana = town.founder()
    for number in range(3):
        ana.say(f"word {number}")
    token = town.link(ana)
    ana.disconnect()
    ben = Device(town, "ben", token)
    town.pass_time(0.2)
    assert ben.texts() == ["word 0", "word 1", "word 2"]


def test_the_server_keeps_none_of_it_in_plain(town: Town, pair: tuple[Device, Device], tmp_path: Path) -> None:
    ana, ben = pair
    ana.say("the harbour at midnight")
    assert ben.texts() == ["the harbour at midnight"]
    for path in (tmp_path / "data").glob("lanline.sqlite*"):
        assert b"harbour" not in path.read_bytes()


def test_after_a_removal_the_removed_reads_no_more(town: Town, pair: tuple[Device, Device]) -> None:
    ana, ben = pair
    eve = Device(town, "eve", town.link(ana))
    town.pass_time(0.2)
    ana.say("before")
    heard_by_eve = eve.words
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    town.pass_time(0.2)
    ana.say("after")
    assert ben.texts() == ["before", "after"]
    # Somebody on the server's side shows her all there is.
    assert heard_by_eve.open(ben.lobby, ben.heard())[1] in {Lacks.EPOCH, Lacks.KEY}


def test_words_under_an_epoch_that_is_not_fresh_are_refused_and_sealed_anew(
    town: Town, pair: tuple[Device, Device]
) -> None:
    ana, ben = pair
    eve = Device(town, "eve", town.link(ana))
    town.pass_time(0.2)
    entry_id = ben.entropy(16)
    late = ben.words.seal(ben.lobby, entry_id, b"said without knowing")
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    assert late is not None
    assert ben.client is not None
    request = ben.client.number()
    ben.send(entries.Append(request, ben.lobby.log, entry_id, "said/1", late))
    town.settle()
    assert ben.client.answer(request).known_code is RefusalCode.STALE_KEYS
    ben.words.end_run(ben.lobby.log)
    again = ben.words.seal(ben.lobby, entry_id, b"said without knowing")
    assert again is not None
    request = ben.client.number()
    ben.send(entries.Append(request, ben.lobby.log, entry_id, "said/1", again))
    town.settle()
    assert ana.texts() == ["said without knowing"]


@pytest.mark.parametrize("what", ["author", "room", "entry_id", "bit", "epoch"])
def test_words_moved_or_changed_are_not_believed(pair: tuple[Device, Device], what: str) -> None:
    ana, ben = pair
    ana.say("pay ben")
    [said] = ben.heard()
    room = ben.lobby
    changed = {
        "author": said._replace(author="ben"),
        "room": said,
        "entry_id": said._replace(entry_id=bytes(16)),
        "bit": said._replace(content=said.content[:-1] + bytes([said.content[-1] ^ 1])),
        "epoch": said._replace(content=said.content[:1] + bytes(16) + said.content[17:]),
    }[what]
    if what == "room":
        room = OpenRoom(room.log, "bank")
    [outcome] = ben.words.open(room, [changed])
    assert not isinstance(outcome, Body)
    assert isinstance(ben.words.open(ben.lobby, [said])[0], Body)


def test_each_bit_of_an_entry_flipped_and_nothing_is_believed(pair: tuple[Device, Device]) -> None:
    ana, ben = pair
    ana.say("short")
    [said] = ben.heard()
    for place in range(len(said.content)):
        flipped = bytearray(said.content)
        flipped[place] ^= 1 << place % 8
        [outcome] = ben.words.open(ben.lobby, [said._replace(content=bytes(flipped))])
        assert not isinstance(outcome, Body), place


def test_rubbish_is_told_as_such(pair: tuple[Device, Device]) -> None:
    _, ben = pair
    assert ben.words.open(ben.lobby, [Said(1, bytes(16), "ana", b"rubbish")]) == [Reason.FORM]


def test_a_copied_home_repeats_no_nonce(town: Town, pair: tuple[Device, Device]) -> None:
    ana, _ = pair
    first = ana.words.seal(ana.lobby, bytes(16), b"the same")
    ana.words.end_run(ana.lobby.log)
    second = ana.words.seal(ana.lobby, bytes(16), b"the same")
    assert first is not None
    assert second is not None
    assert first[33:61] != second[33:61]
    assert town.devices


def test_words_shown_again_at_another_place_are_not_believed(pair: tuple[Device, Device]) -> None:
    ana, ben = pair
    ana.say("pay ben")
    [said] = ben.heard()
    again = said._replace(place=said.place + 5)
    first, second = ben.words.open(ben.lobby, [said, again])
    assert (isinstance(first, Body), second) == (True, Reason.KNOWN_ID)
    assert ben.words.open(ben.lobby, [again]) == [Reason.KNOWN_ID]
    assert isinstance(ben.words.open(ben.lobby, [said])[0], Body)


def test_what_is_on_the_disk_is_known_when_it_is_shown_again_to_the_next_program(pair: tuple[Device, Device]) -> None:
    ana, ben = pair
    ana.say("pay ben")
    assert ben.client is not None
    [entry] = ben.client.entries(ben.lobby.log) or (ben.heard() and ben.client.entries(ben.lobby.log))
    tables = GroupTables(ben.history.database, ben.keys.device_secret, ben.entropy)
    ben.history.add_entries(7, [entry], ben.account)
    known = {(entry.account, entry.entry_id): entry.sequence}
    others = [bytes([each]) + entry.entry_id[1:] for each in (0, 255)]
    assert tables.first_places(7, [entry.entry_id]) == tables.first_places(7, [*others, entry.entry_id]) == known
    assert tables.first_places(7, others) == tables.first_places(8, [entry.entry_id]) == {}
    again = msgspec.structs.replace(entry, sequence=entry.sequence + 3)
    ben.history.add_entries(7, [again, msgspec.structs.replace(entry, sequence=again.sequence + 1, account=99)], 0)
    assert tables.first_places(7, [entry.entry_id]) == {**known, (99, entry.entry_id): again.sequence + 1}


def test_a_new_run_names_the_newest_word_of_the_device_that_is_known_to_stand(pair: tuple[Device, Device]) -> None:
    ana, ben = pair
    ana.say("first")
    assert ana.texts() == ["first"]
    ana.words.end_run(ana.lobby.log)
    ana.say("second")
    assert ben.texts() == ["first", "second"]
    words = [opened_of(ben, said) for said in ben.heard()]
    assert [each.words.n for each in words] == [0, 0]
    assert words[1].words.prev == words[0].digest


def opened_of(device: Device, said: Said) -> Opened:
    found = device.words.reopen(device.lobby, said)
    assert found is not None
    return found[0]

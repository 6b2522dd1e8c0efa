"""Whom a person has verified on one device is verified on their others; by nobody else's word, the server's neither."""

from __future__ import annotations

import msgspec

from lanline.client.chat.sealed.content import OPENED, PLAIN, open_sealed, said_by
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing.keystore import Keystore
from lanline.client.view.values import NoWords
from lanline.model.content import KnownPerson, Text
from unit.client.chat.village import Home, Process, Village


def second_device(village: Village, label: str = "", number: int = 2) -> Process:
    """Of ann's."""
    ann = village.homes[0].processes[0]
    home = Home(village, "ann")
    home.path, home.link = village.folder / f"ann{number}.db", f"ann's number {number}".encode().ljust(32, b".")
    chance = village.chance.randbytes
    home.keys = DeviceKeys(Keystore.in_memory(chance(32)), home.link, chance, label)
    process = Process(home)
    home.processes.append(process)
    village.homes.append(home)
    village.rest_until(lambda: process.member.code is not None and bool(ann.member.devices.waiting))
    code = process.member.code
    assert code is not None
    found = ann.member.devices.find(code)
    village.rest_until(lambda: found.is_settled)
    approved = ann.member.devices.approve(found.result(), code)
    village.rest_until(lambda: approved.is_settled and process.member.copy.is_member)
    return process


def trust(process: Process, name: str) -> str:
    assert process.node.seals.news is not None
    return process.node.seals.news.trust_of(name)


def verify(process: Process, name: str) -> None:
    assert process.node.seals.news is not None
    assert process.node.trust is not None
    process.node.trust.verify(name, process.node.seals.news.words_with(name))


def test_who_was_verified_on_one_device_is_verified_on_the_others_also_on_those_that_come_later(
    village: Village,
) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    verify(ann, "ben")
    assert trust(ann, "ben") == "verified by words"
    second = second_device(village)
    village.rest_until(lambda: trust(second, "ben") == "verified by words")
    verify(second, "cai")
    village.rest_until(lambda: trust(ann, "cai") == "verified by words")
    assert trust(ben, "cai") != "verified by words"
    notes = ann.node.conversations.titled("ann")
    assert notes is not None
    assert not [each for each in ann.node.messages(notes.shown.log) if each.is_said]
    assert notes.shown.unread == 0


def test_what_others_say_of_it_counts_nowhere_and_what_lies_in_plain_neither(village: Village) -> None:
    ann, ben, _ = (home.processes[0] for home in village.homes)
    assert ann.node.seals.news is not None
    known = KnownPerson(ann.node.seals.news.account_named("cai"), ann.node.seals.news.words_with("cai"))
    for number, to in enumerate(("ann", "#lobby", "ben")):
        ben.node.outbox.say(to, known, bytes([number]) * 16)
    ben.node.outbox.say("ann", Text("that was all"), b"t" * 16)
    village.rest_until(lambda: ann.node.conversations.titled("ben") is not None)
    for _ in range(20):
        village.rest()
    assert trust(ann, "cai") != "verified by words"
    assert open_sealed(PLAIN, msgspec.msgpack.encode(known)) == NoWords()


def test_what_a_device_has_verified_that_was_taken_out_is_shown_as_that_and_counts_for_nothing(
    village: Village,
) -> None:
    """A thief may have verified whom he wanted, and nobody knows since when the device was his."""
    ann = village.homes[0].processes[0]
    second = second_device(village)
    verify(ann, "ben")
    village.rest_until(lambda: trust(second, "ben") == "verified by words")
    verify(second, "cai")
    village.rest_until(lambda: trust(ann, "cai") == "verified by words")
    before = ann.member.copy.people
    account_id = ann.member.copy.chain.names[b"cai"]
    village.homes.pop().processes[0].crash()
    revoked = ann.member.devices.revoke([second.member.copy.device_id])
    village.rest_until(lambda: revoked.is_settled)
    assert trust(ann, "ben") == "verified by words"
    assert trust(ann, "cai") == "verified by a device of yours that was taken out: compare again"
    assert not before.has_accepted_account(ann.member.copy.chain, account_id)
    ann.crash()
    again = village.homes[0].processes[0] = Process(village.homes[0])
    village.rest_until(lambda: again.member.is_settled)
    assert trust(again, "cai") == "verified by a device of yours that was taken out: compare again"
    verify(again, "cai")
    assert trust(again, "cai") == "verified by words"


def test_who_says_it_is_the_device_that_signed_and_not_what_stands_in_the_note(village: Village) -> None:
    ann = village.homes[0].processes[0]
    second = second_device(village)
    assert second.node.seals.news is not None
    known = KnownPerson(
        second.node.seals.news.account_named("cai"), second.node.seals.news.words_with("cai"), ann.member.copy.device_id
    )
    second.node.outbox.say("ann", known, b"k" * 16)
    village.rest_until(lambda: trust(ann, "cai") == "verified by words")
    assert set(ann.member.copy._keys.said_by.values()) == {second.member.copy.device_id}


def test_a_note_of_whom_one_knows_names_its_device_however_it_is_written() -> None:
    fields = {"x": "y" * 60, "account_id": bytes(32), "words": b"", "by": b"", "type": "known_person"}
    said = said_by(msgspec.msgpack.encode(fields), b"device".ljust(16))
    content = open_sealed(OPENED, said)
    assert isinstance(content, NoWords)
    assert content.known == KnownPerson(bytes(32), by=b"device".ljust(16))

"""Floods by members of a group, and by somebody who only asks to be let in: what each can make the server keep."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from grouphouse.people import Person
from lanline.core import boxes, keyentries
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of
from lanline.crypto.groups.keys import SealingKey
from lanline.errors import RefusalCode
from lanline.gateways.lanline import groups as gateway
from lanline.model.groups import FOR_DEVICE, MAX_BOXES_FROM_HELPERS
from lanline.proto.channels import Channel
from lanline.storage.api import Transaction
from lanline.wire.chat import groups
from serverhouse.group import Group, Someone
from serverhouse.house import Client, House

HOUR_S = 3600.0


def count(group: Group, table: str, condition: str = "TRUE") -> int:
    found: list[int] = []

    def look(transaction: Transaction) -> None:
        connection = transaction.groups._connection  # type: ignore[attr-defined]
        found.append(connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0])

    assert group.house.engine.transact([look]) == [None]
    return found[0]


def code(client: Client, message: msgspec.Struct, channel: Channel = Channel.CHAT) -> RefusalCode | None:
    client.say(message, channel)  # type: ignore[arg-type]
    return getattr(client.answer(message.request), "known_code", None)  # type: ignore[attr-defined]


def ask_again(asker: Someone, number: int) -> RefusalCode | None:
    """With new keys each time."""
    link = asker.person.device.link_fingerprint
    asker.person = Person(asker.person.name, f"again {number}", seals=True)
    asker.person.device.link_fingerprint = link
    asker.put_keys()
    request = asker.group.story.request(asker.person)
    return code(asker.client, groups.LeaveRequest(asker.client.number(), asker.person.joiner, request))


def test_who_asks_to_be_let_in_with_ever_new_keys_fills_no_disk(group: Group) -> None:
    ana = group.found()
    eve = Someone(group, "eve")
    named = count(group, "seal_keys", "is_named")
    for number in range(40):
        group.house.pass_time(60.0)
        assert ask_again(eve, number) is None
    assert count(group, "seal_keys", "is_named") == named + 2
    group.house.pass_time(2 * HOUR_S)
    ana.put_keys()
    assert count(group, "seal_keys") == named + 2
    group.story.time_ms = group.house.clock.now_ms()
    assert group.story.admit(ana.person, eve.person) is None
    ana.bring()


def test_who_asks_to_be_let_in_over_and_over_is_slowed_and_admins_hear_little_of_it(group: Group) -> None:
    ana = group.found()
    eve = Someone(group, "eve")
    codes = [ask_again(eve, number) for number in range(50)]
    taken = codes.count(None)
    assert set(codes[taken:]) == {RefusalCode.SLOW_DOWN}
    assert taken == len(ana.client.all(groups.RequestCame)) == gateway._REQUESTS_BURST


def test_keys_of_somebody_else_are_not_kept_by_asking_with_them(group: Group) -> None:
    group.found()
    eve, ben = Someone(group, "eve"), Someone(group, "ben")
    eve.put_keys()
    link, ben.person = ben.person.device.link_fingerprint, Person("ben", "borrowed", seals=True)
    ben.person.device, ben.person.seeds = eve.person.device, eve.person.seeds
    named = count(group, "seal_keys", "is_named")
    ben.person.device.link_fingerprint = link
    request = group.story.request(ben.person)
    code(ben.client, groups.LeaveRequest(ben.client.number(), ben.person.joiner, request))
    assert count(group, "seal_keys", "is_named") == named


def test_boxes_for_devices_fill_no_disk_and_keep_nobody_from_turning(group: Group) -> None:
    """A thief of a device brings what nothing names; the owner revokes it all the same."""
    group.found()
    eve = group.admit("eve")
    for number in range(100):
        box = groups.NewBox(FOR_DEVICE, eve.person.device.id, 2 + number % 2, bytes(2000))
        message = groups.PutBoxes(eve.client.number(), 0, eve.id, number.to_bytes(16, "big"), (box,))
        assert code(eve.client, message, Channel.BULK) is None
    assert count(group, "boxes", "length(data) = 2000") <= boxes._MAX_COMING_SEEDS
    for number in range(1, 81):
        group.house.pass_time(60.0)
        group.story.time_ms = group.house.clock.now_ms()
        assert group.story.turn(eve.person) is None
        eve.put(SealingKey.of_generation(eve.person.seeds[-1]).public_bytes)
        eve.put_seed()
        eve.bring()
        assert count(group, "boxes", "kind = 3 AND generation > 1") <= boxes._MAX_SEEDS + boxes._MAX_COMING_SEEDS, (
            number
        )


def test_epochs_and_their_boxes_count_as_what_their_author_has_written(group: Group) -> None:
    ana = group.found()
    eve = group.admit("eve")
    core = group.house.server.core
    core.settings = msgspec.structs.replace(core.settings, message_quota_bytes=30_000)
    for number in range(40):
        group.house.pass_time(5.0)
        try:
            eve.begin(f"flood {number}", ana)
        except AssertionError:
            break
    begun = count(group, "epochs")
    assert 2 <= begun < 30
    assert count(group, "boxes", "length(data) > 1000") <= 2 * begun + 2


def test_a_member_who_wants_boxes_takes_no_place_of_others(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_MAX_WANTS", 20)
    monkeypatch.setattr(gateway, "_MAX_WANTS_OF_ACCOUNT", 5)
    ana = group.found()
    eve, ben = group.admit("eve"), group.admit("ben")
    secret = ana.begin("epoch", eve, ben)
    assert secret
    scope = group.story.chain.group_id
    for number in range(40):
        wanted = (number.to_bytes(16, "big"),)
        assert code(eve.client, groups.WantBoxes(eve.client.number(), group.log, scope, wanted)) is None
    asked = len(ana.client.all(groups.BoxWanted)) + len(ben.client.all(groups.BoxWanted))
    assert asked == 5
    wanted = (b"b" * 16,)
    assert code(ben.client, groups.WantBoxes(ben.client.number(), group.log, scope, wanted)) is None
    heard = ana.client.all(groups.BoxWanted) + eve.client.all(groups.BoxWanted)
    assert wanted in {each.epoch_ids for each in heard}


def test_boxes_of_epochs_that_nobody_begins_are_kept_for_one_of_them_and_for_its_readers(group: Group) -> None:
    ana, eve = group.found(), group.admit("eve")
    scope = group.story.chain.group_id
    for number in range(20):
        rubbish = [groups.NewBox(1, each, 1, bytes(2000)) for each in (ana.id, number.to_bytes(32, "big"))]
        epoch_id = number.to_bytes(16, "big")
        message = groups.PutBoxes(eve.client.number(), group.log, scope, epoch_id, tuple(rubbish))
        assert code(eve.client, message, Channel.BULK) is None
        group.house.pass_time(1.0)
    assert count(group, "boxes", "length(data) = 2000") == 1


def test_of_one_box_few_are_kept_whoever_brings_them(group: Group) -> None:
    ana = group.found()
    helpers = [group.admit(f"member{number}") for number in range(6)]
    secret, chain = ana.begin("epoch", *helpers), group.story.chain
    epoch_id = epoch_id_of(commitment_of(secret, chain.group_id, chain.height, chain.head))
    box = groups.NewBox(1, ana.id, 1, bytes(2000))
    for each in helpers:
        message = groups.PutBoxes(each.client.number(), group.log, chain.group_id, epoch_id, (box,))
        assert code(each.client, message, Channel.BULK) is None
    assert 0 < count(group, "boxes", "length(data) = 2000") < MAX_BOXES_FROM_HELPERS


def test_somebody_outside_the_group_brings_few_boxes_and_few_keys(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyentries, "_MAX_UNNAMED_KEYS", 5)
    group.found()
    eve = Someone(group, "eve")
    for number in range(12):
        box = groups.NewBox(FOR_DEVICE, eve.person.device.id, 1, bytes(2000))
        epoch_id = number.to_bytes(16, "big")
        code(eve.client, groups.PutBoxes(eve.client.number(), 0, eve.id, epoch_id, (box,)), Channel.BULK)
        key = SealingKey(bytes([number]) * 32).public_bytes
        refused = code(eve.client, groups.PutKeys(eve.client.number(), (key,)), Channel.BULK)
        assert refused is (RefusalCode.QUOTA_EXCEEDED if number >= 5 else None)
    assert 0 < count(group, "boxes", "length(data) = 2000") <= boxes._MAX_BOXES_OF_STRANGER


def test_a_member_begins_epochs_at_a_bounded_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_KEYS_BURST", 5)
    house = House(tmp_path)
    group = Group(house)
    group.found()
    eve = group.admit("eve")
    codes = [code(eve.client, groups.BeginEpoch(eve.client.number(), group.log, bytes([each]))) for each in range(8)]
    assert codes.count(RefusalCode.INVALID) == 5
    assert codes[-1] is RefusalCode.SLOW_DOWN
    house.stop()


def test_one_box_is_asked_of_so_many_members_and_no_more(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_MAX_ASKED", 2)
    helpers = [group.found(), *(group.admit(f"member{number}") for number in range(4))]
    eve = group.admit("eve")
    scope = group.story.chain.group_id
    assert code(eve.client, groups.WantBoxes(eve.client.number(), group.log, scope, (b"e" * 16,))) is None
    for _ in range(6):
        group.house.pass_time(gateway._ASKED_FOR_S)
    assert sum(len(each.client.all(groups.BoxWanted)) for each in helpers) == 2


def test_an_admin_too_adds_to_the_chain_at_a_bounded_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_ADMINS_KEYS_BURST", 10)
    house = House(tmp_path)
    ana = Group(house).found()
    codes = [code(ana.client, groups.AppendKey(ana.client.number(), bytes([number]))) for number in range(15)]
    assert codes.count(RefusalCode.INVALID) <= 10
    assert codes[-1] is RefusalCode.SLOW_DOWN
    house.stop()


def test_what_a_member_adds_to_the_chain_in_a_day_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_KEYS_OF_A_DAY", 30)
    house = House(tmp_path)
    group = Group(house)
    group.found()
    eve = group.admit("eve")
    codes: list[RefusalCode | None] = []
    for number in range(60):
        house.pass_time(5.0)
        codes.append(code(eve.client, groups.AppendKey(eve.client.number(), bytes([number]))))
    assert codes.count(RefusalCode.INVALID) <= 31
    assert codes[-1] is RefusalCode.SLOW_DOWN
    house.stop()

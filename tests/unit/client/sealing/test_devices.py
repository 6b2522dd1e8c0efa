"""Further devices of an account: let in by a code from either end, taken out again, and what each of them reads."""

from __future__ import annotations

import msgspec
import pytest

from lanline.client.sealing.member import GroupStanding
from lanline.crypto.groups import ids
from lanline.errors import LinkNotOpen, RecordMissing, RequestRefused
from lanline.model.devices import DEVICE_WAITS_MS
from lanline.wire.chat.devices import DeviceAsks
from unit.client.sealing.devices import Device, Town


def code_of(device: Device) -> str:
    assert device.keys.code is not None
    return device.keys.code


def approve(town: Town, old: Device, new: Device) -> None:
    code = code_of(new)
    waiting = town.done(old.member.devices.find(code))
    town.done(old.member.devices.approve(waiting, code))
    town.pass_time(0.2)


def further(town: Town, old: Device) -> Device:
    new = Device(town, old.name)
    town.pass_time(0.2)
    approve(town, old, new)
    return new


def test_a_device_that_came_by_password_waits_and_reads_all_once_it_is_approved(town: Town) -> None:
    ana = town.founder()
    ana.say("before")
    again = Device(town, "ana")
    town.pass_time(0.2)
    assert again.member.standing is GroupStanding.WAITS
    assert "devices approve" in again.member.refusal
    assert ana.member.devices.asking == [again.client.signed_in.device]
    assert again.epoch_id is None
    approve(town, ana, again)
    assert again.member.standing is GroupStanding.MEMBER
    assert again.keys.code is None
    assert again.texts() == ["before"]
    again.say("from the new one")
    assert ana.texts() == ["before", "from the new one"]
    assert ana.member.devices.waiting == {}


def test_a_device_whose_code_has_run_out_is_shown_no_more(town: Town) -> None:
    ana = town.founder()
    again = Device(town, "ana")
    town.pass_time(0.2)
    assert ana.member.devices.asking == [again.client.signed_in.device]
    again.disconnect()
    told = ana.told
    town.house.clock.pass_time(DEVICE_WAITS_MS / 1000 + 1)
    town.settle()
    assert ana.told > told
    assert ana.member.devices.asking == []
    [waiting] = ana.member.devices.waiting.values()
    for number in range(1000):
        ana.member.on_device_asks(DeviceAsks(msgspec.structs.replace(waiting, device=number + 1000)))
    assert len(ana.member.devices.waiting) <= 100


def test_a_device_that_another_one_has_let_in_asks_no_more(town: Town) -> None:
    ana = town.founder()
    second = further(town, ana)
    third = Device(town, "ana")
    town.pass_time(0.2)
    number = third.client.signed_in.device
    assert [each.member.devices.asking for each in (ana, second)] == [[number], [number]]
    [waiting] = second.member.devices.waiting.values()
    approve(town, ana, third)
    assert [each.member.devices.asking for each in (ana, second)] == [[], []]
    second.member.on_device_asks(DeviceAsks(msgspec.structs.replace(waiting, device=number + 1)))
    assert second.member.devices.asking == [number + 1], "another one, with the record of the third"


def test_a_device_that_came_by_password_and_a_members_link_waits_as_well(town: Town) -> None:
    """The link is for who is in no account yet; whoever types the own name and password there is."""
    ana = town.founder()
    again = Device(town, "ana", town.link(ana))
    town.pass_time(0.3)
    assert again.member.standing is GroupStanding.WAITS
    assert again.keys.invite is None
    approve(town, ana, again)
    assert again.member.standing is GroupStanding.MEMBER


def test_a_device_that_comes_by_a_link_needs_no_password_and_no_name(town: Town) -> None:
    ana = town.founder()
    token = town.done(ana.member.devices.offer())
    code = ids.code_of_token(token)
    again = Device(town, "", token)
    town.pass_time(0.2)
    assert code_of(again) == code
    approve(town, ana, again)
    assert again.member.standing is GroupStanding.MEMBER
    assert again.epoch_id == ana.epoch_id
    other = Device(town, "", token, joins=False)
    with pytest.raises(AssertionError, match="used by another"):
        other.join(token, settles=True)


def test_a_wrong_code_finds_nothing_and_a_new_one_is_shown_after_ten_minutes(town: Town) -> None:
    ana = town.founder()
    again = Device(town, "ana")
    town.pass_time(0.2)
    first = code_of(again)
    with pytest.raises(RecordMissing, match="Is it typed"):
        town.done(ana.member.devices.find("A" * 20))
    town.house.clock.pass_time(601)
    town.pass_time(0.5)
    assert code_of(again) != first
    with pytest.raises(RecordMissing):
        town.done(ana.member.devices.find(first))
    approve(town, ana, again)
    assert again.member.standing is GroupStanding.MEMBER


def test_two_approvals_at_once_are_one(town: Town) -> None:
    ana = town.founder()
    second = further(town, ana)
    third = Device(town, "ana")
    town.pass_time(0.2)
    code = code_of(third)
    found = [town.done(each.member.devices.find(code)) for each in (ana, second)]
    tickets = [each.member.devices.approve(one, code) for each, one in zip((ana, second), found, strict=True)]
    for ticket in tickets:
        town.done(ticket)
    town.pass_time(0.2)
    assert third.member.standing is GroupStanding.MEMBER
    assert len(ana.member.copy.chain.accounts[ana.member.copy.account_id].devices) == 4


def test_a_crash_after_each_step_of_an_approval_is_mended_by_approving_again(town: Town) -> None:
    ana = town.founder()
    again = Device(town, "ana")
    town.pass_time(0.2)
    code = code_of(again)
    waiting = town.done(ana.member.devices.find(code))
    steps = ana.member.devices._add_once(waiting.record, again.member.copy.device_id)
    from lanline.ticket import follow  # noqa: PLC0415 -- the first half alone

    town.done(follow(steps))
    town.pass_time(0.2)
    assert again.member.standing is GroupStanding.WAITS, "it stands in the chain, and nothing is proven"
    approve(town, ana, again)
    assert again.member.standing is GroupStanding.MEMBER


def test_a_revoked_device_is_told_and_gets_nothing_that_is_sealed_after(town: Town) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    lost = further(town, ana)
    lost.say("while it was mine")
    before = ana.epoch_id
    town.done(ana.member.devices.revoke([lost.member.copy.device_id]))
    town.pass_time(0.5)
    assert lost.client is not None
    assert lost.client.link.closed is not None
    assert "revoked" in str(lost.client.link.closed)
    assert ana.epoch_id == ben.epoch_id
    assert ana.epoch_id not in {None, before, lost.epoch_id}
    ben.say("among us")
    assert ana.texts() == ["while it was mine", "among us"]
    with pytest.raises(AssertionError, match="revoked"):
        lost.connect()


def test_who_turns_keeps_the_past_on_every_device_that_stays(town: Town) -> None:
    ana = town.founder()
    ana.say("long ago")
    second, third = further(town, ana), further(town, ana)
    town.done(ana.member.devices.revoke([third.member.copy.device_id]))
    town.pass_time(0.5)
    second.disconnect()
    second.history.database.read("DELETE FROM account_seeds")
    second.history.database.read("DELETE FROM epoch_secrets")
    second.restart()
    second.connect()
    town.pass_time(0.5)
    assert second.epoch_id == ana.epoch_id
    assert second.texts() == ["long ago"]


def test_a_seed_that_the_server_lost_comes_from_another_device(town: Town) -> None:
    ana = town.founder()
    second = further(town, ana)
    second.disconnect()
    second.history.database.read("DELETE FROM account_seeds")
    town.house.engine.transact([lambda t: t.groups._connection.execute("DELETE FROM boxes WHERE kind = 3")])  # type: ignore[attr-defined]
    second.restart()
    second.connect()
    town.pass_time(6.0)
    assert second.member.copy.is_member
    assert second.member._context.has_newest_seed


def test_a_device_that_was_taken_out_approves_nobody(town: Town) -> None:
    ana = town.founder()
    lost = further(town, ana)
    new = Device(town, "ana")
    town.pass_time(0.2)
    code = code_of(new)
    found = town.done(lost.member.devices.find(code))
    town.done(ana.member.devices.revoke([lost.member.copy.device_id]))
    ticket = lost.member.devices.approve(found, code)
    town.pass_time(0.5)
    lost.disconnect()
    with pytest.raises((RequestRefused, LinkNotOpen)):
        town.done(ticket)
    assert new.member.standing is GroupStanding.WAITS

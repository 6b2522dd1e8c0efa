"""Many want to speak after somebody has gone: one of them begins, and who then does nothing keeps nobody waiting."""

from __future__ import annotations

import pytest

from lanline.errors import RefusalCode, RequestRefused
from lanline.gateways.lanline.beginners import Beginners
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.testing.clock import HandClock
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from unit.client.sealing.devices import Device, Town


@pytest.fixture
def stale(town: Town) -> list[Device]:
    """Who is left after a removal whose author went away before he could begin anew."""
    ana = town.founder()
    token = town.link(ana, uses=12)
    devices = [Device(town, f"guest{number}", token) for number in range(12)]
    town.pass_time(1.0)
    gone = devices.pop()
    for each in devices:
        each.say("before")
    ana.refuses = lambda message: None if not isinstance(message, groups.ClaimEpoch) else _later()
    town.settle()
    ana.member.changes.remove([gone.member.copy.account_id])
    town.settle()
    ana.disconnect()
    town.pass_time(0.2)
    assert {each.epoch_id for each in devices} == {None}
    return devices


def _later() -> RequestRefused:
    return RequestRefused(RefusalCode.STALE_KEYS, "later", 60.0)


def fresh(device: Device) -> list[bytes]:
    copy = device.member.copy
    return [each.epoch_id for each, _ in copy.epochs.values() if each.height >= copy.chain.last_loss]


def test_many_who_want_to_speak_at_once_begin_one_epoch(town: Town, stale: list[Device]) -> None:
    for each in stale:
        each.member.want_epoch()
    town.pass_time(1.0)
    assert len(fresh(stale[0])) == 1
    assert {each.epoch_id for each in stale} == set(fresh(stale[0]))


def test_who_says_to_begin_and_does_not_keeps_the_others_for_seconds_only(town: Town, stale: list[Device]) -> None:
    eve, *others = stale
    assert eve.client is not None
    claim = groups.ClaimEpoch(eve.client.number(), eve.member._context.log)
    eve.client.ask(claim, Done)
    for each in others:
        each.member.want_epoch()
    town.settle()
    town.pass_time(6.0)
    assert len(fresh(others[0])) == 1
    assert {each.epoch_id for each in others} == set(fresh(others[0]))


def test_nobody_waits_twice_for_who_brought_nothing() -> None:
    clock = HandClock()
    turns, log = Beginners(clock), LogId(7)
    eve, ana, ben = AccountId(1), AccountId(2), AccountId(3)
    assert turns.wait_s(log, eve) == 0.0
    assert turns.wait_s(log, ana) == 5.0
    clock.pass_time(5.0)
    assert turns.wait_s(log, ana) == 0.0
    assert turns.wait_s(log, eve) == 5.0
    clock.pass_time(5.0)
    assert turns.wait_s(log, eve) == 0.0
    assert turns.wait_s(log, ben) == 0.0
    turns.note_begun(log)
    assert turns.wait_s(log, eve) == 0.0
    assert turns.wait_s(log, ben) == 5.0


def test_while_its_boxes_come_in_others_wait_but_not_for_ever() -> None:
    clock = HandClock()
    turns, log, eve, ana = Beginners(clock), LogId(7), AccountId(1), AccountId(2)
    turns.wait_s(log, eve)
    for _ in range(7):
        clock.pass_time(4.0)
        turns.note_boxes(log, eve)
    assert turns.wait_s(log, ana) == pytest.approx(2.0)
    clock.pass_time(2.0)
    turns.note_boxes(log, eve)
    assert turns.wait_s(log, ana) == 0.0

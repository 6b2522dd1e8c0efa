"""Many want to speak after somebody has gone: one of them begins, and who then does nothing keeps nobody waiting."""

from __future__ import annotations

import pytest

from lanline.chain.epochs import RecipientKind
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.crypto.groups.keys import box_info
from lanline.errors import RefusalCode, RequestRefused
from lanline.gateways.lanline.epochbeginners import Beginners
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.testing.clock import HandClock
from lanline.wire.chat import groups
from lanline.wire.chat.answers import Done
from unit.client.sealing.devices import Device, Town, came


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


HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def speak(town: Town, *devices: Device) -> None:
    """All at once."""
    for each in devices:
        if each.epoch_id is None:
            each.member.want_epoch()
    town.pass_time(0.5)
    for each in devices:
        each.say("a word")


def bearer_reads(town: Town, ana: Device, token: bytes) -> list[bool]:
    """Whether whoever kept that link, and has all boxes of the server, opens the epochs: the oldest first."""
    keys, opened = InviteKeys.of(token[:INVITE_SECRET_BYTES]), []
    for epoch, _ in sorted(ana.member.copy.epochs.values(), key=lambda each: each[1]):
        boxes = town.house.engine.read(
            lambda view, at=epoch: view.groups.boxes(RecipientKind.INVITE, keys.id, at.scope, [at.epoch_id])
        )
        info = box_info(epoch.scope, epoch.commitment, RecipientKind.INVITE, keys.id, 0)
        opened.append(any(keys.seal.open(each.data, info) is not None for each in boxes))
    return opened


def start_again(*devices: Device) -> None:
    for each in devices:
        each.disconnect()
        each.restart()
        each.connect()


def wait(town: Town, seconds: float) -> None:
    town.house.clock.pass_time(seconds)
    town.settle()


@pytest.mark.parametrize("ends", ["used up", "past its time"])
def test_a_day_after_a_link_has_ended_whoever_speaks_begins_an_epoch_that_it_does_not_open(
    town: Town, ends: str
) -> None:
    ana = town.founder()
    token = town.link(ana, uses=1 if ends == "used up" else 5)
    ben = Device(town, "ben", token)
    town.pass_time(0.3)
    speak(town, ana, ben)
    wait(town, DAY_S - 60.0 if ends == "used up" else DAY_S + HOUR_S - 60.0)
    speak(town, ana, ben)
    assert bearer_reads(town, ana, token) == [True]
    start_again(ana, ben)
    wait(town, 120.0)
    speak(town, ana, ben)
    assert bearer_reads(town, ana, token) == [True, False], "two who speak begin one"
    assert ana.epoch_id == ben.epoch_id
    start_again(ana, ben)
    came(town, "cai", ana)
    for _ in range(3):
        wait(town, HOUR_S)
        speak(town, ana, ben)
    assert len(ana.member.copy.epochs) == 2, "and no other for it"


def test_a_link_that_is_open_still_keeps_its_epoch(town: Town) -> None:
    ana = town.founder()
    token = town.done(ana.member.changes.make_invite(5, round(30 * DAY_S * 1000)))
    wait(town, 29 * DAY_S)
    speak(town, ana)
    assert bearer_reads(town, ana, token) == [True]


def test_a_server_that_puts_its_clock_back_has_nothing_sealed_to_a_link_past_its_time(town: Town) -> None:
    ana = town.founder()
    town.link(ana)
    wait(town, DAY_S + 2 * HOUR_S)
    person = ana.member._context.person
    assert person is not None
    person.ahead_ms = round(-2 * DAY_S * 1000)
    sealed_to: list[int] = []

    def look(message: object) -> None:
        if isinstance(message, groups.PutBoxes):
            sealed_to.extend(each.kind for each in message.boxes)

    ana.refuses = look
    speak(town, ana)
    assert sealed_to == [RecipientKind.ACCOUNT]

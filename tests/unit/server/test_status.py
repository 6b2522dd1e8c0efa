"""An admin sees what takes how much of the disk, and hears of a disk that is nearly full before it is."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from lanline.errors import RefusalCode
from lanline.model.logs import ENTRY_COST_BYTES
from lanline.proto.channels import Channel
from lanline.wire.chat import admin, answers, blobs, conversations
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]


def usage(operator: Client) -> admin.Usage:
    return operator.ask(admin.AskUsage(operator.number()), admin.Usage)


def test_rooms_and_people_are_listed_with_what_they_take(house: House) -> None:
    operator = house.sign_in(house.operator_fingerprint)
    ann, bob = house.join("ann"), house.join("bob")
    lab = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    pair = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    for number, (client, log, size) in enumerate(
        [(ann, lab, 1000), (ann, lab, 500), (bob, bob.log("#lobby"), 300), (bob, pair, 50)]
    ):
        client.append(log, number, bytes(size))
    ann.append(lab, 0, bytes(1000))
    bob.ask(blobs.PutBlob(bob.number(), bytes(700)), blobs.BlobStored, Channel.BULK)
    found = usage(operator)
    cost = ENTRY_COST_BYTES
    assert found.rooms == (
        admin.RoomUsage("#lab", 2, 1500 + 2 * cost),
        admin.RoomUsage("#lobby", 1, 300 + cost),
    )
    assert found.people == (
        admin.PersonUsage(ann.account, "ann", 1500 + 2 * cost, 0),
        admin.PersonUsage(bob.account, "bob", 350 + 2 * cost, 700),
    )
    assert (found.directs_bytes, found.free_bytes, found.film_bytes) == (50 + cost, house.free_bytes, 0)
    assert found.database_bytes > 50_000
    assert (found.version, found.warning) == ("0.1.0", "")
    assert ann.refusal(admin.AskUsage(ann.number())) is RefusalCode.NOT_ALLOWED
    figures = operator.ask(admin.AskStatus(operator.number()), admin.ServerStatus).figures
    assert (figures["disk_free_bytes"], figures["appends_waiting"], figures["links_behind"]) == (10**12, 0, 0)


def test_who_reads_slowly_is_behind(house: House) -> None:
    operator = house.sign_in(house.operator_fingerprint)
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.log("#lobby")
    slow = house.sign_in("bob", buffer_bytes=2000)
    slow.follow(log)
    slow.link.is_reading = False
    for number in range(20):
        ann.append(log, number, bytes(1000))
    figures = operator.ask(admin.AskStatus(operator.number()), admin.ServerStatus).figures
    assert figures["links_behind"] == 1
    assert bob.link.closed is None


@pytest.fixture
def tight(open_house: OpenHouse) -> House:
    house = open_house(least_free_bytes=1000_000, warn_free_bytes=5000_000)
    house.server.core.housekeeping.begin()
    return house


def told(client: Client) -> list[str]:
    return [message.text for message in client.all(answers.ServerSays)]


def warned(house: House) -> int:
    operator = house.sign_in(house.operator_fingerprint)
    found = operator.ask(admin.ReadJournal(operator.number(), limit=1000), admin.Journal).entries
    operator.hang_up()
    return [each.deed for each in found].count("disk_low")


def test_admins_are_warned_once_before_the_disk_is_full_and_once_when_it_is(
    tight: House, caplog: pytest.LogCaptureFixture
) -> None:
    house = tight
    operator = house.sign_in(house.operator_fingerprint)
    ann, boss = house.join("ann"), house.join("boss")
    operator.ask(admin.SetAdmin(operator.number(), boss.account, is_admin=True), answers.Done)
    house.pass_time(61)
    assert (told(boss), warned(house)) == ([], 0)
    house.free_bytes = 4900_000
    with caplog.at_level(logging.WARNING):
        house.pass_time(300)
    assert len(told(boss)) == 1
    assert "4 MB are free" in told(boss)[0]
    assert "below 1 MB" in told(boss)[0]
    assert "nearly full" in caplog.text
    assert (told(ann), warned(house)) == ([], 1)
    assert usage(operator).warning == told(boss)[0]
    late = house.sign_in("boss", address=("10.0.0.2", 4000))
    assert told(late) == told(boss)
    house.free_bytes = 900_000
    house.pass_time(300)
    assert "Only admins can add anything now" in told(boss)[1]
    assert warned(house) == 2


def test_at_the_edge_nobody_is_warned_again_and_again(tight: House) -> None:
    house = tight
    for free_bytes in (4900_000, 5100_000, 4900_000, 5100_000, 4900_000):
        house.free_bytes = free_bytes
        house.pass_time(61)
    assert warned(house) == 1
    house.free_bytes = 9000_000
    house.pass_time(61)
    assert usage(house.sign_in(house.operator_fingerprint)).warning == ""
    house.free_bytes = 4900_000
    house.pass_time(61)
    assert warned(house) == 2

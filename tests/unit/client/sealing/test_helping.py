"""Who is asked for a box, and has thrown the secret away, fetches it first; and who got none asks again."""

from __future__ import annotations

from typing import Any

import pytest

from lanline.client.sealing.secrets import ASK_AGAIN_S
from lanline.client.sealing.tables import GroupTables
from lanline.storage.api import Transaction
from lanline.wire.chat.groups import BoxGiven
from unit.client.sealing.devices import Device, Town, change
from unit.client.sealing.test_private_rooms import found, ids, let_in, room


@pytest.fixture
def people(town: Town) -> tuple[Device, Device]:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.3)
    return ana, ben


def throw_away(town: Town, device: Device) -> None:
    GroupTables(device.history.database, device.keys.device_secret, device.entropy).forget()
    device.disconnect()
    device.restart()
    device.connect()
    town.pass_time(0.5)


def drop_boxes_for(town: Town, device: Device) -> None:
    def work(transaction: Transaction) -> None:
        sql = "DELETE FROM boxes WHERE kind = 1 AND recipient = ?"
        transaction.groups._connection.execute(sql, (device.member.copy.account_id,))  # type: ignore[attr-defined]

    assert town.house.engine.transact([work]) == [None]


def test_who_lets_in_after_its_caches_are_gone_gives_what_it_fetches(town: Town, people: tuple[Device, Device]) -> None:
    ana, ben = people
    place = found(town, ana)
    ana.say("the plan", place)
    throw_away(town, ana)
    town.done(ana.member.rooms.let_in(room(ana, place), ids(ben)))
    ana.disconnect()
    assert ben.texts(place) == ["the plan"]


def test_who_is_asked_and_lacks_it_itself_fetches_it_first(town: Town, people: tuple[Device, Device]) -> None:
    ana, ben = people
    pair = ana.pair(ben)
    ana.say("for two", pair)
    drop_boxes_for(town, ben)
    throw_away(town, ana)
    ana.heard(pair)
    [sealing] = ana.scopes.sealings(pair)
    assert sealing.copy.lacking()
    assert ben.texts(ben.pair(ana)) == ["for two"]


def test_who_got_no_box_asks_again_a_minute_later(town: Town, people: tuple[Device, Device]) -> None:
    ana, ben = people
    pair = ana.pair(ben)
    ana.say("for two", pair)
    bens = ben.pair(ana)
    drop_boxes_for(town, ben)
    ana.disconnect()
    assert ben.texts(bens) == ["Lacks.KEY"]
    town.pass_time(5.0)
    ana.connect()
    ana.heard(pair)
    ana.scopes.sealings(pair)
    town.pass_time(10.0)
    assert ben.texts(bens) == ["Lacks.KEY"]
    town.house.clock.pass_time(ASK_AGAIN_S)
    town.pass_time(1.0)
    assert ben.texts(bens) == ["for two"]


def test_boxes_that_are_dropped_before_they_are_looked_at_keep_nobody_from_speaking(
    town: Town, people: tuple[Device, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has asked once more meanwhile, or another program of the account has: that drops them. Who asked at each that
    comes would drop the next in its turn, without end, and do nothing else.
    """
    ana, ben = people
    ana.say("for two", ana.pair(ben))
    bens, given = ben.pair(ana), list[Any]()
    drop_boxes_for(town, ben)
    ana.heard(ana.pair(ben))
    take = ben.take

    def take_too_late(message: Any) -> None:
        if isinstance(message, BoxGiven):
            given.append(message)
            assert len(given) < 10, "it asks without end"
            drop_boxes_for(town, ben)
        take(message)

    monkeypatch.setattr(ben, "take", take_too_late)
    assert ben.texts(bens) == ["Lacks.KEY"]
    assert len(given) == 1
    ben.say("goes on", ben.pair(ben))
    monkeypatch.setattr(ben, "take", take)
    town.house.clock.pass_time(ASK_AGAIN_S)
    town.pass_time(1.0)
    assert ben.texts(bens) == ["for two"]


def test_who_is_let_into_a_room_reads_all_of_it_though_no_key_of_it_opens_all(
    town: Town, people: tuple[Device, Device]
) -> None:
    """Somebody began a key without having the one before, as who is let in and speaks at once may do."""
    ana, ben = people
    cai = Device(town, "cai", town.link(ana))
    town.pass_time(0.3)
    place = found(town, ana)
    let_in(town, ana, place, cai)
    ana.say("the plan", place)
    ana.disconnect()
    drop_boxes_for(town, cai)
    throw_away(town, cai)
    cai.say("another", place)
    ana.connect()
    town.pass_time(0.3)
    ana.disconnect()
    ana.connect()
    assert ana.texts(place) == ["the plan", "another"]
    cai.disconnect()
    town.done(ana.member.rooms.let_in(room(ana, place), ids(ben)))
    ana.disconnect()
    assert ben.texts(place) == ["the plan", "another"]


def test_a_key_that_the_servers_disk_has_damaged_stops_nobody_and_is_brought_again(
    town: Town, people: tuple[Device, Device]
) -> None:
    """Whose key it is gets no box until their own device has brought it, and the others go on."""
    ana, ben = people
    cai = Device(town, "cai", town.link(ana))
    town.pass_time(0.3)
    ben.disconnect()
    seal_hash = ana.member.copy.chain.accounts[ids(ben)[0]].generations[-1].seal_hash
    change(town, "UPDATE seal_keys SET data = zeroblob(length(data)) WHERE hash = ?", seal_hash)
    throw_away(town, ana)
    town.done(ana.member.changes.remove(ids(cai)))
    ana.say("goes on")
    assert [each for each in ana.member.copy.news if "Nothing can be sealed to the key of ben" in each]
    ben.connect()
    town.pass_time(8.0)
    assert ben.texts() == ["goes on"]

"""Talks of two and private rooms in the suite `rsa`: RSA keys of people, registered under their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import chain as one_after_the_other
from typing import Any

import pytest

from lanline.chain.reasons import Reason
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import Pair, PrivateRoom
from lanline.client.sealing.words import Lacks
from lanline.crypto.groups.rsa import RSA_BOX_BYTES, RsaKey
from lanline.errors import RequestRefused
from lanline.model.rooms import Access
from lanline.proto.channels import Channel
from lanline.wire.chat import conversations, groups
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.entries import Append
from lanline.wire.sealing.entries import RoomSuite
from unit.client.sealing.devices import Device, Town


@pytest.fixture(scope="module")
def made() -> list[RsaKey]:
    return []


@pytest.fixture(autouse=True)
def _keys_are_made_once(made: list[RsaKey], monkeypatch: pytest.MonkeyPatch) -> None:
    """For all tests here: to make one, or to take one up again from its half, takes longer than most of them."""
    generate, of_half, known = RsaKey.generate, RsaKey.of_half, {key.half: key for key in made}

    def new_ones() -> Iterator[RsaKey]:
        while True:
            made.append(generate())
            known[made[-1].half] = made[-1]
            yield made[-1]

    keys = one_after_the_other(list(made), new_ones())
    monkeypatch.setattr(RsaKey, "generate", lambda: next(keys))
    monkeypatch.setattr(RsaKey, "of_half", lambda half: known.get(half) or of_half(half))


def seal_in_rsa(town: Town, one: Device, other: Device) -> Pair:
    place = one.pair(other)
    one.heard(place)
    town.done(one.member.rooms.seal_pair_in_rsa(place))
    return place


def has_key(device: Device) -> bool:
    chain = device.member.copy.chain
    return chain.rsa_key_at(device.member.copy.account_id, chain.height) is not None


def boxes_of(town: Town, scope: bytes) -> list[tuple[Any, ...]]:
    def look(view: Any) -> list[tuple[Any, ...]]:
        rows = view.groups._connection.execute("SELECT recipient, length(data) FROM boxes WHERE scope = ?", (scope,))
        return list(rows.fetchall())

    return town.house.engine.read(look)


def found_room(town: Town, owner: Device, name: str, *guests: Device) -> PrivateRoom:
    assert owner.client is not None
    message = conversations.CreateRoom(owner.client.number(), f"#{name}", "", Access.INVITE_ONLY)
    log = owner.client.ask(message, conversations.Opened).log
    accounts = [each.member.copy.account_id for each in guests]
    town.done(owner.member.rooms.found(log, name, accounts, RoomSuite.RSA))
    return PrivateRoom(log, name)


def room_of(device: Device, place: PrivateRoom) -> RoomCopy:
    device.heard(place)
    copy = device.scopes.room(place)
    assert copy is not None
    return copy


def test_public_keys_are_registered_under_names_and_only_the_two_can_open(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, eve = three
    place = seal_in_rsa(town, ana, ben)
    chain = eve.member.copy.chain
    for who in (ana, ben):
        registered = chain.rsa_key_at(chain.names[who.name.encode()], chain.height)
        key = who.member.rsa.key(1)
        assert key is not None
        assert hashlib.sha256(key.public_bytes).digest() == registered
    ana.say("between us", place)
    ben.say("yes", ben.pair(ana))
    assert ben.texts(ben.pair(ana)) == ana.texts(place) == ["between us", "yes"]
    scope = ana.scopes.sealings(place)[0].copy.scope
    assert scope.is_rsa
    assert sorted(boxes_of(town, scope.id)) == sorted(
        (each.member.copy.account_id, RSA_BOX_BYTES) for each in (ana, ben)
    )
    assert set(eve.words.open(place, ben.heard(ben.pair(ana)))) <= {Lacks.EPOCH, Lacks.KEY}


def test_a_group_that_never_uses_the_suite_has_no_rsa_keys_and_one_that_does_gets_them(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    town.pass_time(3.0)
    assert not any(has_key(each) for each in three)
    seal_in_rsa(town, *three[:2])
    town.pass_time(3.0)
    assert all(has_key(each) for each in three)


def test_what_was_sealed_in_the_other_suite_before_stays_readable_and_nothing_after_is_believed(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    """A server that passes on what a program of the other suite says, or hides that the suite was chosen."""
    ana, ben, _ = three
    before = ana.pair(ben)
    ana.say("before", before)
    assert ben.texts(ben.pair(ana)) == ["before"]
    hybrid = ben.scopes.sealings(ben.pair(ana))[0]
    kept = ben.words.seal(ben.pair(ana), bytes(16), b"downgraded")
    assert kept is not None
    place = seal_in_rsa(town, ana, ben)
    ana.say("after", place)
    assert ben.texts(ben.pair(ana)) == ["before", "after"]
    said = ana.heard(place)
    late = said[-1]._replace(place=said[-1].place + 1, entry_id=bytes(16), author="ben", content=kept)
    assert ana.words.open(place, [late]) == [Reason.SUITE]
    assert ben.scopes.sealings(ben.pair(ana))[1].copy is hybrid.copy
    # The server's data are put back to before: the choice is remembered, and nothing is sealed in the other suite.
    ben.scopes.forget(place.log)
    ben.scopes._tables.key_entries = lambda _log: []  # type: ignore[method-assign]
    assert ben.scopes.sealings(ben.pair(ana))[0].copy.scope.is_rsa
    ben.restart()
    assert ben.scopes._rsa_pairs


def test_the_server_takes_nothing_of_the_other_suite_once_a_pair_has_this_one(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = ben.pair(ana)
    ben.say("before", place)
    sealed = [ben.words.seal(place, bytes([number] * 16), b"again") for number in range(2)]
    assert all(sealed)
    seal_in_rsa(town, ana, ben)
    assert ben.client is not None
    request = ben.client.number()
    ben._say(Append(request, place.log, bytes(16), "said/1", sealed[0] or b""))
    town.settle()
    refused = ben.client.answer(request)
    assert isinstance(refused, Refused)
    assert ben.client.place(request) is None
    # Nor a statement that begins an epoch there.
    copy = ben.scopes._logs[place.log].pairs[ana.member.copy.account_id]
    statement, _ = ben.member.secrets._context.own.epoch(copy, bytes(32))
    answer = ben.client.ask(groups.BeginEpoch(ben.client.number(), place.log, statement), Refused)
    assert Reason.SUITE.value in answer.text


def test_boxes_of_a_program_that_does_not_know_the_suite_are_refused(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = seal_in_rsa(town, ana, ben)
    scope = ana.scopes.sealings(place)[0].copy.scope
    assert ana.client is not None
    box = groups.NewBox(1, ben.member.copy.account_id, 1, bytes(1168))
    message = groups.PutBoxes(ana.client.number(), place.log, scope.id, bytes(16), (box,))
    ana.client.say(message, Channel.BULK)
    answer = ana.client.answer(message.request)
    assert isinstance(answer, Refused)
    assert "Upgrade" in answer.text


def test_with_who_has_no_rsa_key_nothing_begins_and_it_says_why(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = ana.pair(ben)
    ben.disconnect()
    with pytest.raises(RequestRefused, match="ben has no RSA key yet"):
        town.done(ana.member.rooms.seal_pair_in_rsa(place))
    with pytest.raises(RequestRefused, match="ben has no RSA key yet"):
        found_room(town, ana, "lab", ben)
    ana.say("in the other suite, then", place)
    ben.connect()
    town.pass_time(2.0)
    assert has_key(ben)
    town.done(ana.member.rooms.seal_pair_in_rsa(place))


def test_a_private_room_of_the_suite_and_who_is_let_in_reads_what_was_said_before(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, eve = three
    lab = found_room(town, ana, "lab", ben)
    ana.say("made of glass", lab)
    assert ben.texts(lab) == ["made of glass"]
    copy = room_of(ana, lab)
    assert copy.room is not None
    assert copy.room.suite is RoomSuite.RSA
    assert {size for _, size in boxes_of(town, copy.id)} == {RSA_BOX_BYTES}
    town.pass_time(2.0)
    town.done(ana.member.rooms.let_in(copy, [eve.member.copy.account_id]))
    town.pass_time(0.5)
    assert eve.texts(lab) == ["made of glass"]
    town.done(ana.member.rooms.send_away(copy, [ben.member.copy.account_id]))
    town.pass_time(0.5)
    ana.say("without ben", lab)
    assert eve.texts(lab) == ["made of glass", "without ben"]
    newest = room_of(ana, lab).sealing_epoch()
    assert newest is not None
    assert ben.member.copy.secrets.get((copy.id, newest.epoch_id)) is None


def test_after_a_device_was_taken_out_a_new_rsa_key_follows_and_the_old_one_opens_nothing_new(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = seal_in_rsa(town, ana, ben)
    ana.say("one", place)
    stolen = Device(town, "ben")
    town.pass_time(0.3)
    code = stolen.keys.code
    assert code is not None
    town.done(ben.member.devices.approve(town.done(ben.member.devices.find(code)), code))
    town.pass_time(0.5)
    assert stolen.texts(stolen.pair(ana)) == ["one"]
    assert stolen.member.rsa.key(1) is not None
    town.done(ben.member.devices.revoke([stolen.member.copy.device_id]))
    stolen.client = None
    town.pass_time(0.5)
    assert ben.member.rsa.key(2) is not None
    ana.say("two", place)
    ben.restart()
    assert ben.client is not None
    ben.disconnect()
    ben.connect()
    town.pass_time(0.5)
    assert ben.texts(ben.pair(ana)) == ["one", "two"]
    newest = ana.scopes.sealings(place)[0].copy.sealing_epoch()
    assert newest is not None
    assert (newest.scope, newest.epoch_id) not in stolen.member.copy.secrets


def test_by_the_recovery_key_a_new_device_reads_it_too(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, ben, _ = three
    words = town.done(ben.member.recovery.make())
    town.pass_time(0.3)
    place = seal_in_rsa(town, ana, ben)
    ana.say("kept", place)
    ben.disconnect()
    new = Device(town, "ben")
    town.pass_time(0.3)
    town.done(new.member.recovery.use(words))
    town.pass_time(1.0)
    assert new.texts(new.pair(ana)) == ["kept"]


def test_while_the_new_rsa_key_is_not_there_the_account_is_left_out_and_gets_its_box_afterwards(
    town: Town, three: tuple[Device, Device, Device]
) -> None:
    ana, ben, _ = three
    place = seal_in_rsa(town, ana, ben)
    ana.say("one", place)
    held = [True]
    ben.refuses = lambda message: (
        RequestRefused(1, "later") if held[0] and isinstance(message, groups.PutRsaKey) else None  # type: ignore[arg-type]
    )
    town.done(ben.member.devices.revoke([]))
    town.pass_time(0.5)
    assert not has_key(ben)
    ana.say("two", place)
    assert isinstance(ben.read(ben.pair(ana))[-1], Lacks)
    held[0] = False
    town.pass_time(8.0)
    assert has_key(ben)
    town.pass_time(2.0)
    assert ben.texts(ben.pair(ana)) == ["one", "two"]


def test_the_private_half_is_given_to_the_own_account_only(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, ben, eve = three
    seal_in_rsa(town, ana, ben)
    chain = ana.member.copy.chain
    rsa_hash = chain.rsa_key_at(ana.member.copy.account_id, chain.height)
    assert rsa_hash is not None
    for client, kind in ((ana.client, groups.Keys), (eve.client, Refused)):
        assert client is not None
        client.ask(groups.GetRsaHalf(client.number(), rsa_hash), kind)


def test_a_key_of_another_kind_is_no_rsa_key(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, _, _ = three
    assert ana.client is not None
    bad = groups.PutRsaKey(ana.client.number(), bytes(422), bytes(400))
    ana.client.say(bad)
    town.settle()
    assert isinstance(ana.client.answer(bad.request), Refused)
    seal_hash = ana.member.copy.chain.devices[ana.member.copy.device_id].seal_hash
    entry = ana.member.secrets._context.own.rsa(1, seal_hash, town.house.clock.now_ms())
    refused = ana.client.ask(groups.AppendKey(ana.client.number(), entry), Refused)
    assert "RSA key" in refused.text


def test_a_server_that_was_put_back_gets_the_rsa_keys_again(town: Town, three: tuple[Device, Device, Device]) -> None:
    ana, ben, eve = three
    seal_in_rsa(town, ana, ben)
    town.pass_time(0.5)
    chain = eve.member.copy.chain
    rsa_hash = chain.rsa_key_at(ana.member.copy.account_id, chain.height)
    assert rsa_hash is not None
    lose = "DELETE FROM seal_keys WHERE rsa_half IS NOT NULL"
    town.house.engine.transact([lambda t: t.groups._connection.execute(lose)])  # type: ignore[attr-defined]
    ana.disconnect()
    ana.member.caches._context.tables.put_chain_history("rsa", b"before it was put back")
    ana.connect()
    town.pass_time(0.5)
    assert eve.client is not None
    found = eve.client.ask(groups.GetKeys(eve.client.number(), (rsa_hash,)), groups.Keys, Channel.BULK)
    assert [hashlib.sha256(each).digest() for each in found.keys] == [rsa_hash]

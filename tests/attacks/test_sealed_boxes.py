"""Boxes that lack, that are garbage, that are for a ghost; and keys that somebody put in the place of others."""

from __future__ import annotations

import pytest

from lanline.chain.epochs import RecipientKind
from lanline.chain.reasons import Reason
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.secrets import ASK_AGAIN_S
from lanline.core import boxes
from lanline.core.changes import OPERATOR
from lanline.crypto.groups.keys import SealingKey
from lanline.errors import RefusalCode, RequestRefused
from lanline.gateways.lanline import groups as gateway
from lanline.model.groups import FOR_DEVICE
from lanline.storage.sqlite.groups import SqliteGroupsView
from lanline.wire.chat import groups
from lanline.wire.sealing.entries import Joiner, decode_joiner
from lanline.wire.sealing.strict import encode_strictly
from unit.client.sealing.devices import Device, Town, change


def make_stale(town: Town, admin: Device) -> None:
    """An open invite ends: whoever has its link reads no more."""
    before = admin.member.copy.chain.invites.keys()
    town.link(admin)
    [made] = admin.member.copy.chain.invites.keys() - before
    admin.member.changes.drop_invites([made])
    town.pass_time(0.5)


def given_by(device: Device) -> list[groups.PutBoxes]:
    given: list[groups.PutBoxes] = []
    device.refuses = lambda message: given.append(message) if isinstance(message, groups.PutBoxes) else None
    return given


def test_garbage_box_for_one_is_told_and_mended(town: Town, people: tuple[Device, Device, Device]) -> None:
    """Eve begins an epoch with a good box for everybody, and rubbish for ben."""
    ana, ben, eve = people
    ben.disconnect()
    ana.refuses = lambda message: _later() if isinstance(message, groups.ClaimEpoch) else None
    make_stale(town, ana)
    eve.member.want_epoch()
    town.pass_time(0.5)
    change(town, "UPDATE boxes SET data = ? WHERE kind = 1 AND recipient = ?", bytes(1168), ben.member.copy.account_id)
    ben.connect()
    town.pass_time(0.5)
    assert ben.epoch_id == ana.epoch_id == eve.epoch_id
    assert ben.member.copy.news == ["A key that eve began does not open here. Others are asked for it."]
    ana.say("you too")
    assert ben.texts() == ["you too"]


def test_a_member_who_is_asked_first_and_gives_rubbish_keeps_no_box_from_another(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    """Eve has been online for longer than everybody else, and answers at once, each time."""
    ana, ben, eve = people
    ben.disconnect()
    make_stale(town, ana)
    ana.say("the plan")
    change(town, "DELETE FROM boxes WHERE kind = 1 AND recipient = ?", ben.member.copy.account_id)
    ana.disconnect()
    asked = list[groups.BoxWanted]()

    def give_rubbish(message: groups.BoxWanted) -> None:
        asked.append(message)
        box = groups.NewBox(message.kind, message.recipient, 1, bytes(1168))
        for epoch_id in message.epoch_ids:
            eve.request(groups.PutBoxes(0, message.log, message.scope, epoch_id, (box,)), lambda _: None)

    eve.member.on_box_wanted = give_rubbish  # type: ignore[method-assign]
    ana.connect()
    ben.connect()
    town.pass_time(0.5)
    assert ben.texts() == ["Lacks.KEY"]
    assert asked
    town.house.clock.pass_time(ASK_AGAIN_S)
    town.pass_time(1.0)
    assert ben.texts() == ["the plan"]
    assert len(asked) == 1


def test_box_for_ghost_is_never_given(town: Town, people: tuple[Device, Device, Device]) -> None:
    """The server asks for boxes for an account, and for a device, that only it knows."""
    ana, ben, _ = people
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    ghost = Device(town, "ghost", made.result())
    town.pass_time(0.3)
    ghosts_id = decode_joiner(ana.member.changes.requests[ghost.account].joiner).sign_key
    second = Device(town, "ana")  # with the password, and not approved
    town.pass_time(0.3)
    assert second.member.standing is GroupStanding.WAITS
    given, group = given_by(ana), ana.member.copy
    scopes = {group.chain.group_id: group.log, ana.pair(ben).log.to_bytes(32, "big"): ana.pair(ben).log}
    for kind, recipient in (
        (RecipientKind.ACCOUNT, ghosts_id),
        (RecipientKind.ACCOUNT, ghost.member.copy.signer.public_bytes),
        (RecipientKind.DEVICE, second.member.copy.device_id),
        (RecipientKind.DEVICE, ghost.member.copy.device_id),
        (RecipientKind.INVITE, bytes(32)),
    ):
        for scope, log in [*scopes.items(), (group.account_id, 0)]:
            wanted = groups.BoxWanted(log, scope, tuple(group.epochs), kind, recipient)
            ana.member.on_box_wanted(wanted)
            town.settle()
    assert given == []
    assert ghost.epoch_id is second.epoch_id is None


def test_a_device_that_only_the_server_knows_reads_nothing(town: Town, people: tuple[Device, Device, Device]) -> None:
    """The server gives a device of its own to ana's account, in its tables."""
    ana, ben, _ = people
    ghost = Device(town, "ana")
    town.pass_time(0.3)
    ana.say("among us")
    ben.say("so be it")
    town.pass_time(1.0)
    ghost.member.want_epoch()
    town.pass_time(0.5)
    assert ghost.epoch_id is None
    boxes_of = town.house.engine.transact(
        [lambda t: t.groups._connection.execute("SELECT kind, recipient FROM boxes").fetchall()]  # type: ignore[attr-defined]
    )[0]
    assert not [each for each in boxes_of if each[1][:16] == ghost.member.copy.device_id]  # type: ignore[union-attr]


def test_first_boxes_cannot_be_squatted(town: Town, people: tuple[Device, Device, Device]) -> None:
    """Eve fills the places of a seed that is to come, and of an epoch that ana is about to begin."""
    ana, ben, eve = people
    wanted: list[groups.PutBoxes] = []
    real = ana.request

    def squat(message: object, on_answer: object) -> None:
        if isinstance(message, groups.PutBoxes) and message.log:
            wanted.append(message)
            rubbish = tuple(
                groups.NewBox(each.kind, each.recipient, each.generation, bytes(1168)) for each in message.boxes
            )
            assert eve.client is not None
            for _ in range(5):
                eve._say(groups.PutBoxes(eve.client.number(), message.log, message.scope, message.epoch_id, rubbish))
            town.house.settle()
        real(message, on_answer)  # type: ignore[arg-type]

    ana.request = squat  # type: ignore[method-assign]
    make_stale(town, ana)
    assert wanted
    assert ana.epoch_id == wanted[-1].epoch_id
    town.pass_time(0.5)
    assert ben.epoch_id == ana.epoch_id
    # The seed of somebody who comes is brought by that one, whatever others have brought for it before.
    cai = Device(town, "cai", town.link(ana), joins=False)
    assert eve.client is not None
    account_id = cai.member.copy.signer.public_bytes
    for number in range(8):
        box = groups.NewBox(FOR_DEVICE, cai.member.copy.device_id.ljust(32, b"\0"), 1, bytes(1168))
        eve._say(groups.PutBoxes(eve.client.number(), 0, account_id, number.to_bytes(16, "big"), (box,)))
    town.settle()
    cai.join(cai.keys.invite, settles=True)
    town.pass_time(0.5)
    assert cai.member.standing is GroupStanding.MEMBER
    assert cai.epoch_id == ana.epoch_id


def test_key_that_cannot_be_sealed_to_stops_nobody(
    town: Town, people: tuple[Device, Device, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server lets it in, and says that all have a box. The others begin anew; who is left out is told."""
    ana, ben, eve = people
    bad = SealingKey.of_generation(eve.member._context.seeds[1]).public_bytes[:1184] + bytes(32)
    with pytest.raises(Exception, match="Nothing can be sealed"):
        gateway._check_sealable(bad)
    hashed = eve.member._context.me.seal_hash
    for each in (ana, ben):
        each.member._context.tables.put_keys({hashed: bad})
    monkeypatch.setattr(boxes.BeginEpoch, "_lacking", staticmethod(lambda *_: ()))
    before = ana.epoch_id
    make_stale(town, ana)
    assert ana.epoch_id == ben.epoch_id
    assert ana.epoch_id not in {None, before}
    assert "Nothing can be sealed to the key of eve, who reads nothing new." in ana.member.copy.news
    ana.say("on we talk")
    assert ben.texts() == ["on we talk"]


def test_a_sealing_key_that_the_server_puts_in_the_place_of_another_is_sealed_nothing_to(
    town: Town, people: tuple[Device, Device, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the chain is its hash, and that is compared."""
    ana, ben, _ = people
    servers = SealingKey.of_generation(b"s" * 32).public_bytes
    monkeypatch.setattr(SqliteGroupsView, "keys", lambda _, hashes: dict.fromkeys(hashes, servers))
    ana.history.database.read("DELETE FROM seal_keys")
    given = given_by(ana)
    before = ana.epoch_id
    make_stale(town, ana)
    assert not [box for message in given for box in message.boxes if box.kind == RecipientKind.ACCOUNT]
    assert "Nothing can be sealed to the key of ben, who reads nothing new." in ana.member.copy.news
    assert ana.epoch_id in {None, before}
    assert ben.epoch_id in {None, before}


def test_substituted_keys_of_who_asks_to_be_let_in_show_in_the_words(town: Town) -> None:
    """The server puts its own keys under the name of somebody who waits. The words that both compare are others."""
    ana = town.founder()
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    ben = Device(town, "ben", made.result())
    town.pass_time(0.3)
    true = decode_joiner(ana.member.changes.requests[ben.account].joiner)
    [asker] = ana.member.changes.askers
    assert asker.words == ben.member.words
    servers = Device(town, "mallory", joins=False)
    swapped = encode_strictly(Joiner(true.name, servers.member.copy.signer.public_bytes, *_rest(true)))
    signed = servers.member.copy.signer.sign(_request(ana.member.copy.chain.group_id) + swapped)
    change(town, "UPDATE entry_requests SET joiner = ?, signature = ?", swapped, signed)
    town.done(ana.member.changes.look_who_asks())
    [asker] = ana.member.changes.askers
    assert asker.words != ben.member.words
    # With the true signature under other keys, or the other way round, nobody comes in at all.
    change(town, "UPDATE entry_requests SET signature = ?", bytes(64))
    town.done(ana.member.changes.look_who_asks())
    with pytest.raises(Exception, match=Reason.SIGNATURE.value):
        town.done(ana.member.changes.admit(ben.account))
    assert not ana.member.copy.chain.names.keys() & {b"ben"}


def _later() -> RequestRefused:
    return RequestRefused(RefusalCode.STALE_KEYS, "later", 60.0)


def _rest(joiner: Joiner) -> tuple[bytes, bytes, bytes]:
    return joiner.seal_hash, joiner.link_fingerprint, joiner.generation_hash


def _request(group_id: bytes) -> bytes:
    from lanline.crypto.groups import ids  # noqa: PLC0415 -- as the server would sign

    return ids.REQUEST + group_id

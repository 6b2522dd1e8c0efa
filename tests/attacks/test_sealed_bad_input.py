"""Links that are damaged, used up or dropped, damaged keys, a group that nobody has founded, the last admin gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lanline.client.chat.sealed.alarms import alarms_kept_in
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.ownentries import INVITE_SECRET_BYTES, InviteKeys
from lanline.client.sealing.words import Body, Lacks
from lanline.errors import RefusalCode, RequestRefused
from lanline.wire.chat import groups
from lanline.wire.sealing.entries import Role
from unit.client.chat.village import Process, Village
from unit.client.sealing.devices import Device, Town


def invite_of(token: bytes) -> bytes:
    return InviteKeys.of(token[:INVITE_SECRET_BYTES]).id


def test_a_link_damaged_in_one_letter_lets_nobody_into_anything(town: Town) -> None:
    """Its secret: the server knows no such link. What it says of the group: this is not that group."""
    ana = town.founder()
    for place in (0, 7, 15, 16, 24, 31):
        token = town.link(ana)
        damaged = bytearray(token)
        damaged[place] ^= 1
        guest = Device(town, f"guest{place}", bytes(damaged), joins=False)
        if place < INVITE_SECRET_BYTES:
            with pytest.raises(AssertionError, match="not of this server"):
                guest.join(bytes(damaged), settles=True)
            continue
        guest.join(bytes(damaged), settles=True)
        town.pass_time(0.2)
        assert guest.member.standing is not GroupStanding.MEMBER
        assert "not of this group" in guest.member.refusal
        assert guest.epoch_id is None
        town.done(ana.member.changes.drop_invites([invite_of(token)]))


def test_a_link_that_was_dropped_or_used_up_is_refused_in_a_sentence(town: Town) -> None:
    ana = town.founder()
    dropped, used = town.link(ana), town.link(ana, uses=1)
    town.done(ana.member.changes.drop_invites([invite_of(dropped)]))
    first = Device(town, "first", used)
    town.pass_time(0.2)
    assert first.member.standing is GroupStanding.MEMBER
    for token in (dropped, used):
        late = Device(town, "late", token, joins=False)
        with pytest.raises(AssertionError, match="not of this server"):
            late.join(token, settles=True)


def test_a_link_that_is_dropped_while_somebody_comes_by_it_leaves_them_asking(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana)
    ben = Device(town, "ben", token, joins=False)
    kept = [RequestRefused(RefusalCode.SLOW_DOWN, "later", 1.0)]
    ben.refuses = lambda message: kept.pop() if kept and isinstance(message, groups.AppendKey) else None
    ben.join(token, settles=True)
    town.done(ana.member.changes.drop_invites([invite_of(token)]))
    town.pass_time(12.0)
    assert ben.member.standing is not GroupStanding.MEMBER
    assert ben.member.refusal
    assert ben.epoch_id is None
    assert [each.name for each in ana.member.changes.askers] == ["ben"]
    town.done(ana.member.changes.admit(ben.account))
    town.pass_time(6.0)
    assert ben.member.standing is GroupStanding.MEMBER
    assert ben.epoch_id == ana.epoch_id


def test_before_a_group_is_founded_nothing_is_sealed_and_nobody_waits(town: Town) -> None:
    made = town.house.server.core.make_first_invite(3600)
    town.house.settle()
    ana = Device(town, "ana", made.result(), joins=False)
    ana.join(made.result(), settles=False)
    ana.member.end_link()
    guests = Device(town, "ben", _ordinary(town))
    town.pass_time(0.5)
    assert guests.member.standing is GroupStanding.NO_GROUP
    assert guests.member.is_settled
    assert not guests.member.knows_group
    assert guests.words.seal(guests.lobby, bytes(16), b"to whom?") is None


def _ordinary(town: Town) -> bytes:
    from lanline.core.changes import OPERATOR  # noqa: PLC0415 -- as the server's own command

    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    return made.result()


def test_when_the_last_admin_is_gone_the_next_one_rules_and_lets_in(town: Town) -> None:
    ana = town.founder()
    ben, eve = (Device(town, name, town.link(ana)) for name in ("ben", "eve"))
    town.pass_time(0.2)
    ana.say("goodbye")
    ana.member.changes.remove([ana.member.copy.account_id])
    town.pass_time(1.0)
    copy = ben.member.copy
    assert copy.chain.admins == {copy.account_id}
    assert ben.client is not None
    ben.disconnect()
    ben.connect()
    town.pass_time(0.5)
    assert ben.is_admin
    cai = Device(town, "cai", town.done(ben.member.changes.make_invite(1, 3_600_000, Role.ADMIN)))
    town.pass_time(0.5)
    assert cai.texts() == ["goodbye"]
    town.done(ben.member.changes.remove([eve.member.copy.account_id]))
    cai.say("without eve")
    assert ben.texts() == ["goodbye", "without eve"]


def test_the_only_admin_of_the_group_is_not_unmade(town: Town) -> None:
    """The next one would rule, and where there is none the same again: and both would be told otherwise."""
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    height = ana.member.copy.chain.height
    with pytest.raises(RequestRefused, match="There is no other admin of the group"):
        town.done(ana.member.changes.set_role(ana.member.copy.account_id, Role.MEMBER))
    assert ana.member.copy.chain.height == height
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    town.done(ana.member.changes.set_role(ana.member.copy.account_id, Role.MEMBER))
    assert ana.member.copy.chain.admins == {ben.member.copy.account_id}


def test_a_message_that_cannot_be_opened_is_mended_when_its_key_comes(town: Town) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    ana.say("later, then")
    ben.disconnect()
    ana.disconnect()
    town.house.engine.transact([lambda t: t.groups._connection.execute("DELETE FROM boxes WHERE kind = 1")])  # type: ignore[attr-defined]
    ben.history.database.read("DELETE FROM epoch_secrets")
    ben.restart()
    ben.connect()
    town.pass_time(1.0)
    assert ben.read() == [Lacks.KEY]
    assert "key has not come" in Lacks.KEY.value
    ana.connect()
    town.pass_time(8.0)
    ben.disconnect()
    ben.connect()
    town.pass_time(1.0)
    [outcome] = ben.read()
    assert isinstance(outcome, Body)
    assert outcome.body == b"later, then"


@pytest.mark.parametrize("name", [b"home", b"h\xe4me"])
def test_damaged_keys_are_told_to_who_comes_next_and_only_once(tmp_path: Path, name: bytes) -> None:
    """Nobody is there when the file is read: whoever looks first at what is going on hears of it."""
    village = Village(tmp_path, 1)
    home, chance = village.homes[0], village.chance.randbytes
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    secret = Keystore.open(folder, chance).device_secret
    (folder / "keys.json").write_bytes(b'{"device_secret": ')
    for _ in range(2):
        store = Keystore.open(folder, chance)
        assert store.device_secret == secret
        home.keys = DeviceKeys(store, home.link, chance)
        process = Process(home)
        store.note_told()  # as a client of a home does, once it stands among its alarms
        process.node.reader.set_audience(is_there=True)
        process.crash()
        [told] = home.warnings
        assert told.endswith("were damaged or gone. Their last good copy was taken.")
    assert [each.kind for each in alarms_kept_in(home.path, 9)] == ["keys"]
    village.house.stop()

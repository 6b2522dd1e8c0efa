"""Devices in a group on a server that cannot read it: they found, come in, read at once, and mend what is lacking."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.tables import GroupTables
from lanline.core.changes import OPERATOR
from lanline.errors import IdentityProblem, RefusalCode, RequestRefused
from lanline.wire.chat import groups
from lanline.wire.chat.groups import RequestCame, WaitingRequest
from lanline.wire.sealing.entries import KEY_SUITE, Role, decode_entry, encode_entry
from unit.client.sealing.devices import Device, Town, came


def test_the_first_admin_founds_the_group_with_a_recovery_key_and_an_epoch(town: Town) -> None:
    ana = town.founder()
    assert ana.member.standing is GroupStanding.MEMBER
    assert ana.member.copy.chain.has_recovery_key(ana.member.copy.account_id)
    assert ana.member.entering.recovery_words is not None
    assert ana.epoch_id is not None


def test_who_joins_by_a_link_reads_with_nobody_online(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana)
    ana.disconnect()
    ben = Device(town, "ben", token)
    town.pass_time(0.2)
    assert ben.member.standing is GroupStanding.MEMBER
    assert ben.epoch_id == ana.epoch_id
    assert ben.keys.invite is None


def test_on_a_full_disk_what_is_seen_of_the_group_counts_at_once_and_is_kept_later(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana), tmp_path)
    town.pass_time(0.2)

    def no_room(_store: Keystore) -> None:
        raise IdentityProblem("No space left on device.")

    with monkeypatch.context() as full:
        full.setattr(Keystore, "save", lambda store: no_room(store) if store is ben.keys else None)
        town.link(ana)
        town.pass_time(0.2)
        assert ben.member.copy.chain.height == ana.member.copy.chain.height
        assert Keystore.open(tmp_path, ben.entropy).height < ben.member.copy.chain.height
    town.link(ana)
    town.pass_time(0.2)
    assert Keystore.open(tmp_path, ben.entropy).height == ana.member.copy.chain.height


def test_who_may_not_invite_is_told_so_in_plain_words(town: Town) -> None:
    ben = Device(town, "ben", town.link(town.founder()))
    town.pass_time(0.2)
    with pytest.raises(RequestRefused, match="Only admins of the group"):
        town.done(ben.member.changes.make_invite(1, 3_600_000))


def test_a_server_without_the_invites_box_is_mended_by_who_is_online(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana)
    town.house.engine.transact([lambda t: t.groups._connection.execute("DELETE FROM boxes WHERE kind = 2")])  # type: ignore[attr-defined]
    ben = Device(town, "ben", token)
    town.pass_time(0.2)
    assert ben.epoch_id == ana.epoch_id


def test_a_removal_begins_the_next_epoch_which_the_removed_does_not_get(town: Town) -> None:
    ana = town.founder()
    ben, eve = (Device(town, name, town.link(ana)) for name in ("ben", "eve"))
    town.pass_time(0.2)
    before = ana.epoch_id
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    town.pass_time(0.2)
    assert ana.epoch_id == ben.epoch_id
    assert ana.epoch_id not in {None, before}
    assert eve.epoch_id in {None, before}


def test_a_newcomer_reads_the_past_by_the_newest_epoch(town: Town) -> None:
    ana = town.founder()
    first = ana.epoch_id
    eve = Device(town, "eve", town.link(ana))
    town.pass_time(0.2)
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    assert first is not None
    assert ben.epoch_id != first
    assert ben.member.copy.secret(first) == ana.member.copy.secret(first)


def test_caches_thrown_away_are_made_anew(town: Town) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    ana.disconnect()
    ben.disconnect()
    GroupTables(ben.history.database, ben.keys.device_secret, ben.entropy).forget()
    ben.restart()
    ben.connect()
    town.pass_time(0.2)
    assert ben.epoch_id == ana.epoch_id
    assert ben.member.copy.is_member


def test_what_the_last_start_kept_and_had_not_judged_is_judged_by_the_next(town: Town) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    tables = GroupTables(ben.history.database, ben.keys.device_secret, ben.entropy)
    assert 0 < tables.checked_to() < ben.member.copy.sequence
    sequence, suite, content = [each for each in tables.items() if each[1] == KEY_SUITE][-1]
    assert sequence > tables.checked_to()
    signed = decode_entry(content)
    forged = encode_entry(signed.body, signed.device_id, bytes(64), signed.use_signature)
    with ben.history.database.write() as writer:
        writer.execute("INSERT OR REPLACE INTO chain_items VALUES (?, ?, ?)", (sequence, suite, forged))
    ben.disconnect()
    ben.restart()
    assert ben.member.copy.broken is not None


def test_who_comes_by_the_servers_own_link_asks_and_an_admin_lets_in(town: Town) -> None:
    ana = town.founder()
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    ben = Device(town, "ben", made.result())
    town.pass_time(0.2)
    assert ben.member.standing is GroupStanding.ASKS
    assert list(ana.member.changes.requests) == [ben.account]
    assert ben.epoch_id is None
    town.done(ana.member.changes.admit(ben.account))
    town.pass_time(0.2)
    assert ben.member.standing is GroupStanding.MEMBER
    assert ben.epoch_id == ana.epoch_id
    assert ana.member.changes.requests == {}


def test_who_was_let_in_by_another_admin_is_not_asked_about_any_more(town: Town) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    made = town.house.server.core.make_invite(OPERATOR)
    town.house.settle()
    eve = Device(town, "eve", made.result())
    town.pass_time(0.2)
    assert [each.name for each in ana.member.changes.askers] == ["eve"]
    town.done(ben.member.changes.admit(eve.account))
    town.pass_time(0.2)
    assert ana.member.changes.askers == ()


def test_what_a_server_makes_up_as_requests_is_left_and_of_too_many_the_oldest_go(town: Town) -> None:
    ana = town.founder()
    ana.member.on_request(RequestCame(WaitingRequest(7, b"no joiner", b"", 0)))
    assert ana.member.changes.askers == ()
    joiner = ana.member._context.own.joiner("eve", ana.member._context.own.device_key)
    for number in range(8, 2000):
        ana.member.on_request(RequestCame(WaitingRequest(number, joiner, b"", 0)))
    assert 0 < len(ana.member.changes.requests) <= 1000


def test_on_an_open_server_anyone_comes_in_and_is_given_what_there_is_to_read(tmp_path: Path) -> None:
    town = Town(tmp_path / "open", is_open=True)
    ana = town.founder()
    ben = Device(town, "ben")
    town.pass_time(0.2)
    assert ben.member.standing is GroupStanding.MEMBER
    assert ben.epoch_id == ana.epoch_id
    town.close()


def test_a_home_copied_while_it_came_in_reads_with_the_seed_by_which_the_other_came_in(town: Town) -> None:
    """Each has made one, and only one stands in the chain."""
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana), settles=False)
    copied = Device(town, "ben", joins=False)
    copied.keys, copied.link = ben.keys, ben.link
    ben.disconnect()
    for each in (ben, copied):
        each.restart()
        each.connect(settles=False)
    town.pass_time(0.1)
    first = ana.epoch_id
    town.done(ana.member.changes.remove([came(town, "eve", ana).member.copy.account_id]))
    town.pass_time(10.0)
    assert first != ana.epoch_id
    for each in (ben, copied):
        assert first is not None
        assert each.member.copy.secret(first) == ana.member.copy.secret(first)
        assert each.epoch_id == ana.epoch_id
    assert list(copied.member._context.tables.seeds().values()) == list(ben.member._context.seeds.values())


def test_a_link_damaged_in_its_head_joins_nothing(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana)
    ben = Device(town, "ben", token[:-1] + bytes([token[-1] ^ 1]))
    town.pass_time(0.2)
    assert ben.member.standing is not GroupStanding.MEMBER
    assert "not of this group" in ben.member.refusal


def test_a_device_knows_of_the_group_before_it_has_its_chain_and_whatever_the_server_says_later(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana)
    cai = Device(town, "cai", token, settles=False)
    assert cai.member.knows_group
    town.pass_time(0.2)
    nothing = groups.GroupIs(0, 0, 0, 0, bytes(32))
    cai.member.on_group(nothing)
    assert cai.member.knows_group
    assert cai.words.seal(cai.lobby, bytes(16), b"said") is None
    assert "older state" in cai.member.problem


def test_a_question_that_was_refused_is_asked_again(town: Town) -> None:
    ana = town.founder()
    ben = Device(town, "ben", town.link(ana))
    town.pass_time(0.2)
    ben.disconnect()
    left = [RequestRefused(RefusalCode.SLOW_DOWN, "later", 1.0)]
    ben.refuses = lambda _message: left.pop() if left else None
    ben.restart()
    ben.connect()
    town.pass_time(6.0)
    assert ben.epoch_id == ana.epoch_id


def test_many_who_join_at_once_all_come_in(town: Town) -> None:
    ana = town.founder()
    token = town.link(ana, uses=8)
    devices = [Device(town, f"guest{number}", token) for number in range(8)]
    town.pass_time(1.0)
    assert {each.member.standing for each in devices} == {GroupStanding.MEMBER}
    assert {each.epoch_id for each in devices} == {ana.epoch_id}


def test_keys_on_the_disk_are_for_nobody_else_and_come_back(town: Town, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    ana = town.founder(folder=home)
    path = home / "keys.json"
    assert path.stat().st_mode & 0o777 == 0o600
    again = Keystore.open(home, ana.entropy)
    assert (again.device_secret, again.head) == (ana.keys.device_secret, ana.member.copy.chain.head)

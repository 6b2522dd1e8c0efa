"""The key of one's own account was turned after a backup, which is put back; and all that can be is computed anew.

Who has one device only has no other that could give it anything.
"""

from __future__ import annotations

import pytest

from attacks.test_sealed_restores import Backups, connect, make_backups, wait
from lanline.model.groups import FOR_DEVICE
from lanline.storage.api import Transaction
from lanline.wire.sealing.entries import Role
from unit.client.sealing.devices import Device, Town, came
from unit.client.sealing.test_devices import further

__all__ = ["make_backups"]


def compute_anew(town: Town, device: Device) -> None:
    """`lanline doctor --keys`: it ends the link, and the next one brings what the server has."""
    if device.client is not None:
        device.disconnect()
    device.member.caches.throw_away()
    device.connect()
    town.pass_time(1.0)


def boxes_for(town: Town, device_id: bytes) -> set[int]:
    """Of which generations."""

    def work(transaction: Transaction) -> list[tuple[int]]:
        sql = "SELECT generation FROM boxes WHERE kind = ? AND recipient = ?"
        rows = transaction.groups._connection.execute(sql, (FOR_DEVICE, device_id.ljust(32, b"\0")))  # type: ignore[attr-defined]
        return list(rows.fetchall())

    [found] = town.house.engine.transact([work])
    return {each for (each,) in found}  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["before the restore", "while it gathers", "after it", "each time"])
@pytest.mark.parametrize("is_alone", [False, True])
@pytest.mark.parametrize("thief_comes", ["first", "last", "never"])
def test_an_only_device_whose_account_turned_since_the_backup_reads_on_after_all_is_computed_anew(
    town: Town, backups: Backups, when: str, thief_comes: str, *, is_alone: bool
) -> None:
    ana = town.founder()
    thief = further(town, ana)
    stolen = thief.member.copy.device_id
    others = [] if is_alone else [came(town, "ben", ana)]
    ana.say("before")
    kept = backups.make()
    town.done(ana.member.devices.revoke([stolen]))
    thief.client = None
    ana.say("since")
    turned, news = ana.member.copy.chain, ana.member.copy.news
    assert ana.texts() == ["before", "since"]
    for each in others:
        assert each.texts() == ["before", "since"]
    if when in {"before the restore", "each time"}:
        ana.disconnect()
        ana.member.caches.throw_away()
    told = len(news)
    backups.put_back(kept)
    if thief_comes == "first":
        connect(town, thief)
    connect(town, ana, *others)
    if when in {"while it gathers", "each time"}:
        compute_anew(town, ana)
    if thief_comes == "last":
        connect(town, thief)
    wait(town)
    if when in {"after it", "each time"}:
        compute_anew(town, ana)
    assert ana.member.copy.chain.head_at(turned.height) == turned.head
    assert ana.member.copy.chain.live_device(stolen) is None
    assert [each.member.problem for each in (ana, *others)] == [""] * (1 + len(others))
    assert ana.member.copy.news[told:] == []
    assert ana.member.is_current
    assert set(ana.member._context.seeds) == {1, 2}
    ana.say("after")
    town.pass_time(1.0)
    readers = [ana, *others]
    said = [each.texts() for each in readers]
    assert [each[0] for each in said] == ["before"] * len(readers)
    assert [each[-1] for each in said] == ["after"] * len(readers)
    assert 2 not in boxes_for(town, stolen)
    assert ana.epoch_id is not None
    assert thief.member.copy.secret(ana.epoch_id) is None


@pytest.mark.parametrize("when", ["before the restore", "before it is decided", "after it", "each time"])
def test_a_turn_that_the_chain_went_on_without_is_made_anew_and_only_its_own_seed_counts(
    town: Town, backups: Backups, when: str
) -> None:
    """Of one number there are two: that of the branch which was put aside opens nothing, and keeps out nothing."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    thief = further(town, ana)
    stolen = thief.member.copy.device_id
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    ana.say("before")
    for each in (ben, thief):
        each.disconnect()
    kept = backups.make()
    town.done(ana.member.devices.revoke([stolen]))
    aside = ana.member._context.seeds[2]
    if when in {"before the restore", "each time"}:
        ana.disconnect()
        ana.member.caches.throw_away()
    backups.put_back(kept)
    connect(town, ben, thief)
    wait(town)
    town.link(ben)
    thief.disconnect()
    connect(town, ana)
    assert ana.member.copy.forked_at is not None
    if when in {"before it is decided", "each time"}:
        compute_anew(town, ana)
        assert ana.member.copy.forked_at is not None, "what it has seen it holds the server to"
    ana.member.decisions.accept()
    town.pass_time(1.0)
    if when in {"after it", "each time"}:
        compute_anew(town, ana)
    assert ana.member.problem == ""
    assert ana.member.copy.chain.live_device(stolen) is None
    assert set(ana.member._context.seeds) == {1, 2}
    assert ana.member._context.seeds[2] != aside
    ana.say("only mine")
    assert ana.texts() == ben.texts() == ["before", "only mine"]
    assert ana.epoch_id is not None
    assert thief.member.copy.secret(ana.epoch_id) is None

"""The seeds of an own account: two devices that turn at once, one that lies about what was before, and a chain that
goes away and comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lanline.client.sealing.devices as thiefs
from attacks.test_sealed_restores import Backups, connect, make_backups, wait
from lanline.client.sealing.groupcopy import LAST_NOT_SHOWN
from lanline.crypto.groups.epochs import seal_prior
from lanline.model.groups import FOR_DEVICE
from lanline.ticket import Steps, follow
from lanline.wire.sealing.entries import Role
from unit.client.sealing.devices import Device, Town, came, change
from unit.client.sealing.test_devices import code_of, further

__all__ = ["make_backups"]


def between(device: Device, happens: Callable[[], object]) -> None:
    """The next time that it has given a new seed to those who stay, and before it signs that."""
    secrets, context = device.member.devices._secrets, device.member._context
    real = secrets.put_seed

    def put_seed(*given: Any) -> Steps[None]:
        yield from real(*given)
        secrets.put_seed = real  # type: ignore[method-assign]
        height = context.copy.chain.height
        happens()
        yield from context.server.wait_until(lambda: context.copy.chain.height > height)

    secrets.put_seed = put_seed  # type: ignore[method-assign, assignment]


def test_two_devices_that_take_out_one_each_at_once_both_read_and_neither_of_those_does(town: Town) -> None:
    """A server that minds nothing would have taken a key of which only who is gone has the seed."""
    ana = town.founder()
    second, lost, stolen = (further(town, ana) for _ in range(3))
    between(ana, lambda: second.member.devices.revoke([stolen.member.copy.device_id]))
    town.done(ana.member.devices.revoke([lost.member.copy.device_id]))
    town.pass_time(10.0)
    account = ana.member.copy.chain.accounts[ana.member.copy.account_id]
    assert len(account.generations) == 3
    assert all(each.prior is not None for each in account.generations[1:])
    for each in (ana, second):
        assert set(each.member._context.seeds) == {1, 2, 3}
        assert each.member._context.has_newest_seed
        assert each.member.refusal == ""
    for each in (lost, stolen):
        assert not each.member._context.has_newest_seed
    ana.say("ours")
    assert second.texts() == ["ours"]


def test_who_lets_a_device_in_while_another_one_turns_gives_it_the_newest_seed(town: Town) -> None:
    ana = town.founder()
    second, lost = further(town, ana), further(town, ana)
    new = Device(town, "ana")
    town.pass_time(0.2)
    waiting = town.done(ana.member.devices.find(code_of(new)))
    once = ana.member.devices._add_once

    def then_turned(*given: Any) -> Steps[None]:
        context = ana.member._context
        yield from once(*given)
        second.member.devices.revoke([lost.member.copy.device_id])
        yield from context.server.wait_until(lambda: not context.has_newest_seed)

    ana.member.devices._add_once = then_turned  # type: ignore[method-assign]
    town.done(ana.member.devices.approve(waiting, code_of(new)))
    town.pass_time(1.0)
    assert all(set(each.member._context.seeds) == {1, 2} for each in (ana, second, new))


def test_a_false_seed_of_before_takes_no_true_one_away(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thief's device, not found out yet, turns the key, and says that another seed was there before."""
    ana = town.founder()
    thief, ben = further(town, ana), came(town, "ben", ana)
    first = ana.member._context.seeds[1]
    ben.say("before")
    with monkeypatch.context() as patched:
        patched.setattr(thiefs, "seal_prior", lambda *given: seal_prior(*given[:3], bytes(32)))
        town.done(follow(thief.member.devices.take_out((), thief.member.copy.signer)))
    town.pass_time(1.0)
    assert ana.member._context.has_newest_seed
    assert ana.member._context.seeds[1] == first
    assert ana.member._context.tables.seeds()[1] == first


def test_a_seed_of_a_branch_that_was_put_aside_is_there_when_that_branch_comes_back(
    town: Town, backups: Backups
) -> None:
    """A server that shows another chain for a while, and then keeps back what it was given for the true one."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    thief = further(town, ana)
    stolen = thief.member.copy.device_id
    for each in (ben, thief):
        each.disconnect()
    kept = backups.make()
    town.done(ana.member.devices.revoke([stolen]))
    true, generations = ana.member._context.seeds[2], ana.member._context._generations
    other = backups.make()
    backups.put_back(kept)
    connect(town, thief)
    wait(town)
    town.done(follow(thief.member.devices.take_out((), thief.member.copy.signer)))
    thief.disconnect()
    connect(town, ana)
    assert ana.member.copy.forked_at is not None
    ana.member.decisions.accept()
    town.pass_time(1.0)
    assert ana.member._context.seeds.get(2) != true
    backups.put_back(other)
    change(town, "DELETE FROM boxes WHERE kind = ?", FOR_DEVICE)
    connect(town, ana)
    ana.member.decisions.accept()
    town.pass_time(1.0)
    assert ana.member._context._generations[:2] == generations
    assert ana.member._context.seeds[2] == true


def test_a_home_whose_copy_is_behind_what_it_has_seen_signs_nothing_on_an_older_state(
    town: Town, backups: Backups
) -> None:
    """Its database is gone and its keys are not, and a server shows it what was before it took a device out."""
    ana = town.founder()
    lost = further(town, ana)
    kept = backups.make()
    town.done(ana.member.devices.revoke([lost.member.copy.device_id]))
    height = ana.member.copy.chain.height
    backups.put_back(kept, says_so=False)
    with ana.history.database.write() as writer:
        for table in ("chain_items", "chain_states", "account_seeds", "epoch_secrets", "facts"):
            writer.execute(f"DELETE FROM {table}")
    ana.restart()
    connect(town, ana)
    town.pass_time(2.0)
    assert ana.member.problem == LAST_NOT_SHOWN
    assert ana.member.copy.chain.height < height
    ana.member.decisions.accept()
    town.pass_time(2.0)
    assert ana.member.problem == "", "its person has said that this is right"
    assert ana.member.copy.chain.live_device(lost.member.copy.device_id) is None


def test_a_seed_of_a_branch_that_was_put_aside_is_not_missed_when_all_is_computed_anew(
    town: Town, backups: Backups
) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    ben.disconnect()
    kept = backups.make()
    town.done(follow(ana.member.devices.take_out((), ana.member.copy.signer)))
    backups.put_back(kept)
    connect(town, ben)
    wait(town)
    town.link(ben)
    connect(town, ana)
    ana.member.decisions.accept()
    town.pass_time(1.0)
    caches = ana.member.caches
    before = caches.named([ana.lobby])
    assert set(before.seeds) == {1}
    ana.disconnect()
    caches.throw_away()
    connect(town, ana)
    assert caches.is_kept(before)

"""The server is put back to an older state of its data: its clients mend it, and nobody comes back by that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.owncoming import COMES_ANEW
from lanline.core.chaingathering import WAIT_S
from lanline.core.history import end_history
from lanline.errors import RefusalCode, RequestRefused
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.wire.chat import groups, signin
from lanline.wire.chat.answers import Refused
from lanline.wire.sealing.entries import Role
from unit.client.sealing.devices import Device, Town, came
from unit.client.sealing.test_devices import further


class Backups:
    def __init__(self, town: Town, folder: Path) -> None:
        self._town = town
        self._data, self._kept = folder / "data", folder / "kept"
        self._count = 0

    def _stop(self) -> None:
        for device in self._town.devices:
            if device.client is not None:
                device.disconnect()
        self._town.house.stop()

    def make(self) -> Path:
        """While nobody is there; all come again."""
        online = [each for each in self._town.devices if each.client is not None]
        self._stop()
        self._count += 1
        kept = self._kept / str(self._count)
        shutil.copytree(self._data, kept)
        self._start(online)
        return kept

    def put_back(self, kept: Path, *, says_so: bool = True) -> None:
        """Nobody is online afterwards. `says_so`: a lying server does not."""
        self._stop()
        shutil.copytree(kept, self._data, dirs_exist_ok=True)
        for suffix in ("-wal", "-shm"):
            if not (kept / f"{FILE_NAME}{suffix}").exists():
                (self._data / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
        self._town.house.start()
        if says_so:
            self._town.house.engine.transact([end_history])
        self._town.house.stop()
        self._start([])

    def _start(self, online: list[Device]) -> None:
        self._town.house.start()
        self._town.house.clients.clear()
        for device in online:
            device.connect()
        self._town.pass_time(0.2)


@pytest.fixture(name="backups")
def make_backups(town: Town, tmp_path: Path) -> Backups:
    return Backups(town, tmp_path)


def wait(town: Town) -> None:
    town.house.clock.pass_time(WAIT_S)
    town.pass_time(1.0)


def connect(town: Town, *devices: Device) -> None:
    for device in devices:
        device.connect()
    town.pass_time(0.5)


def test_restored_server_is_mended_by_clients(town: Town, backups: Backups) -> None:
    """In the midst of a busy day: one was sent away, one came, one has a new right, and a link was made."""
    ana = town.founder()
    ben, eve, cai = (came(town, name, ana) for name in ("ben", "eve", "cai"))
    kept = backups.make()
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    dan = came(town, "dan", ana)
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    chain = ana.member.copy.chain
    backups.put_back(kept)
    connect(town, ana, ben, cai)
    with pytest.raises(RequestRefused, match="older state"):
        town.done(ana.member.changes.set_role(cai.member.copy.account_id, Role.ADMIN))
    assert "by which eve can read again" in ana.member.problem
    client = town.house.greet(dan.link)
    refused = client.ask(signin.SignIn(client.number()), Refused)
    assert (refused.known_code, refused.retry_after_ms) == (RefusalCode.SLOW_DOWN, 15_000), "it calls again by itself"
    assert "older than this device" in refused.text
    client.hang_up()
    assert ana.words.seal(ana.lobby, bytes(16), b"not for eve") is None
    wait(town)
    assert [each.member.copy.chain.head for each in (ana, ben, cai)] == [chain.head] * 3
    assert [each.member.problem for each in (ana, ben, cai)] == [""] * 3
    with pytest.raises(AssertionError, match="banned"):
        eve.connect()
    dan.connect()  # its account was lost with the rest, and is made again by the key of its link
    town.pass_time(0.5)
    assert dan.member.is_current
    ana.say("we are all here again")
    assert [each.texts()[-1] for each in (ben, cai, dan)] == ["we are all here again"] * 3
    town.done(ben.member.changes.set_role(dan.member.copy.account_id, Role.ADMIN))
    assert dan.member.copy.account_id in ana.member.copy.chain.admins


def test_where_all_devices_are_there_nobody_waits_for_ten_minutes(town: Town, backups: Backups) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    kept = backups.make()
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    backups.put_back(kept)
    connect(town, ben, ana)
    town.done(ben.member.changes.make_invite(1, 3_600_000))
    assert ben.member.copy.account_id in ana.member.copy.chain.admins


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_is_a_year_off_changes_nothing_of_what_is_mended(town: Town, backups: Backups, years: int) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    kept = backups.make()
    eve = came(town, "eve", ana)
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    backups.put_back(kept)
    town.house.clock.offset_ms += years * 365 * 86_400_000
    connect(town, ben)
    wait(town)
    connect(town, ana)
    town.done(ben.member.changes.make_invite(1, 3_600_000))
    assert not ana.member.copy.chain.is_member(eve.member.copy.account_id)
    assert ben.member.copy.account_id in ana.member.copy.chain.admins


def test_two_restores_in_a_row_are_mended_like_one(town: Town, backups: Backups) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    kept = backups.make()
    eve = came(town, "eve", ana)
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    head = ana.member.copy.chain.head
    backups.put_back(kept)
    connect(town, ana)  # it offers, and before that is taken the server is put back once more
    backups.put_back(kept)
    connect(town, ben, ana)
    wait(town)
    assert [each.member.copy.chain.head for each in (ana, ben)] == [head] * 2
    assert town.house.server.core.gathering.shown().is_gathering is False


def test_removed_admin_who_comes_first_does_not_win(town: Town, backups: Backups) -> None:
    """Eve was an admin, and is gone since the backup; she removes the others on what the server has."""
    ana = town.founder()
    ben, cai, eve = (came(town, name, ana) for name in ("ben", "cai", "eve"))
    town.done(ana.member.changes.set_role(eve.member.copy.account_id, Role.ADMIN))
    kept = backups.make()
    eve.disconnect()
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    head = ana.member.copy.chain.head
    backups.put_back(kept)
    connect(town, eve)  # who has never seen her own end
    with pytest.raises(RequestRefused) as refused:
        town.done(eve.member.changes.remove([ana.member.copy.account_id, ben.member.copy.account_id]))
    assert refused.value.code is RefusalCode.SLOW_DOWN
    connect(town, ana, ben, cai)
    wait(town)
    assert town.house.server.core.gathering._own.head == head
    assert not ana.member.copy.chain.is_member(eve.member.copy.account_id)


def test_ended_invite_and_device_stay_ended(town: Town, backups: Backups) -> None:
    """Nobody but ana has seen it, so the server's older state stands: she seals to neither."""
    ana = town.founder()
    ben, cai, eve = (came(town, name, ana) for name in ("ben", "cai", "eve"))
    for each in (ben, cai, eve):
        each.disconnect()
    kept = backups.make()
    invite_id = next(each for each, invite in ana.member.copy.chain.invites.items() if invite.uses_left > 1)
    town.done(ana.member.changes.drop_invites([invite_id]))
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    backups.put_back(kept)
    connect(town, ben, cai, eve)
    wait(town)
    connect(town, ana)
    assert ana.member.copy.chain.is_member(ben.member.copy.account_id)
    assert {invite_id, eve.member.copy.account_id} <= ana.keys.ended
    assert not ana.member.copy.chain.is_member(eve.member.copy.account_id)
    assert not eve.member.copy.chain.is_member(eve.member.copy.account_id), "what ana offered lengthens the chain"


def test_branch_that_ended_everybody_is_undone_by_name(town: Town, backups: Backups) -> None:
    """Who accepts another branch seals to nobody whose end was seen on the own one, before each is named."""
    ana = town.founder()
    ben, cai, dan = (came(town, name, ana) for name in ("ben", "cai", "dan"))
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    for each in (ben, cai, dan):
        each.disconnect()
    kept = backups.make()
    gone = [each.member.copy.account_id for each in (cai, dan)]
    town.done(ana.member.changes.remove(gone))
    backups.put_back(kept)
    connect(town, ben, cai, dan)
    wait(town)
    town.link(ben)  # the chain goes on without what ana has seen
    connect(town, ana)
    copy = ana.member.copy
    assert copy.forked_at is not None
    assert "Gone by what this device has seen: cai, dan" in ana.member.problem
    assert ana.words.seal(ana.lobby, bytes(16), b"nothing") is None
    ana.member.decisions.accept()
    town.pass_time(0.5)
    assert "cai, dan can read again" in ana.member.problem
    for number, each in enumerate(gone):
        assert ana.words.seal(ana.lobby, bytes(16), b"nothing") is None, number
        ana.member.decisions.take_back(each)
    town.pass_time(0.5)
    assert ana.member.problem == ""
    ana.disconnect()
    ana.restart()
    ana.connect()
    town.pass_time(0.5)
    ana.say("all are back")
    assert cai.texts()[-1] == dan.texts()[-1] == "all are back"


def test_a_device_that_ended_on_a_branch_that_was_put_aside_is_taken_out_again_by_its_owner(
    town: Town, backups: Backups
) -> None:
    """By itself, and before anything is said: it has the key of the account that others seal to."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    thief = further(town, ana)
    stolen = thief.member.copy.device_id
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    for each in (ben, thief):
        each.disconnect()
    kept = backups.make()
    town.done(ana.member.devices.revoke([stolen]))
    backups.put_back(kept)
    connect(town, ben, thief)
    wait(town)
    town.link(ben)  # the chain goes on without what ana has seen
    thief.disconnect()
    connect(town, ana)
    assert ana.member.copy.forked_at is not None
    ana.member.decisions.accept()
    assert ana.words.seal(ana.lobby, bytes(16), b"nothing") is None
    town.pass_time(1.0)
    for each in (ana, ben):
        assert each.member.copy.chain.live_device(stolen) is None
        assert len(each.member.copy.chain.accounts[ana.member.copy.account_id].generations) == 2
    assert ana.member.problem == ""
    ana.say("only mine")
    assert ben.texts()[-1] == "only mine"


def test_who_is_removed_while_a_member_fetches_keys_gets_no_box(town: Town) -> None:
    """The server lets the keys wait until the removal is there: the epoch names it, and so do its readers."""
    ana = town.founder()
    ben, eve = (came(town, name, ana) for name in ("ben", "eve"))
    with ben.history.database.write() as writer:
        writer.execute("DELETE FROM seal_keys")
    gone, held, given = eve.member.copy.account_id, list[Any](), list[bytes]()
    take, say = ben.take, ben._say

    def hold(message: Any) -> None:
        if isinstance(message, groups.Keys):
            held.append(message)
        else:
            take(message)

    def note(message: Any) -> None:
        if isinstance(message, groups.PutBoxes):
            given.extend(each.recipient for each in message.boxes)
        say(message)

    ben.take, ben._say = hold, note  # type: ignore[method-assign]
    ben.member.copy.sealing_epoch = lambda: None  # type: ignore[method-assign]
    ben.member.want_epoch()
    town.settle()
    assert held
    town.done(ana.member.changes.remove([gone]))
    assert not ben.member.copy.chain.is_member(gone)
    for message in held:
        take(message)
    town.pass_time(0.5)
    assert ana.member.copy.account_id in given
    assert gone not in given


def test_who_had_only_just_come_in_brings_the_keys_that_the_server_has_lost(town: Town, backups: Backups) -> None:
    ana = town.founder()
    ben = came(town, "ben", ana)
    kept, link = backups.make(), town.link(ana)
    eve = Device(town, "eve", link, settles=False)
    while b"eve" not in ana.member.copy.chain.names:  # her program ends before it hears that she is in
        town.house.settle()
        ana.pump()
        if b"eve" not in ana.member.copy.chain.names:
            eve.pump()
    eve.disconnect()
    backups.put_back(kept)
    connect(town, ana, ben)
    wait(town)
    ana.say("eve is back")
    eve.restart()
    connect(town, eve)
    eve.texts()  # she asks for the key
    town.pass_time(1.0)
    assert eve.texts()[-1] == "eve is back"


def came_unseen(town: Town, backups: Backups) -> tuple[Device, Device, Device]:
    """Eve comes in while nobody else is there, and the backup has her account, and not that she came."""
    ana = town.founder()
    ben = came(town, "ben", ana)
    link = town.link(ana)
    for each in (ana, ben):
        each.disconnect()
    eve = Device(town, "eve", link, settles=False)
    kept = backups.make()
    assert eve.member.copy.is_member
    backups.put_back(kept)
    return ana, ben, eve


def test_whose_coming_was_lost_comes_in_again_when_the_server_has_gathered(town: Town, backups: Backups) -> None:
    ana, ben, eve = came_unseen(town, backups)
    connect(town, eve, ana)
    head = eve.member.copy.chain.head
    town.pass_time(10.0)
    connect(town, ben)  # now all are there
    town.pass_time(61.0)
    assert [each.member.copy.chain.head for each in (ana, ben, eve)] == [head] * 3
    ana.say("eve is here")
    assert eve.texts()[-1] == "eve is here"


@pytest.mark.parametrize("goes_on", [False, True])
def test_whose_coming_was_lost_and_cannot_stand_any_more_comes_in_anew(
    town: Town, backups: Backups, *, goes_on: bool
) -> None:
    """It is too old by now, or something else stands in its place."""
    ana, ben, eve = came_unseen(town, backups)
    connect(town, ana, ben)
    wait(town)
    if goes_on:
        town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    connect(town, eve)
    assert eve.member.problem == ""
    assert eve.member.standing is GroupStanding.ASKS
    assert eve.member.copy.news[-1] == COMES_ANEW
    town.done(ana.member.changes.admit(next(iter(ana.member.changes.requests))))
    eve.say("once more")
    assert ana.texts()[-1] == "once more"


@pytest.mark.parametrize(("says_so", "is_seen"), [(False, False), (True, True), (False, True)])
def test_who_came_last_is_not_put_out_by_a_server_and_one_member(
    town: Town, backups: Backups, *, says_so: bool, is_seen: bool
) -> None:
    """Something else is signed in the place of her coming. Where no restore is claimed, or others have talked with her,
    it is a fork: she is told, and is asked.
    """
    ana = town.founder()
    ben = came(town, "ben", ana)
    link = town.link(ana)
    ana.disconnect()  # so her device does not know, as that of a member who is with the server
    eve = Device(town, "eve", link, settles=False)
    kept = backups.make()
    town.pass_time(2.0)
    if is_seen:
        ben.say("hello")
        assert eve.texts() == ["hello"]
    backups.put_back(kept, says_so=says_so)
    connect(town, ana)
    wait(town)
    town.done(ana.member.changes.make_invite(1, 10**9))
    assert not ana.member.copy.chain.is_member(eve.member.copy.account_id)
    eve.restart()
    connect(town, eve)
    assert "another past of the group" in eve.member.problem
    assert eve.member.copy.is_member
    eve.member.decisions.accept()
    town.pass_time(1.0)
    assert eve.member.standing is GroupStanding.ASKS

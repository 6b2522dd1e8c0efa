"""After a restore somebody makes a branch longer by what nobody signed, or by accounts and devices of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.test_sealed_restores import Backups, came_unseen, connect, make_backups, wait
from grouphouse.people import DeviceKeys, InviteKeys, Person, Story, stub_of
from lanline.client.sealing.member import GroupStanding
from lanline.client.sealing.scopes import PrivateRoom
from lanline.core.takenbranch import Item
from lanline.wire.chat import groups, offers
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import STUB_SUITE, MakeInvite, RemoveFromRoom, Role
from unit.client.sealing.devices import Device, Town, came
from unit.client.sealing.test_devices import further
from unit.client.sealing.test_private_rooms import found, ids, let_in, room, send_away

__all__ = ["make_backups"]


def made_up(device: Device, room_id: bytes, content: bytes = b"nothing") -> Item:
    """A stub that nobody has signed, of a room that this device knows."""
    height = device.member.copy.chain.height + 1
    return STUB_SUITE, stub_of(room_id, height, content)


def offer(town: Town, device: Device, *items: Item, in_full: bytes | None = None) -> None:
    """By a hostile program: what its chain has behind the server's, and these."""
    own = device.member.copy
    client = town.house.sign_in(device.link)
    state = client.ask(groups.AskGroup(client.number()), groups.GroupIs)
    if in_full is not None:
        client.say(offers.OfferRoomKeys(client.number(), (in_full,)))
    lost = [offers.OfferedItem(*each) for each in (*own.items_after(state.height), *items)]
    assert len(lost) == own.chain.height - state.height + len(items)
    client.ask(offers.OfferKeys(client.number(), state.height, tuple(lost), is_last=True), Done)
    client.hang_up()


def with_a_board(town: Town, backups: Backups) -> tuple[list[Device], PrivateRoom, Path]:
    """Ana owns it, ben, cai and eve are in it; since the backup somebody has come, whom all have seen."""
    ana = town.founder()
    people = [ana, *(came(town, name, ana) for name in ("ben", "cai", "eve"))]
    board = found(town, ana)
    let_in(town, ana, board, *people[1:])
    ana.say("before", board)
    kept = backups.make()
    came(town, "dan", ana)
    return people, board, kept


def test_stubs_that_one_account_makes_up_lengthen_no_chain_and_close_no_room(town: Town, backups: Backups) -> None:
    """Who knows a room could close it for good, or have everybody read 10,000 items more; before or after the vote."""
    [ana, ben, cai, eve], board, kept = with_a_board(town, backups)
    true, [forged] = ana.member.copy.chain, [made_up(eve, room(eve, board).id)]
    backups.put_back(kept)
    offer(town, eve, forged)
    connect(town, ana, ben, cai)
    wait(town)
    offer(town, eve, forged)
    town.pass_time(1.0)
    assert town.house.server.core.gathering._own.head == true.head
    assert [each.member.copy.chain.head for each in (ana, ben, cai)] == [true.head] * 3
    ana.say("on we talk", board)
    assert ben.texts(board)[-1] == "on we talk"
    town.link(ana)  # and the chain goes on


@pytest.mark.parametrize("when", ["before the vote", "after it"])
def test_an_entry_of_a_room_that_one_account_alone_brings_is_taken_where_it_holds(
    town: Town, backups: Backups, when: str
) -> None:
    """Ana has sent cai away, and nobody has seen it; eve, who may not, says that she has sent ben away."""
    [ana, ben, cai, eve], board, kept = with_a_board(town, backups)
    copy = room(eve, board)
    chain, accounts = eve.member.copy.chain, tuple(ids(ben))
    body = RemoveFromRoom(chain.group_id, chain.height + 1, chain.head, town.house.clock.now_ms(), copy.id, accounts)
    false = eve.member._context.own._signed(body)
    for each in (ben, cai, eve):
        each.disconnect()
    send_away(town, ana, board, cai)
    [true] = room(ana, board)._contents(chain.height).values()
    mine = ana.member.copy.chain
    backups.put_back(kept)
    with ana.history.database.write() as writer:
        writer.execute("INSERT INTO kept_room_entries VALUES (?, ?)", (bytes(32), true))
    if when == "before the vote":
        offer(town, eve, made_up(eve, copy.id))
        connect(town, ana, ben, cai)
        wait(town)
    else:
        connect(town, ben, cai, eve)
        wait(town)
        offer(town, eve, made_up(eve, copy.id, false), in_full=false)
        connect(town, ana)
    town.pass_time(1.0)
    assert town.house.server.core.gathering._own.head == mine.head
    assert room(ben, board).room is not None
    assert ids(cai)[0] not in room(ben, board).room.members
    ana.say("without cai", board)
    assert ben.texts(board)[-1] == "without cai"


def test_accounts_and_devices_of_ones_own_making_lengthen_no_branch(town: Town, backups: Backups) -> None:
    """Eve was removed since the backup. She lets in five of her own on what it has; two devices tell of it."""
    ana = town.founder()
    ben, _, eve = (came(town, name, ana) for name in ("ben", "cai", "eve"))
    town.done(ana.member.changes.set_role(eve.member.copy.account_id, Role.ADMIN))
    phone = further(town, eve)
    kept = backups.make()
    eve.disconnect()
    phone.disconnect()
    invite, story = InviteKeys("hers", seals=True), Story(eve.member.copy.chain, time_ms=town.house.clock.now_ms())
    maker = DeviceKeys(eve.keys.device_secret)
    assert (
        story.write(
            MakeInvite,
            maker,
            verify_key=invite.signer.public_bytes,
            seal_hash=invite.seal_hash,
            uses=5,
            until_ms=story.time_ms + 10**6,
            role=Role.MEMBER,
        )
        is None
    )
    for number in range(5):
        assert story.join(Person(f"sham{number}"), invite) is None
    town.done(ana.member.changes.remove([eve.member.copy.account_id]))
    head = ana.member.copy.chain.head
    backups.put_back(kept)
    for device in (eve, phone):
        offer(town, device, *story.log)
    connect(town, ana, ben)
    wait(town)
    assert town.house.server.core.gathering._own.head == head
    assert not ben.member.copy.chain.is_member(eve.member.copy.account_id)
    assert b"sham0" not in ben.member.copy.chain.names


def test_a_home_from_before_the_note_of_its_coming_sees_the_fork_and_comes_in_when_told_to(
    town: Town, backups: Backups
) -> None:
    """An honest restore. Nothing on its disk tells that from a server which would put it out: its person decides."""
    ana, ben, eve = came_unseen(town, backups)
    connect(town, ana, ben)
    wait(town)
    town.done(ana.member.changes.set_role(ben.member.copy.account_id, Role.ADMIN))
    eve.history.database.run("DELETE FROM facts WHERE name = 'chain coming'")
    eve.restart()
    connect(town, eve)
    assert "another past of the group" in eve.member.problem
    assert "lanline chain" in eve.member.problem
    assert eve.words.seal(eve.lobby, bytes(16), b"nothing") is None
    eve.member.decisions.accept()
    town.pass_time(1.0)
    assert eve.member.standing is GroupStanding.ASKS
    town.done(ana.member.changes.admit(next(iter(ana.member.changes.requests))))
    eve.say("once more")
    assert ana.texts()[-1] == "once more"

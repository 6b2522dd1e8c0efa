"""Rooms, memberships, conversations of two."""

from __future__ import annotations

import msgspec
import pytest

from lanline.errors import NameTaken, RecordMissing
from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor, LogId, LogKind
from lanline.model.rooms import Access, Direct, Membership, Role, Room, Standing
from storage.shelf import Shelf, new_entry


def test_room_has_its_creator_as_owner(shelf: Shelf) -> None:
    ann = shelf.add_account("ann").id
    lab = shelf.write(lambda t: t.rooms.create("#lab", "tea", Access.INVITE_ONLY, ann, 5))
    assert lab == Room(lab.log, "#lab", "tea", Access.INVITE_ONLY, ann, 5)
    shelf.reopen()
    assert shelf.read(lambda v: v.rooms.by_log(lab.log)) == lab
    assert shelf.read(lambda v: v.rooms.by_name("#LAB")) == lab
    assert shelf.read(lambda v: v.rooms.members(lab.log)) == [Membership(lab.log, ann, Role.OWNER)]
    assert shelf.read(lambda v: v.rooms.by_name("#crew")) is None


def test_taken_room_name_is_refused_and_leaves_nothing(shelf: Shelf) -> None:
    ann = shelf.add_account("ann").id
    lab = shelf.create_room("#lab", ann)
    for name in ("#lab", "#1ab"):
        with pytest.raises(NameTaken, match="#lab"):
            shelf.create_room(name, ann)
    assert shelf.read(lambda v: v.rooms.all()) == [lab]
    assert shelf.read(lambda v: v.logs.log(LogId(lab.log + 1))) is None


def test_room_needs_its_creator(shelf: Shelf) -> None:
    with pytest.raises(RecordMissing):
        shelf.create_room("#lab", AccountId(99))
    assert shelf.read(lambda v: v.rooms.all()) == []


def test_room_changes_its_name_topic_and_access(shelf: Shelf) -> None:
    ann = shelf.add_account("ann").id
    lab, crew = shelf.create_room("#lab", ann), shelf.create_room("#crew", ann)
    changed = msgspec.structs.replace(lab, name="#Lab2", topic="moved", access=Access.INVITE_ONLY)
    shelf.write(lambda t: t.rooms.change(changed))
    assert shelf.read(lambda v: v.rooms.all()) == [changed, crew]
    with pytest.raises(NameTaken):
        shelf.write(lambda t: t.rooms.change(msgspec.structs.replace(crew, name="#lab2")))
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.rooms.change(msgspec.structs.replace(lab, log=LogId(99), name="#new")))


def test_membership_is_put_changed_and_dropped(shelf: Shelf) -> None:
    ann, bob = shelf.add_account("ann").id, shelf.add_account("bob").id
    lab, crew = shelf.create_room("#lab", ann).log, shelf.create_room("#crew", bob).log
    for membership in (
        Membership(lab, bob, standing=Standing.INVITED, invited_by=ann),
        Membership(lab, bob, Role.MODERATOR, is_muted=True),
        Membership(lab, bob, standing=Standing.BANNED),
    ):
        shelf.write(lambda t, membership=membership: t.rooms.put_membership(membership))
        assert shelf.read(lambda v: v.rooms.membership(lab, bob)) == membership
    assert shelf.read(lambda v: v.rooms.membership(crew, bob)) == Membership(crew, bob, Role.OWNER)
    shelf.write(lambda t: t.rooms.drop_membership(lab, bob))
    shelf.write(lambda t: t.rooms.drop_membership(lab, bob))
    assert shelf.read(lambda v: v.rooms.membership(lab, bob)) is None
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.rooms.put_membership(Membership(LogId(99), bob)))


def test_invitations_are_found_by_their_maker_until_they_are_used(shelf: Shelf) -> None:
    ann, bob, cyd = (shelf.add_account(name).id for name in ("ann", "bob", "cyd"))
    lab = shelf.create_room("#lab", ann).log
    invited = Membership(lab, bob, standing=Standing.INVITED, invited_by=ann)
    shelf.write(lambda t: t.rooms.put_membership(invited))
    shelf.write(lambda t: t.rooms.put_membership(Membership(lab, cyd, standing=Standing.INVITED, invited_by=bob)))
    assert shelf.read(lambda v: v.rooms.invitations(ann)) == [invited]
    shelf.write(lambda t: t.rooms.put_membership(Membership(lab, bob)))
    assert shelf.read(lambda v: v.rooms.invitations(ann)) == []


def test_two_have_one_conversation_whoever_opens_it(shelf: Shelf) -> None:
    ann, bob = shelf.add_account("ann").id, shelf.add_account("bob").id
    assert shelf.read(lambda v: v.rooms.direct_between(ann, bob)) is None
    direct = shelf.write(lambda t: t.rooms.open_direct(bob, ann))
    notes = shelf.write(lambda t: t.rooms.open_direct(ann, ann))
    assert direct == Direct(direct.log, ann, bob)
    assert shelf.write(lambda t: t.rooms.open_direct(ann, bob)) == direct
    assert shelf.read(lambda v: v.rooms.direct_between(bob, ann)) == direct
    assert shelf.read(lambda v: v.rooms.direct(direct.log)) == direct
    assert shelf.read(lambda v: v.rooms.directs(ann)) == [direct, notes]
    assert shelf.read(lambda v: v.rooms.directs(bob)) == [direct]
    log = shelf.read(lambda v: v.logs.log(direct.log))
    assert log is not None
    assert log.kind is LogKind.DIRECT
    assert shelf.read(lambda v: v.rooms.by_log(direct.log)) is None


def test_of_a_room_that_ended_nothing_is_left_but_what_is_still_to_go(shelf: Shelf) -> None:
    ann, log = shelf.add_account("ann"), shelf.create_room("#lab", AccountId(1)).log
    device = shelf.add_device(ann.id, b"ann")
    shelf.append([new_entry(log, number) for number in range(3)])
    shelf.write(lambda t: t.logs.advance(log, device.id, Cursor(3, 3)))
    shelf.write(lambda t: t.groups.found_room(log, b"r" * 32))
    shelf.write(lambda t: t.rooms.end(log))
    assert shelf.read(lambda v: (v.rooms.by_log(log), v.rooms.by_name("#lab"), v.rooms.members(log))) == (
        None,
        None,
        [],
    )
    assert shelf.read(lambda v: (v.groups.private_rooms(), v.logs.cursors(log))) == ([], {})
    assert [shelf.write(lambda t: t.logs.forget_ended(2)) for _ in range(3)] == [2, 1, 0]
    assert shelf.entries(log) == []
    assert shelf.create_room("#lab", AccountId(1)).log != log

"""A private room is for those whom its own members have signed in, by entries of which the others see stubs only."""

from __future__ import annotations

import pytest

from lanline.chain.reasons import Reason
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import OpenRoom, PrivateRoom
from lanline.client.sealing.words import Body, Lacks
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.rooms import Access, Role
from lanline.wire.chat import conversations, entries, groups
from lanline.wire.sealing.entries import RoomRole
from unit.client.sealing.devices import Device, Town


@pytest.fixture
def people(town: Town) -> tuple[Device, Device, Device]:
    ana = town.founder()
    others = [Device(town, name, town.link(ana)) for name in ("ben", "cai")]
    town.pass_time(0.2)
    return ana, others[0], others[1]


def found(town: Town, owner: Device, name: str = "board") -> PrivateRoom:
    assert owner.client is not None
    message = conversations.CreateRoom(owner.client.number(), f"#{name}", "", Access.INVITE_ONLY)
    place = PrivateRoom(owner.client.ask(message, conversations.Opened).log, name)
    town.done(owner.member.rooms.found(place.log, name, ()))
    owner.heard(place)
    return place


def room(device: Device, place: PrivateRoom) -> RoomCopy:
    device.heard(place)
    copy = device.scopes.room(place)
    assert copy is not None
    return copy


def ids(*devices: Device) -> list[bytes]:
    return [each.member.copy.account_id for each in devices]


def let_in(town: Town, by: Device, place: PrivateRoom, *devices: Device) -> None:
    town.done(by.member.rooms.let_in(room(by, place), ids(*devices)))
    town.pass_time(0.1)


def send_away(town: Town, by: Device, place: PrivateRoom, *devices: Device) -> None:
    town.done(by.member.rooms.send_away(room(by, place), ids(*devices)))
    town.pass_time(0.2)


def test_who_is_let_in_reads_what_was_said_before_and_an_admin_outside_nothing(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, cai = people
    place = found(town, ben)
    ben.say("the plan", place)
    let_in(town, ben, place, cai)
    cai.say("I see", place)
    assert ben.texts(place) == cai.texts(place) == ["the plan", "I see"]
    # Ana is admin of the group and of the server. Somebody shows her all there is of the room.
    assert ana.client is not None
    follow = entries.Follow(place.log, 0)
    ana.client.say(follow)
    assert ana.client.entries(place.log) == []
    assert set(ana.words.open(place, ben.heard(place))) <= {Lacks.EPOCH, Lacks.KEY}


def test_who_is_sent_away_reads_no_more_and_the_next_epoch_begins_at_once(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    _, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    ben.say("before", place)
    assert cai.texts(place) == ["before"]
    before = room(ben, place).sealing_epoch()
    send_away(town, ben, place, cai)
    after = room(ben, place).sealing_epoch()
    assert before is not None
    assert after is not None
    assert after.epoch_id != before.epoch_id
    ben.say("after", place)
    assert ben.texts(place) == ["before", "after"]
    for each in ben.client.entries(place.log) if ben.client else []:
        cai.scopes.add(place.log, each.sequence, each.suite, each.content)
    town.settle()
    assert not isinstance(cai.words.open(place, ben.heard(place))[1], Body)
    assert cai.words.seal(place, bytes(16), b"still here") is None


def test_roles_are_the_entries_word_and_the_servers_table_follows(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    with pytest.raises(RequestRefused):
        town.done(cai.member.rooms.let_in(room(cai, place), ids(ana)))
    town.done(ben.member.rooms.set_role(room(ben, place), ids(cai)[0], RoomRole.MODERATOR))
    let_in(town, cai, place, ana)
    members = town.house.engine.read(lambda view: {each.account: each.role for each in view.rooms.members(place.log)})  # type: ignore[arg-type]
    assert members == {ben.account: Role.OWNER, cai.account: Role.MODERATOR, ana.account: Role.MEMBER}
    send_away(town, ben, place, ben)
    members = town.house.engine.read(lambda view: {each.account: each.role for each in view.rooms.members(place.log)})  # type: ignore[arg-type]
    assert members == {cai.account: Role.OWNER, ana.account: Role.MEMBER}
    assert room(cai, place).room is not None


def test_who_leaves_the_group_leaves_its_rooms(town: Town, people: tuple[Device, Device, Device]) -> None:
    ana, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    town.done(ana.member.changes.remove(ids(ben)))
    town.pass_time(0.2)
    members = town.house.engine.read(lambda view: {each.account: each.role for each in view.rooms.members(place.log)})  # type: ignore[arg-type]
    assert members == {cai.account: Role.OWNER}
    cai.say("alone now", place)
    assert cai.texts(place) == ["alone now"]


@pytest.mark.parametrize("what", ["leave", "invite", "role", "away", "open", "ban", "topic"])
def test_an_admin_outside_and_the_server_have_no_say(
    town: Town, people: tuple[Device, Device, Device], what: str
) -> None:
    ana, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    log = place.log
    for by in (ana, ben):
        assert by.client is not None
        number = by.client.number()
        message = {
            "leave": conversations.LeaveRoom(number, log),
            "invite": conversations.InviteToRoom(number, log, ana.account),
            "role": conversations.SetRole(number, log, cai.account, Role.OWNER),
            "away": conversations.SendAway(number, log, cai.account),
            "open": conversations.SetAccess(number, log, Access.OPEN),
            "ban": conversations.SetBannedFromRoom(number, log, cai.account, True),
            "topic": conversations.SetTopic(number, log, "for all to read"),
        }[what]
        assert by.client.refusal(message) in {RefusalCode.NOT_ALLOWED, RefusalCode.UNKNOWN_CONVERSATION}


def test_stub_without_its_entry_stops_that_room_only(town: Town, people: tuple[Device, Device, Device]) -> None:
    """The server keeps back a removal: who does not have it seals nothing in that room, and talks on elsewhere."""
    _, ben, cai = people
    place, other = found(town, ben), found(town, ben, "other")
    let_in(town, ben, place, cai)
    let_in(town, ben, other, cai)
    cai.say("here", place)
    cai.say("there", other)
    for each in (place, other):
        room(cai, each)
    town.done(ben.member.rooms.send_away(room(ben, place), ids(cai)))
    copy = cai.scopes.room(place)  # what founded it is here; the removal is not
    assert copy is not None
    assert not copy.is_complete
    assert cai.words.seal(place, bytes(16), b"kept behind") is None
    assert cai.words.seal(other, bytes(16), b"on we talk") is not None
    assert cai.words.seal(cai.lobby, bytes(16), b"on we talk") is not None


def test_a_room_that_the_server_calls_open_or_another_stays_the_private_one(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    _, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    assert "board" in ben.scopes.pinned  # before anything of it has come back
    cai.heard(place)
    assert cai.scopes.is_private(place.log, "board")
    assert cai.texts(place) == []
    assert "board" in cai.scopes.pinned
    cai.restart()
    assert cai.scopes.pinned == {"board": room(ben, place).id}
    # A member on the server's side founds another of this name, and the server shows it in place of the first.
    other = found(town, ben, "decoy")
    content = (
        next(each.content for each in ben.client.entries(other.log) if each.suite == "key/1") if ben.client else b""
    )
    cai.scopes.add(999, 1, "key/1", content)
    shown = PrivateRoom(999, "board")
    assert cai.scopes.room(shown) is None
    assert cai.scopes.is_another(shown)


def test_words_are_taken_from_members_of_the_room_under_its_epoch_only(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    ben.say("sealed", place)
    assert cai.client is not None
    content = cai.words.seal(cai.lobby, bytes(16), b"under the group's")
    assert content is not None
    request = cai.client.number()
    cai.send(entries.Append(request, place.log, bytes(16), "said/1", content))
    town.settle()
    assert cai.client.answer(request).known_code is RefusalCode.STALE_KEYS
    cai.client.say(groups.GiveUp(bytes(16)))
    request = cai.client.append(place.log, 5, b"plain")
    assert cai.client.answer(request).known_code is RefusalCode.STALE_KEYS
    assert ana.client is not None
    request = ana.client.append(place.log, 6, b"plain")
    assert ana.client.answer(request).known_code is RefusalCode.UNKNOWN_CONVERSATION


def test_a_room_that_becomes_private_keeps_its_past_and_nothing_later_is_under_the_groups_epoch(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    ana, ben, cai = people
    assert ben.client is not None
    log = ben.client.ask(conversations.CreateRoom(ben.client.number(), "#lab"), conversations.Opened).log
    assert cai.client is not None
    cai.client.ask(conversations.JoinRoom(cai.client.number(), "#lab"), conversations.Opened)
    ben.say("in the open", OpenRoom(log, "lab"))
    late = cai.words.seal(OpenRoom(log, "lab"), bytes(16), b"too late")
    assert late is not None
    town.done(ben.member.rooms.found(log, "lab", ids(cai)))
    place = PrivateRoom(log, "lab")
    ben.say("closed", place)
    assert cai.texts(place) == ["in the open", "closed"]
    # Somebody on the server's side puts under the group's epoch what comes after.
    [said] = [each for each in cai.heard(place) if each.place == 1]
    moved = said._replace(place=99, entry_id=bytes(16), content=late, author="cai")
    assert cai.words.open(place, [moved]) == [Reason.SCOPE]
    assert ana.words.seal(PrivateRoom(log, "lab"), bytes(16), b"outside") is None


def test_an_entry_that_the_server_makes_up_does_not_keep_the_true_one_out(
    town: Town, people: tuple[Device, Device, Device]
) -> None:
    _, ben, cai = people
    place = found(town, ben)
    let_in(town, ben, place, cai)
    assert ben.client is not None
    ben.heard(place)
    by_place = {each.sequence: each for each in ben.client.entries(place.log)}
    founding, true = by_place[1], by_place[2]
    forged = true.content[:-2] + bytes([true.content[-2] ^ 1]) + true.content[-1:]
    cai.scopes.add(place.log, 1, "key/1", founding.content)
    cai.scopes.add(place.log, 2, "key/1", forged)
    copy = cai.scopes.room(place)
    assert copy is not None
    assert not copy.is_complete
    cai.scopes.add(place.log, 3, "key/1", true.content)
    copy = cai.scopes.room(place)
    assert copy is not None
    assert copy.is_complete
    assert copy.is_in

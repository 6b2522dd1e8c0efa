"""Rooms and conversations of two: who may what, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lanline.errors import RefusalCode
from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat import admin, answers, conversations, entries
from serverhouse.house import Client, House

OpenHouse = Callable[..., House]


def create(client: Client, name: str = "#lab", access: Access = Access.OPEN, topic: str = "") -> int:
    return client.ask(conversations.CreateRoom(client.number(), name, topic, access), conversations.Opened).log


def enter(client: Client, name: str = "#lab") -> int:
    return client.ask(conversations.JoinRoom(client.number(), name), conversations.Opened).log


def do(client: Client, kind: Any, *fields: Any, **named: Any) -> RefusalCode | None:
    """None: it was done."""
    message = kind(client.number(), *fields, **named)
    client.say(message)
    answer = client.answer(message.request)
    return answer.known_code if isinstance(answer, answers.Refused) else None


def me(client: Client, log: int) -> conversations.Member:
    member = client.conversations()[log].me
    assert member is not None
    return member


def rooms(client: Client) -> dict[str, int]:
    listed = client.ask(conversations.ListRooms(client.number()), conversations.Rooms).rooms
    return {room.name: room.members for room in listed}


def members(client: Client, log: int) -> dict[int, conversations.Member]:
    listed = client.ask(conversations.ListMembers(client.number(), log), conversations.Members).members
    return {member.account: member for member in listed}


@pytest.fixture
def three(house: House) -> tuple[Client, Client, Client]:
    return house.join("ann"), house.join("bob"), house.join("cyd")


@pytest.fixture
def boss(house: House) -> Client:
    return house.sign_in(house.operator_fingerprint)


Three = tuple[Client, Client, Client]


def test_a_room_belongs_to_its_maker(three: Three) -> None:
    ann, bob, _ = three
    log = create(ann, topic=" what we \x1b[2Jbuild ")
    assert me(ann, log).role is Role.OWNER
    room = ann.conversations()[log].room
    assert room is not None
    assert "\x1b" not in room.topic
    assert rooms(bob)["#lab"] == 1


def test_the_change_is_told_before_the_answer(three: Three) -> None:
    ann, _, _ = three
    create(ann)
    kinds = [type(message) for message in ann.heard()]
    assert kinds.index(conversations.ConversationChanged) < kinds.index(conversations.Opened)


@pytest.mark.parametrize("name", ["lab", "#", "#a b", "#\x1b", "#" + "x" * 40, "#l\u03bfbby"])
def test_a_room_of_a_bad_name_is_not_made(three: Three, name: str) -> None:
    assert do(three[0], conversations.CreateRoom, name) in {RefusalCode.INVALID, RefusalCode.NAME_TAKEN}


def test_a_room_that_looks_the_same_is_taken(three: Three) -> None:
    create(three[0], "#lab")
    assert do(three[1], conversations.CreateRoom, "#LAB") is RefusalCode.NAME_TAKEN
    assert enter(three[1], "#LAB"), "and joined under either"


def test_a_topic_too_long_is_refused(three: Three) -> None:
    assert do(three[0], conversations.CreateRoom, "#lab", "x" * 301) is RefusalCode.INVALID


def test_rooms_of_one_maker_are_bounded(open_house: OpenHouse) -> None:
    ann = open_house(most_rooms_created=1).join("ann")
    # The lobby counts as made by the first who came.
    assert do(ann, conversations.CreateRoom, "#two") is RefusalCode.QUOTA_EXCEEDED


def test_who_joins_is_told_to_those_inside_and_reads_from_the_beginning(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann)
    ann.append(log, 1)
    assert enter(bob) == log
    told = ann.last(conversations.MemberChanged)
    assert (told.account, told.by, told.log, told.members) == (bob.account, bob.account, log, 2)
    assert not any(message.log == log for message in cyd.all(conversations.MemberChanged))
    bob.follow(log)
    assert len(bob.entries(log)) == 1
    assert enter(bob) == log, "again is harmless"


def test_an_unknown_room_cannot_be_joined(three: Three) -> None:
    assert do(three[0], conversations.JoinRoom, "#nowhere") is RefusalCode.UNKNOWN_CONVERSATION


def test_a_closed_room_takes_those_who_are_invited(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann, access=Access.INVITE_ONLY)
    assert do(bob, conversations.JoinRoom, "#lab") is RefusalCode.NOT_ALLOWED
    assert "#lab" not in rooms(bob)
    assert do(ann, conversations.InviteToRoom, log, bob.account) is None
    assert bob.last(conversations.InvitedToRoom).room.name == "#lab"
    assert bob.last(conversations.InvitedToRoom).by == ann.account
    assert "#lab" in rooms(bob)
    bob.follow(log)
    assert bob.last(conversations.ConversationGone).log == log, "not before one has joined"
    assert enter(bob) == log
    assert do(bob, conversations.InviteToRoom, log, cyd.account) is RefusalCode.NOT_ALLOWED, "members do not invite"
    assert do(cyd, conversations.InviteToRoom, log, cyd.account) is RefusalCode.UNKNOWN_CONVERSATION


def test_an_invitation_waits_for_who_is_away(house: House, three: Three) -> None:
    ann, bob, _ = three
    bob.hang_up()
    create(ann, access=Access.INVITE_ONLY)
    assert do(ann, conversations.InviteToRoom, ann.log("#lab"), bob.account) is None
    assert house.sign_in("bob").last(conversations.InvitedToRoom).room.name == "#lab"


def test_who_leaves_reads_and_speaks_no_more(three: Three) -> None:
    ann, bob, _ = three
    log = create(ann)
    enter(bob)
    bob.follow(log)
    assert do(bob, conversations.LeaveRoom, log) is None
    assert bob.last(conversations.ConversationGone).log == log
    gone = ann.last(conversations.MemberChanged)
    assert (gone.account, gone.member) == (bob.account, None)
    ann.append(log, 1)
    assert bob.entries(log) == []
    assert do(bob, entries.Append, log, bytes(16), "plain", b"hi") is RefusalCode.UNKNOWN_CONVERSATION
    assert do(bob, entries.ReadBefore, log, 9, 9) is RefusalCode.UNKNOWN_CONVERSATION
    assert do(bob, conversations.ListMembers, log) is RefusalCode.UNKNOWN_CONVERSATION
    assert do(bob, conversations.LeaveRoom, log) is RefusalCode.UNKNOWN_CONVERSATION


def test_the_room_of_an_owner_who_leaves_goes_to_a_moderator(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann)
    enter(bob)
    enter(cyd)
    assert do(ann, conversations.SetRole, log, cyd.account, Role.MODERATOR) is None
    assert do(ann, conversations.LeaveRoom, log) is None
    assert (me(cyd, log).role, me(bob, log).role) == (Role.OWNER, Role.MEMBER)


def test_a_room_keeps_an_owner_whatever_an_admin_does(three: Three, boss: Client) -> None:
    ann, bob, cyd = three
    log = create(ann)
    enter(bob)
    enter(cyd)
    assert do(boss, conversations.SetRole, log, ann.account, Role.MEMBER) is RefusalCode.NOT_ALLOWED
    assert do(boss, conversations.SetBannedFromRoom, log, ann.account, is_banned=True) is None
    assert me(bob, log).role is Role.OWNER
    assert do(boss, conversations.SendAway, log, bob.account) is None
    assert me(cyd, log).role is Role.OWNER


def test_the_others_are_told_from_where_to_where_somebody_steps(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann)
    enter(cyd)
    cyd.take()
    for is_banned in (True, False):
        assert do(ann, conversations.SetBannedFromRoom, log, bob.account, is_banned=is_banned) is None
    assert do(ann, conversations.InviteToRoom, log, bob.account) is None
    enter(bob)
    steps = [(each.was, each.member and each.member.standing) for each in cyd.all(conversations.MemberChanged)]
    assert steps == [
        (None, Standing.BANNED),
        (Standing.BANNED, None),
        (None, Standing.INVITED),
        (Standing.INVITED, Standing.JOINED),
    ]


def test_an_empty_room_belongs_to_who_comes_first(three: Three) -> None:
    ann, bob, _ = three
    log = create(ann)
    assert do(ann, conversations.LeaveRoom, log) is None
    enter(bob)
    assert me(bob, log).role is Role.OWNER


def test_who_is_muted_reads_and_does_not_speak_nor_by_coming_back(house: House, three: Three) -> None:
    ann, bob, _ = three
    log = create(ann)
    enter(bob)
    bob.follow(log)
    assert do(ann, conversations.SetMuted, log, bob.account, is_muted=True) is None
    assert me(bob, log).is_muted
    assert do(bob, entries.Append, log, bytes(16), "plain", b"hi") is RefusalCode.MUTED
    ann.append(log, 1)
    assert len(bob.entries(log)) == 1
    assert do(bob, conversations.LeaveRoom, log) is None
    assert not house.sign_in("bob").all(conversations.InvitedToRoom), "nobody has invited them"
    enter(bob)
    assert do(bob, entries.Append, log, bytes(16), "plain", b"hi") is RefusalCode.MUTED
    assert do(ann, conversations.SetMuted, log, bob.account, is_muted=False) is None
    assert bob.place(bob.append(log, 2))


def test_who_is_sent_away_may_come_back_and_who_is_banned_may_not(three: Three) -> None:
    ann, bob, _ = three
    log = create(ann)
    enter(bob)
    assert do(ann, conversations.SendAway, log, bob.account) is None
    assert "sent out" in bob.last(conversations.ConversationGone).reason
    enter(bob)
    bob.follow(log)
    assert do(ann, conversations.SetBannedFromRoom, log, bob.account, is_banned=True) is None
    assert "banned" in bob.last(conversations.ConversationGone).reason
    ann.append(log, 1)
    assert bob.entries(log) == []
    assert do(bob, conversations.JoinRoom, "#lab") is RefusalCode.NOT_ALLOWED
    assert "#lab" not in rooms(bob)
    assert do(ann, conversations.InviteToRoom, log, bob.account) is RefusalCode.NOT_ALLOWED
    assert members(ann, log)[bob.account].standing is Standing.BANNED
    assert do(ann, conversations.SetBannedFromRoom, log, bob.account, is_banned=False) is None
    enter(bob)


def test_a_member_has_no_power_over_others(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann)
    enter(bob)
    enter(cyd)
    for kind, *rest in (
        (conversations.SetMuted, log, cyd.account, True),
        (conversations.SendAway, log, cyd.account),
        (conversations.SetBannedFromRoom, log, ann.account, True),
        (conversations.SetRole, log, bob.account, Role.OWNER),
        (conversations.SetTopic, log, "mine"),
        (conversations.SetAccess, log, Access.INVITE_ONLY),
    ):
        assert do(bob, kind, *rest) is RefusalCode.NOT_ALLOWED, kind
    room = ann.conversations()[log].room
    assert room is not None
    assert (room.topic, room.access, room.members) == ("", Access.OPEN, 1)


def test_who_is_outside_does_not_learn_that_there_is_a_room(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann, access=Access.INVITE_ONLY)
    for kind, *rest in (
        (conversations.SetMuted, cyd.account, True),
        (conversations.SetTopic, "mine"),
        (conversations.SetRole, bob.account, Role.OWNER),
        (conversations.LeaveRoom,),
        (conversations.ListMembers,),
    ):
        refusals = []
        for asked in (log, 4711):
            message = kind(bob.number(), asked, *rest)
            bob.say(message)
            refusals.append((bob.answer(message.request).code, bob.answer(message.request).text))
        assert refusals[0] == refusals[1]
        assert refusals[0][0] == RefusalCode.UNKNOWN_CONVERSATION


def test_moderators_act_upon_members_and_not_upon_each_other(three: Three) -> None:
    ann, bob, cyd = three
    log = create(ann)
    enter(bob)
    enter(cyd)
    for client in (bob, cyd):
        assert do(ann, conversations.SetRole, log, client.account, Role.MODERATOR) is None
    assert do(bob, conversations.SendAway, log, cyd.account) is RefusalCode.NOT_ALLOWED
    assert do(bob, conversations.SetRole, log, cyd.account, Role.MEMBER) is RefusalCode.NOT_ALLOWED
    assert do(bob, conversations.SetTopic, log, "ours") is None
    room = cyd.conversations()[log].room
    assert room is not None
    assert room.topic == "ours"
    assert do(ann, conversations.SetRole, log, cyd.account, Role.MEMBER) is None
    assert do(bob, conversations.SendAway, log, cyd.account) is None


def test_nobody_acts_upon_themselves_and_the_last_owner_stays_one(three: Three) -> None:
    ann, _, _ = three
    log = create(ann)
    assert do(ann, conversations.SendAway, log, ann.account) is RefusalCode.NOT_ALLOWED
    assert do(ann, conversations.SetRole, log, ann.account, Role.MEMBER) is RefusalCode.NOT_ALLOWED


def test_requests_name_people_that_there_are(three: Three) -> None:
    ann, bob, _ = three
    log = create(ann)
    assert do(ann, conversations.SendAway, log, 4711) is RefusalCode.UNKNOWN_PERSON
    assert do(ann, conversations.SendAway, log, bob.account) is RefusalCode.UNKNOWN_PERSON
    assert do(ann, conversations.SetRole, log, bob.account, Role.OWNER) is RefusalCode.UNKNOWN_PERSON
    assert do(ann, conversations.InviteToRoom, log, 4711) is RefusalCode.UNKNOWN_PERSON
    assert do(ann, conversations.OpenDirect, 4711) is RefusalCode.UNKNOWN_PERSON
    assert do(ann, conversations.SendAway, 4711, bob.account) is RefusalCode.UNKNOWN_CONVERSATION


def test_an_admin_of_the_server_sees_all_rooms_and_acts_in_them_without_reading(three: Three, boss: Client) -> None:
    ann, bob, _ = three
    log = create(ann, access=Access.INVITE_ONLY)
    assert rooms(boss)["#lab"] == 1
    assert ann.account in members(boss, log)
    assert do(boss, conversations.SetMuted, log, ann.account, is_muted=True) is None
    assert do(boss, conversations.SetBannedFromRoom, log, bob.account, is_banned=True) is None
    assert do(boss, entries.ReadBefore, log, 9, 9) is RefusalCode.UNKNOWN_CONVERSATION
    boss.follow(log)
    assert boss.last(conversations.ConversationGone).log == log


def test_an_admin_does_not_read_conversations_of_two(three: Three, house: House, boss: Client) -> None:
    ann, bob, cyd = three
    log = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    assert do(boss, admin.SetAdmin, cyd.account, is_admin=True) is None
    assert do(cyd, conversations.ListMembers, log) is RefusalCode.UNKNOWN_CONVERSATION
    assert do(cyd, conversations.SetTopic, log, "x") is RefusalCode.UNKNOWN_CONVERSATION


def test_a_conversation_of_two_is_one_from_either_side(three: Three, house: House) -> None:
    ann, bob, cyd = three
    log = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    assert bob.ask(conversations.OpenDirect(bob.number(), ann.account), conversations.Opened).log == log
    assert ann.conversations()[log].other == bob.account
    assert bob.conversations()[log].other == ann.account
    assert log not in cyd.conversations()
    bob.follow(log)
    ann.append(log, 1)
    assert len(bob.entries(log)) == 1
    house.stop()
    house.start()
    again = house.sign_in("bob")
    assert again.conversations()[log].head == 1
    assert again.conversations()[log].other == ann.account


def test_a_conversation_reaches_who_was_away_when_it_was_made(three: Three, house: House) -> None:
    ann, bob, _ = three
    bob.hang_up()
    log = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    ann.append(log, 1)
    back = house.sign_in("bob")
    assert back.conversations()[log].head == 1
    back.follow(log)
    assert len(back.entries(log)) == 1


def test_one_may_keep_notes_to_oneself(three: Three) -> None:
    ann, _, _ = three
    log = ann.ask(conversations.OpenDirect(ann.number(), ann.account), conversations.Opened).log
    ann.follow(log)
    ann.append(log, 1)
    assert len(ann.entries(log)) == 1
    assert ann.conversations()[log].other == ann.account


def test_rooms_and_rights_survive_a_restart(three: Three, house: House) -> None:
    ann, bob, _ = three
    log = create(ann, access=Access.INVITE_ONLY, topic="plans")
    assert do(ann, conversations.SetBannedFromRoom, log, bob.account, is_banned=True) is None
    house.stop()
    house.start()
    ann, bob = house.sign_in("ann"), house.sign_in("bob")
    room = ann.conversations()[log].room
    assert room is not None
    assert (room.topic, room.access, me(ann, log).role) == ("plans", Access.INVITE_ONLY, Role.OWNER)
    assert do(bob, conversations.JoinRoom, "#lab") is RefusalCode.NOT_ALLOWED


def test_requests_of_one_account_are_paced(open_house: OpenHouse) -> None:
    house = open_house(requests_per_s=1, requests_burst=5)
    ann = house.join("ann")
    done = [do(ann, conversations.ListRooms) for _ in range(7)]
    assert done == [None] * 5 + [RefusalCode.SLOW_DOWN] * 2
    house.pass_time(ann.last(answers.Refused).retry_after_ms / 1000)
    assert do(ann, conversations.ListRooms) is None


def test_requests_that_wait_for_the_disk_are_bounded(house: House) -> None:
    ann = house.join("ann")
    messages = [conversations.OpenDirect(ann.number(), ann.account) for _ in range(70)]
    for message in messages:
        ann.say(message, settles=False)
    house.settle()
    kinds = [type(ann.answer(message.request)) for message in messages]
    assert kinds == [conversations.Opened] * 64 + [answers.Refused] * 6
    assert ann.ask(conversations.OpenDirect(ann.number(), ann.account), conversations.Opened)


@pytest.mark.parametrize("devices", [1, 3, 20])
def test_a_new_topic_is_told_to_each_device_from_where_it_stands_without_a_read(
    house: House, monkeypatch: pytest.MonkeyPatch, devices: int
) -> None:
    boss = house.join("boss")
    log = create(boss)
    boss.append(log, 1)
    boss.append(log, 2)
    people = [house.join(f"person{number}") for number in range(devices)]
    for number, person in enumerate(people):
        enter(person)
        person.say(entries.Advance((entries.LogCursor(log, number % 3, 0),)))
    house.pass_time(2.0)
    reads: list[object] = []
    read = house.store.read
    monkeypatch.setattr(house.store, "read", lambda work: (reads.append(work), read(work))[1])
    assert do(boss, conversations.SetTopic, log, "Keys") is None
    assert not reads
    for number, person in enumerate(people):
        changed = person.last(conversations.ConversationChanged).conversation
        assert changed.room is not None
        assert changed.me is not None
        assert (changed.room.topic, changed.me.account) == ("Keys", person.account)
        assert changed.delivered == number % 3

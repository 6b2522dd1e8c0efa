"""Rights end when they end: what was made with them ends too, and what still waits is not done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lanline.core import rooms
from lanline.core.changes import OPERATOR
from lanline.errors import RefusalCode
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import Access, Membership, Role
from lanline.wire.chat import admin, answers, conversations, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]


def promoted(house: House, name: str) -> Client:
    operator = house.sign_in(house.operator_fingerprint)
    made = operator.ask(admin.MakeInvite(operator.number(), grants_admin=True), admin.InviteMade)
    operator.hang_up()
    client = house.greet(name)
    client.join(name, token=made.token)
    assert client.signed_in.is_admin
    return client


def admin_invite(client: Client) -> bytes:
    return client.ask(admin.MakeInvite(client.number(), grants_admin=True), admin.InviteMade).token


def refused(house: House, token: bytes) -> bool:
    stranger = house.greet("stranger")
    message = signin.Join(stranger.number(), "newcomer", PASSWORD, "laptop", token)
    stranger.say(message)
    return isinstance(stranger.answer(message.request), answers.Refused)


@pytest.fixture
def closed(open_house: OpenHouse) -> House:
    return open_house(is_open=False)


@pytest.mark.parametrize("comes_back", [False, True])
@pytest.mark.parametrize("how", ["banned", "demoted"])
def test_an_invite_ends_with_the_rights_of_its_maker(closed: House, how: str, comes_back: bool) -> None:
    boss, bad = promoted(closed, "boss"), promoted(closed, "bad")
    token = admin_invite(bad)

    def change(is_ended: bool) -> None:
        if how == "banned":
            boss.ask(admin.SetBanned(boss.number(), bad.account, is_banned=is_ended), answers.Done)
        else:
            boss.ask(admin.SetAdmin(boss.number(), bad.account, is_admin=not is_ended), answers.Done)

    change(is_ended=True)
    if comes_back:
        change(is_ended=False)
    assert refused(closed, token)
    assert boss.ask(admin.ListInvites(boss.number()), admin.Invites).invites == ()


def test_an_invite_is_worth_what_its_maker_may_do_when_it_is_used(closed: House) -> None:
    """Whatever took the right: here, a change of the database by another hand."""
    bad = promoted(closed, "bad")
    token = admin_invite(bad)
    with_right = closed.store.read(lambda view: view.accounts.by_id(bad.signed_in.account)).result()  # type: ignore[arg-type]
    assert with_right is not None
    without = type(with_right)(with_right.id, with_right.name, with_right.created_ms)
    closed.store.write(lambda transaction: transaction.accounts.change(without))
    closed.settle()
    assert refused(closed, token)


def test_the_invites_of_members_end_with_their_right_to_make_them(open_house: OpenHouse) -> None:
    house = open_house(members_may_invite=True)
    ann = house.join("ann")
    token = ann.ask(admin.MakeInvite(ann.number()), admin.InviteMade).token
    house.stop()
    house.settings = type(house.settings)(is_open=False)
    house.clients.clear()
    house.start()
    assert refused(house, token)


def test_an_admin_who_is_demoted_does_not_promote_themselves_by_a_request_that_waited(house: House) -> None:
    boss, bad = promoted(house, "boss"), promoted(house, "bad")
    boss.say(admin.SetAdmin(boss.number(), bad.account, is_admin=False), settles=False)
    again = admin.SetAdmin(bad.number(), bad.account, is_admin=True)
    late = admin.MakeInvite(bad.number(), grants_admin=True)
    bad.say(again, settles=False)
    bad.say(late, settles=False)
    house.settle()
    assert bad.answer(again.request).known_code is RefusalCode.NOT_ALLOWED
    assert bad.answer(late.request).known_code is RefusalCode.NOT_ALLOWED
    assert not house.sign_in("bad").signed_in.is_admin


def test_what_waits_of_a_revoked_device_is_not_done(house: House) -> None:
    ann, phone = house.join("ann"), house.join("ann", key="phone")
    ann.say(admin.RevokeDevice(ann.number(), phone.signed_in.device), settles=False)
    revoke = admin.RevokeDevice(phone.number(), ann.signed_in.device)
    phone.say(revoke, settles=False)
    house.settle()
    assert house.sign_in("ann"), "the thief's phone did not put the owner out"


def test_the_invites_that_a_stolen_device_made_end_with_it(closed: House) -> None:
    boss = promoted(closed, "boss")
    kept = admin_invite(boss)
    closed.pass_time(1)
    phone = closed.greet("phone")
    phone.join("boss")
    token = admin_invite(phone)
    boss.ask(admin.RevokeDevice(boss.number(), phone.signed_in.device), answers.Done)
    assert refused(closed, token)
    assert not refused(closed, kept)


def first_invite(house: House) -> bytes:
    ticket = house.server.core.make_first_invite(60.0)
    house.settle()
    return ticket.result()


def test_each_start_before_anybody_has_joined_ends_the_invite_of_the_one_before(closed: House) -> None:
    tokens = [first_invite(closed) for _ in range(3)]
    assert [refused(closed, token) for token in tokens] == [True, True, False]


def test_the_first_invites_that_an_earlier_version_left_end_too(closed: House) -> None:
    left = closed.server.core.make_invite(OPERATOR, 1, 60.0, grants_admin=True)
    closed.settle()
    token = first_invite(closed)
    assert refused(closed, left.result())
    assert not refused(closed, token)


def test_the_first_invite_is_gone_with_the_first_account_however_that_came(closed: House) -> None:
    token = first_invite(closed)
    promoted(closed, "boss")
    assert refused(closed, token)


def test_a_password_that_was_changed_while_it_was_looked_at_adds_no_device(house: House) -> None:
    ann, thief = house.join("ann"), house.greet("thief")
    house.hasher.waits = True
    join = signin.Join(thief.number(), "ann", PASSWORD, "phone")
    change = signin.ChangePassword(ann.number(), PASSWORD, "an entirely new one")
    ann.say(change)
    house.hasher.answer_all()
    thief.say(join, settles=False)
    house.hasher.answer_all()
    house.hasher.answer_all()
    house.settle()
    assert isinstance(ann.answer(change.request), answers.Done)
    assert thief.answer(join.request).known_code is RefusalCode.BAD_CREDENTIALS


def test_who_is_no_admin_any_more_does_not_rule_the_lobby(closed: House) -> None:
    boss, bad = promoted(closed, "boss"), promoted(closed, "bad")
    log = boss.log("#lobby")
    boss.ask(admin.SetAdmin(boss.number(), bad.account, is_admin=False), answers.Done)
    silence = conversations.SetMuted(bad.number(), log, boss.account, is_muted=True)
    assert bad.refusal(silence) is RefusalCode.NOT_ALLOWED
    members = boss.ask(conversations.ListMembers(boss.number(), log), conversations.Members).members
    assert {member.account: member.role for member in members} == {boss.account: Role.OWNER, bad.account: Role.MEMBER}


def test_no_room_goes_to_somebody_who_is_banned(open_house: OpenHouse) -> None:
    house = open_house()
    boss, ann, bad, bob = promoted(house, "boss"), *map(house.join, ("ann", "bad", "bob"))
    log = ann.ask(conversations.CreateRoom(ann.number(), "#glass"), conversations.Opened).log
    for each in (bad, bob):
        each.ask(conversations.JoinRoom(each.number(), "#glass"), conversations.Opened)
    boss.ask(admin.SetBanned(boss.number(), bad.account, is_banned=True), answers.Done)
    ann.ask(conversations.LeaveRoom(ann.number(), log), answers.Done)
    members = bob.ask(conversations.ListMembers(bob.number(), log), conversations.Members).members
    assert {member.account: member.role for member in members} == {bad.account: Role.MEMBER, bob.account: Role.OWNER}


def done(client: Client, kind: type[Any], *values: object, **named: object) -> None:
    client.ask(kind(client.number(), *values, **named), answers.Done)


class Board:
    """A room for those who are invited: ann's, with mod as a moderator, who has invited bob."""

    def __init__(self, house: House, access: Access = Access.INVITE_ONLY) -> None:
        self.boss = promoted(house, "boss")
        self.ann, self.mod, self.bob = map(house.join, ("ann", "mod", "bob"))
        made = conversations.CreateRoom(self.ann.number(), "#board", access=access)
        self.log = self.ann.ask(made, conversations.Opened).log
        done(self.ann, conversations.InviteToRoom, self.log, self.mod.account)
        self.mod.ask(conversations.JoinRoom(self.mod.number(), "#board"), conversations.Opened)
        if access is Access.INVITE_ONLY:
            done(self.ann, conversations.SetRole, self.log, self.mod.account, Role.MODERATOR)
        done(self.mod, conversations.InviteToRoom, self.log, self.bob.account)

    def is_told(self, client: Client) -> bool:
        listed = client.ask(conversations.ListRooms(client.number()), conversations.Rooms).rooms
        return "#board" in {room.name for room in listed}

    @property
    def is_awaited(self) -> bool:
        members = self.ann.ask(conversations.ListMembers(self.ann.number(), self.log), conversations.Members).members
        return self.bob.account in {member.account for member in members}

    def enter(self, client: Client) -> RefusalCode | None:
        message = conversations.JoinRoom(client.number(), "#board")
        client.say(message)
        answer = client.answer(message.request)
        return answer.known_code if isinstance(answer, answers.Refused) else None


ENDS: dict[str, Callable[[Board], None]] = {
    "banned": lambda b: done(b.boss, admin.SetBanned, b.mod.account, is_banned=True),
    "banned from the room": lambda b: done(b.ann, conversations.SetBannedFromRoom, b.log, b.mod.account, True),
    "sent away": lambda b: done(b.ann, conversations.SendAway, b.log, b.mod.account),
    "demoted": lambda b: done(b.ann, conversations.SetRole, b.log, b.mod.account, Role.MEMBER),
    "gone": lambda b: done(b.mod, conversations.LeaveRoom, b.log),
}


@pytest.mark.parametrize("how", ENDS)
def test_an_invitation_to_a_room_ends_with_the_right_of_its_maker(house: House, how: str) -> None:
    board = Board(house)
    assert board.is_told(board.bob)
    ENDS[how](board)
    assert not board.is_awaited
    assert not board.is_told(board.bob)
    assert board.enter(board.bob) is RefusalCode.NOT_ALLOWED
    bob = house.sign_in("bob")
    assert not bob.all(conversations.InvitedToRoom)


def test_an_invitation_to_a_room_does_not_come_back_with_its_maker(house: House) -> None:
    board = Board(house)
    for is_banned in (True, False):
        done(board.boss, admin.SetBanned, board.mod.account, is_banned=is_banned)
    assert board.enter(board.bob) is RefusalCode.NOT_ALLOWED
    done(board.ann, conversations.InviteToRoom, board.log, board.bob.account)
    assert board.enter(board.bob) is None


def test_members_who_may_invite_no_more_since_the_room_is_closed_have_invited_nobody(house: House) -> None:
    board = Board(house, Access.OPEN)
    done(board.ann, conversations.SetAccess, board.log, Access.INVITE_ONLY)
    assert board.enter(board.bob) is RefusalCode.NOT_ALLOWED


def test_who_was_muted_in_an_open_room_does_not_come_back_once_it_is_closed(house: House) -> None:
    board = Board(house, Access.OPEN)
    assert board.enter(board.bob) is None
    done(board.ann, conversations.SetMuted, board.log, board.bob.account, is_muted=True)
    done(board.ann, conversations.SendAway, board.log, board.bob.account)
    done(board.ann, conversations.SetAccess, board.log, Access.INVITE_ONLY)
    assert not board.is_told(board.bob)
    assert board.enter(board.bob) is RefusalCode.NOT_ALLOWED


def test_an_invitation_to_a_room_is_worth_what_its_maker_may_do_when_it_is_used(house: House) -> None:
    """Whatever took the right: here, a change of the database by another hand."""
    board = Board(house)
    demoted = Membership(LogId(board.log), AccountId(board.mod.account))
    house.store.write(lambda transaction: transaction.rooms.put_membership(demoted))
    house.settle()
    assert board.enter(board.bob) is RefusalCode.NOT_ALLOWED


def test_invitations_that_nobody_takes_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MAX_INVITATIONS_OF_MEMBER", 1)
    board = Board(house)
    cyd = house.join("cyd")
    one_more = conversations.InviteToRoom(board.mod.number(), board.log, cyd.account)
    assert board.mod.refusal(one_more) is RefusalCode.QUOTA_EXCEEDED
    assert board.enter(board.bob) is None
    done(board.mod, conversations.InviteToRoom, board.log, cyd.account)

"""Rights end when they end: what was made with them ends too, and what still waits is not done with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.core.changes import OPERATOR
from lanline.errors import RefusalCode
from lanline.model.rooms import Role
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

"""What admins may, and what everybody may with their own account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.errors import CloseCode, RefusalCode
from lanline.gateways.lanline import sendqueue
from lanline.wire.chat import admin, answers, conversations, directory, pieces, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]


@pytest.fixture
def boss(house: House) -> Client:
    client = house.join("boss")
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(admin.SetAdmin(operator.number(), client.account, is_admin=True), answers.Done)
    operator.hang_up()
    return client


def test_nobody_else_may(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    for message in (
        admin.MakeInvite(ann.number()),
        admin.ListInvites(ann.number()),
        admin.DropInvite(ann.number(), bytes(32)),
        admin.ListUsers(ann.number()),
        admin.SetBanned(ann.number(), bob.account, is_banned=True),
        admin.SetAdmin(ann.number(), ann.account, is_admin=True),
        admin.SetPassword(ann.number(), bob.account, "a new password"),
        admin.AskStatus(ann.number()),
    ):
        assert ann.refusal(message) is RefusalCode.NOT_ALLOWED, message
    assert bob.link.closed is None


def test_who_is_banned_is_put_off_all_links_at_once_and_told_why(house: House, boss: Client) -> None:
    ann, phone, cyd = house.join("ann"), house.join("ann", key="phone"), house.join("cyd")
    boss.ask(admin.SetBanned(boss.number(), ann.account, is_banned=True, reason="spam\x1b[2J"), answers.Done)
    for client in (ann, phone):
        assert client.link.closed is not None
        assert client.link.closed.code is CloseCode.IDENTITY_REJECTED
        assert "spam" in client.link.closed.reason
        assert "\x1b" not in client.link.closed.reason
    house.pass_time(1)
    told = [person for message in cyd.all(directory.PeopleChanged) for person in message.people]
    assert [(each.is_banned, each.is_online) for each in told if each.name == "ann"][-1] == (True, False)
    house.stop()
    house.start()
    late = house.greet("ann")
    request = late.number()
    late.say(signin.SignIn(request))
    assert late.answer(request).text == "You are banned from this server: spam�[2J. Ask its admin."
    boss = house.sign_in(house.operator_fingerprint)
    boss.ask(admin.SetBanned(boss.number(), ann.account, is_banned=False), answers.Done)
    assert house.sign_in("ann")


def test_lists_that_are_larger_than_a_message_come_in_pieces(
    house: House, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)
    names = {"boss", *(f"person{number}" for number in range(20))}
    for name in names - {"boss"}:
        house.join(name).hang_up()
    for message in (admin.ListUsers(boss.number()), conversations.ListMembers(boss.number(), boss.log("#lobby"))):
        boss.say(message)
    users, members = boss.all(admin.Users), boss.all(conversations.Members)
    assert min(len(users), len(members)) > 1
    assert {user.name for each in users for user in each.users} == names
    assert {each.account for each in members[0].members} < {user.account for each in users for user in each.users}
    for parts in (users, members):
        assert [each.is_last for each in parts] == [False] * (len(parts) - 1) + [True]


def test_a_list_that_is_more_than_a_slow_link_takes_ends_no_link(
    house: House, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)
    monkeypatch.setattr(sendqueue, "MAX_WAITING_BYTES", 200)
    for number in range(30):
        house.join(f"person{number}").hang_up()
    slow = house.sign_in("boss", buffer_bytes=2000)
    slow.link.is_reading = False
    asked = [admin.ListUsers(slow.number()) for _ in range(2)]
    for message in asked:
        slow.say(message)
    slow.link.is_reading = True
    house.settle()
    assert slow.answer(asked[1].request).known_code is RefusalCode.SLOW_DOWN
    assert sum(len(each.users) for each in slow.all(admin.Users)) == 31
    assert slow.link.closed is None


def test_an_admin_does_not_ban_themselves(boss: Client) -> None:
    assert boss.refusal(admin.SetBanned(boss.number(), boss.account, is_banned=True)) is RefusalCode.NOT_ALLOWED


def test_rights_are_given_and_taken_while_links_are_open(house: House, boss: Client) -> None:
    ann = house.join("ann")
    boss.ask(admin.SetAdmin(boss.number(), ann.account, is_admin=True), answers.Done)
    assert ann.ask(admin.ListUsers(ann.number()), admin.Users)
    ann.ask(admin.SetAdmin(ann.number(), boss.account, is_admin=False), answers.Done)
    assert boss.refusal(admin.ListUsers(boss.number())) is RefusalCode.NOT_ALLOWED


def test_users_are_listed_with_their_devices(house: House, boss: Client) -> None:
    ann = house.join("ann")
    house.join("ann", key="phone").hang_up()
    [user] = [each for each in boss.ask(admin.ListUsers(boss.number()), admin.Users).users if each.name == "ann"]
    assert [(device.label, device.is_online) for device in user.devices] == [("", True), ("", False)]
    assert user.devices[0].device == ann.signed_in.device
    assert user.devices[0].fingerprint == ann.link.peer_fingerprint


def test_an_invite_is_made_listed_and_dropped(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    operator = house.sign_in(house.operator_fingerprint)
    made = operator.ask(admin.MakeInvite(operator.number(), 3, 3600), admin.InviteMade)
    [listed] = operator.ask(admin.ListInvites(operator.number()), admin.Invites).invites
    assert (listed.uses_left, listed.creator) == (3, None)
    assert listed.expires_ms == house.clock.now_ms() + 3_600_000
    ann = house.greet("ann")
    ann.join("ann", token=made.token)
    operator.ask(admin.DropInvite(operator.number(), listed.token_hash), answers.Done)
    bob = house.greet("bob")
    join = signin.Join(bob.number(), "bob", PASSWORD, "laptop", made.token)
    assert bob.refusal(join) is RefusalCode.INVITE_UNUSABLE
    drop = admin.DropInvite(operator.number(), listed.token_hash)
    assert operator.refusal(drop) is RefusalCode.NOT_FOUND


def test_an_invite_that_is_used_up_or_has_expired_is_not_listed(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    operator = house.sign_in(house.operator_fingerprint)
    used = operator.ask(admin.MakeInvite(operator.number(), 1), admin.InviteMade)
    house.greet("ann").join("ann", token=used.token)
    operator.ask(admin.MakeInvite(operator.number(), 1, 5), admin.InviteMade)
    assert len(operator.ask(admin.ListInvites(operator.number()), admin.Invites).invites) == 1
    house.pass_time(6)
    assert operator.ask(admin.ListInvites(operator.number()), admin.Invites).invites == ()


def test_only_open_invites_count_towards_what_a_member_may_make(open_house: OpenHouse) -> None:
    house = open_house(members_may_invite=True)
    ann = house.join("ann")
    for _ in range(50):
        assert ann.ask(admin.MakeInvite(ann.number(), 1, 5), admin.InviteMade)
    house.pass_time(6)
    assert ann.ask(admin.MakeInvite(ann.number()), admin.InviteMade)


def test_members_invite_where_they_may_and_never_admins(open_house: OpenHouse) -> None:
    house = open_house(members_may_invite=True)
    ann, bob = house.join("ann"), house.join("bob")
    assert ann.ask(admin.MakeInvite(ann.number()), admin.InviteMade)
    assert ann.refusal(admin.MakeInvite(ann.number(), grants_admin=True)) is RefusalCode.NOT_ALLOWED
    [mine] = ann.ask(admin.ListInvites(ann.number()), admin.Invites).invites
    assert bob.ask(admin.ListInvites(bob.number()), admin.Invites).invites == ()
    assert bob.refusal(admin.DropInvite(bob.number(), mine.token_hash)) is RefusalCode.NOT_FOUND
    for _ in range(49):
        assert ann.ask(admin.MakeInvite(ann.number()), admin.InviteMade)
    assert ann.refusal(admin.MakeInvite(ann.number())) is RefusalCode.QUOTA_EXCEEDED


def test_one_changes_ones_password_with_the_old_one(house: House) -> None:
    ann = house.join("ann")
    wrong = signin.ChangePassword(ann.number(), "a wrong password", "another password")
    assert ann.refusal(wrong) is RefusalCode.BAD_CREDENTIALS
    short = signin.ChangePassword(ann.number(), PASSWORD, "short")
    assert ann.refusal(short) is RefusalCode.INVALID
    ann.ask(signin.ChangePassword(ann.number(), PASSWORD, "another password"), answers.Done)
    phone = house.greet("phone")
    assert phone.join("ann", "another password").account == ann.account


def test_old_passwords_are_not_guessed_on_a_link_that_was_left_open(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=2)
    ann = house.join("ann")
    codes = [ann.refusal(signin.ChangePassword(ann.number(), "a wrong password", "another password")) for _ in range(3)]
    assert codes == [RefusalCode.BAD_CREDENTIALS] * 2 + [RefusalCode.SLOW_DOWN]


def test_an_admin_sets_a_new_password(house: House, boss: Client) -> None:
    ann = house.join("ann")
    boss.ask(admin.SetPassword(boss.number(), ann.account, "another password"), answers.Done)
    assert house.greet("phone").join("ann", "another password").account == ann.account


def test_a_password_that_cannot_be_hashed_is_answered(house: House, boss: Client) -> None:
    house.hasher.fails = True
    message = admin.SetPassword(boss.number(), boss.account, "another password")
    assert boss.refusal(message) is RefusalCode.SERVER_PROBLEM
    change = signin.ChangePassword(boss.number(), PASSWORD, "another password")
    assert boss.refusal(change) is RefusalCode.SERVER_PROBLEM


def test_the_status_is_what_the_metrics_have(house: House, boss: Client) -> None:
    log = boss.log("#lobby")
    boss.follow(log)
    boss.append(log, 1)
    boss.append(log, 1)
    house.pass_time(7.5)
    figures = boss.ask(admin.AskStatus(boss.number()), admin.ServerStatus).figures
    assert figures == house.server.figures()
    assert figures["uptime_seconds"] == 7.5
    assert (figures["appends_total"], figures["repeats_total"], figures["deliveries_total"]) == (1, 1, 1)
    assert (figures["accounts"], figures["accounts_online"], figures["links_signed_in"]) == (1, 1, 1)


def test_requests_name_accounts_that_there_are(boss: Client) -> None:
    for message in (
        admin.SetBanned(boss.number(), 4711, is_banned=True),
        admin.SetAdmin(boss.number(), 4711, is_admin=True),
        admin.SetPassword(boss.number(), 4711, "another password"),
    ):
        assert boss.refusal(message) is RefusalCode.UNKNOWN_PERSON
    assert boss.refusal(admin.RevokeDevice(boss.number(), 4711)) is RefusalCode.UNKNOWN_DEVICE


def test_the_last_admin_stays_one_unless_the_operator_says_otherwise(house: House, boss: Client) -> None:
    assert boss.refusal(admin.SetAdmin(boss.number(), boss.account, is_admin=False)) is RefusalCode.NOT_ALLOWED
    ann = house.join("ann")
    boss.ask(admin.SetAdmin(boss.number(), ann.account, is_admin=True), answers.Done)
    boss.ask(admin.SetBanned(boss.number(), ann.account, is_banned=True), answers.Done)
    refused = boss.ask(admin.SetAdmin(boss.number(), boss.account, is_admin=False), answers.Refused)
    assert "no other admin" in refused.text, "one who is banned does not count"
    operator = house.sign_in(house.operator_fingerprint)
    operator.ask(admin.SetAdmin(operator.number(), boss.account, is_admin=False), answers.Done)


def test_of_two_admins_who_demote_each_other_at_once_one_stays(house: House, boss: Client) -> None:
    ann = house.join("ann")
    boss.ask(admin.SetAdmin(boss.number(), ann.account, is_admin=True), answers.Done)
    one = admin.SetAdmin(boss.number(), ann.account, is_admin=False)
    other = admin.SetAdmin(ann.number(), boss.account, is_admin=False)
    boss.say(one, settles=False)
    ann.say(other)
    assert isinstance(boss.answer(one.request), answers.Done)
    assert ann.answer(other.request).known_code is RefusalCode.NOT_ALLOWED


def test_an_account_is_told_of_new_devices_and_passwords(house: House, boss: Client) -> None:
    ann = house.join("ann")
    phone = house.join("ann", key="phone")
    assert f"with the number {phone.signed_in.device}." in ann.last(answers.ServerSays).text
    assert not phone.all(answers.ServerSays)
    boss.ask(admin.SetPassword(boss.number(), ann.account, "another password"), answers.Done)
    for client in (ann, phone):
        assert "An admin has given" in client.last(answers.ServerSays).text
    ann.ask(signin.ChangePassword(ann.number(), "another password", "a third password"), answers.Done)
    assert "on another device" in phone.last(answers.ServerSays).text
    assert "on another device" not in ann.last(answers.ServerSays).text
    assert not boss.all(answers.ServerSays)


def test_an_old_password_that_nobody_could_look_at_is_no_try(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=2, passwords_per_address=2)
    ann = house.join("ann")
    house.hasher.fails = True
    for _ in range(5):
        change = signin.ChangePassword(ann.number(), PASSWORD, "another password")
        assert ann.refusal(change) is RefusalCode.SERVER_PROBLEM
    house.hasher.fails = False
    ann.ask(signin.ChangePassword(ann.number(), PASSWORD, "another password"), answers.Done)

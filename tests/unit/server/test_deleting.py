"""What goes and what stays when an account or a room is deleted, and when its name is free again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.core import housekeeping
from lanline.errors import CloseCode, RefusalCode
from lanline.model.logs import LogId
from lanline.model.rooms import Access, Role
from lanline.wire.chat import admin, answers, conversations, directory, entries, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]
DAY_S = 86400.0


@pytest.fixture
def operator(house: House) -> Client:
    return house.sign_in(house.operator_fingerprint)


def delete(by: Client, account: int) -> None:
    by.ask(admin.DeleteAccount(by.number(), account), answers.Done)


def person(client: Client, account: int) -> directory.Person:
    """As it was told last."""
    client.house.pass_time(1)
    told = [each for kind in (directory.People, directory.PeopleChanged) for each in client.all(kind)]
    return [each for message in told for each in message.people if each.account == account][-1]


def room(client: Client, name: str, access: Access = Access.OPEN) -> int:
    return client.ask(conversations.CreateRoom(client.number(), name, access=access), conversations.Opened).log


# An account.


def test_who_deletes_the_own_account_is_out_on_every_device_and_what_they_said_stays(house: House) -> None:
    ann, phone, bob = house.join("ann"), house.join("ann", key="phone"), house.join("bob")
    lobby = ann.log("#lobby")
    ann.append(lobby, 1, b"remember me")
    delete(ann, ann.account)
    for client in (ann, phone):
        assert client.link.closed is not None
        assert client.link.closed.code is CloseCode.IDENTITY_REJECTED
        assert "was deleted" in client.link.closed.reason
    again = house.greet("ann")
    assert again.refusal(signin.SignIn(again.number())) is RefusalCode.UNKNOWN_DEVICE
    bob.follow(lobby)
    assert [(each.account, each.content) for each in bob.entries(lobby)] == [(ann.account, b"remember me")]
    told = person(bob, ann.account)
    assert (told.name, told.is_ended, told.is_banned, told.is_online, told.address) == ("ann", True, True, False, "")
    members = bob.ask(conversations.ListMembers(bob.number(), lobby), conversations.Members).members
    assert [each.account for each in members] == [bob.account]


def test_nobody_deletes_anothers_account_but_an_admin(house: House, operator: Client) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    assert ann.refusal(admin.DeleteAccount(ann.number(), bob.account)) is RefusalCode.NOT_ALLOWED
    assert ann.refusal(admin.DeleteRoom(ann.number(), ann.log("#lobby"))) is RefusalCode.NOT_ALLOWED
    delete(operator, bob.account)
    assert bob.link.closed is not None
    assert operator.refusal(admin.DeleteAccount(operator.number(), bob.account)) is RefusalCode.UNKNOWN_PERSON


def test_all_rights_end_with_the_account(open_house: OpenHouse) -> None:
    house = open_house(members_may_invite=True)
    operator = house.sign_in(house.operator_fingerprint)
    ann, bob, cyd = house.join("ann"), house.join("bob"), house.join("cyd")
    ann.ask(admin.MakeInvite(ann.number(), 5), admin.InviteMade)
    den = room(ann, "#den", Access.INVITE_ONLY)
    ann.ask(conversations.InviteToRoom(ann.number(), den, bob.account), answers.Done)
    ann.ask(conversations.InviteToRoom(ann.number(), den, cyd.account), answers.Done)
    cyd.ask(conversations.JoinRoom(cyd.number(), "#den"), conversations.Opened)
    delete(ann, ann.account)
    assert operator.ask(admin.ListInvites(operator.number()), admin.Invites).invites == ()
    assert bob.refusal(conversations.JoinRoom(bob.number(), "#den")) is RefusalCode.NOT_ALLOWED
    [left] = cyd.ask(conversations.ListMembers(cyd.number(), den), conversations.Members).members
    assert (left.account, left.role) == (cyd.account, Role.OWNER), "a room keeps an owner"
    for message in (
        admin.SetBanned(operator.number(), ann.account, is_banned=False),
        admin.SetAdmin(operator.number(), ann.account, is_admin=True),
        admin.SetPassword(operator.number(), ann.account, "another horse"),
    ):
        assert operator.refusal(message) is RefusalCode.UNKNOWN_PERSON
    assert bob.refusal(conversations.OpenDirect(bob.number(), ann.account)) is RefusalCode.UNKNOWN_PERSON
    assert [each.name for each in operator.ask(admin.ListUsers(operator.number()), admin.Users).users] == ["bob", "cyd"]
    assert operator.ask(admin.AskStatus(operator.number()), admin.ServerStatus).figures["accounts"] == 2


def test_nobody_speaks_to_who_is_gone_and_the_talk_with_them_stays(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    pair = ann.ask(conversations.OpenDirect(ann.number(), bob.account), conversations.Opened).log
    ann.append(pair, 1, b"goodbye")
    delete(ann, ann.account)
    bob.follow(pair)
    assert [each.content for each in bob.entries(pair)] == [b"goodbye"]
    refused = bob.answer(bob.append(pair, 2))
    assert refused.known_code is RefusalCode.NOT_ALLOWED
    assert "nobody would read it" in refused.text


def test_notes_to_oneself_go(house: House, operator: Client) -> None:
    ann = house.join("ann")
    notes = ann.ask(conversations.OpenDirect(ann.number(), ann.account), conversations.Opened).log
    ann.append(notes, 1, bytes(1000))
    delete(ann, ann.account)
    house.pass_time(1)
    assert house.store.read(lambda view: view.logs.after(LogId(notes), 0, 10)).result() == []
    assert operator.ask(admin.AskUsage(operator.number()), admin.Usage).directs_bytes == 0


def test_the_last_admin_does_not_leave_the_others_alone(house: House, operator: Client) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    operator.ask(admin.SetAdmin(operator.number(), ann.account, is_admin=True), answers.Done)
    assert ann.refusal(admin.DeleteAccount(ann.number(), ann.account)) is RefusalCode.NOT_ALLOWED
    ann.ask(admin.SetAdmin(ann.number(), bob.account, is_admin=True), answers.Done)
    delete(ann, ann.account)
    assert ann.link.closed is not None


def test_the_name_is_free_again_after_the_time_that_is_told(open_house: OpenHouse) -> None:
    house = open_house(names_held_days=30)
    ann, bob = house.join("ann"), house.join("bob")
    delete(ann, ann.account)
    stranger = house.greet("stranger")
    refused = stranger.ask(signin.Join(stranger.number(), "Ann", PASSWORD, "laptop"), answers.Refused)
    assert refused.known_code is RefusalCode.NAME_TAKEN
    assert "free again on" in refused.text
    house.pass_time(30 * DAY_S + 1)
    other = house.greet("other")
    assert other.join("ann").is_new
    assert person(bob, other.account).is_ended is False
    assert person(bob, ann.account).name == "ann", "words are still believed to be theirs"
    assert bob.ask(conversations.OpenDirect(bob.number(), other.account), conversations.Opened)


def test_a_deleted_account_is_deleted_after_a_restart_too(house: House) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    delete(ann, ann.account)
    bob.hang_up()
    house.stop()
    house.start()
    again = house.greet("ann")
    assert again.refusal(signin.SignIn(again.number())) is RefusalCode.UNKNOWN_DEVICE
    told = person(house.sign_in("bob"), ann.account)
    assert (told.is_ended, told.address) == (True, "")
    guesser = house.greet("guesser")
    assert guesser.refusal(signin.Join(guesser.number(), "ann", PASSWORD, "")) is RefusalCode.NAME_TAKEN


def test_what_is_appended_beside_the_deletion_stands_or_is_refused(house: House, operator: Client) -> None:
    ann = house.join("ann")
    lobby = ann.log("#lobby")
    requests = [ann.append(lobby, number, settles=False) for number in range(3)]
    ann.say(admin.DeleteAccount(ann.number(), ann.account), settles=False)
    house.settle()
    assert all(ann.place(request) is not None for request in requests), "who speaks and then leaves was still there"


def test_the_journal_says_who_deleted_whom(house: House, operator: Client) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    log = room(bob, "#lab")
    delete(ann, ann.account)
    operator.ask(admin.DeleteRoom(operator.number(), log), answers.Done)
    found = operator.ask(admin.ReadJournal(operator.number()), admin.Journal).entries[-2:]
    assert [(each.by, each.deed, each.whom, each.room) for each in found] == [
        ("ann", "account_deleted", "ann", ""),
        ("(operator)", "room_deleted", "", "#lab"),
    ]


# Accounts that nobody uses.


def names(operator: Client) -> set[str]:
    return {each.name for each in operator.ask(admin.ListUsers(operator.number()), admin.Users).users}


def test_accounts_that_anybody_made_end_when_nobody_has_used_them_for_so_long(open_house: OpenHouse) -> None:
    house = open_house(silent_days=30)
    house.server.core.housekeeping.begin()
    operator = house.sign_in(house.operator_fingerprint)
    for name in ("ann", "boss"):
        house.join(name).hang_up()
    boss = [each for each in operator.ask(admin.ListUsers(operator.number()), admin.Users).users if each.name == "boss"]
    operator.ask(admin.SetAdmin(operator.number(), boss[0].account, is_admin=True), answers.Done)
    invite = operator.ask(admin.MakeInvite(operator.number()), admin.InviteMade)
    guest = house.greet("guest")
    guest.join("guest", token=invite.token)
    guest.hang_up()
    house.join("guy")
    house.join("bob").hang_up()
    for _ in range(29):
        house.pass_time(DAY_S)
    house.sign_in("bob").hang_up()
    assert names(operator) == {"ann", "boss", "guest", "guy", "bob"}
    for _ in range(2):
        house.pass_time(DAY_S)
    assert names(operator) == {"boss", "guest", "guy", "bob"}
    [last] = operator.ask(admin.ReadJournal(operator.number(), limit=1), admin.Journal).entries
    assert (last.deed, last.whom, last.detail) == ("account_deleted", "ann", "silent for 30 days")


def test_the_time_that_the_server_stood_still_is_nobodys_silence(open_house: OpenHouse) -> None:
    house = open_house(silent_days=30)
    house.server.core.housekeeping.begin()
    house.join("ann").hang_up()
    house.pass_time(3600)
    house.server.shut_down("")
    house.settle()
    house.stop()
    house.clock.pass_time(100 * DAY_S)
    house.start()
    house.server.core.housekeeping.begin()
    operator = house.sign_in(house.operator_fingerprint)
    for _ in range(29):
        house.pass_time(DAY_S)
    assert names(operator) == {"ann"}
    for _ in range(2):
        house.pass_time(DAY_S)
    assert names(operator) == set()


def test_without_the_setting_accounts_stay(house: House, operator: Client) -> None:
    house.server.core.housekeeping.begin()
    house.join("ann").hang_up()
    for _ in range(10):
        house.pass_time(100 * DAY_S)
    assert names(operator) == {"ann"}


# A room.


def test_a_room_that_is_deleted_is_gone_for_everybody_at_once(house: House, operator: Client) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    log = room(ann, "#lab")
    bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
    ann.append(log, 1)
    bob.follow(log)
    operator.ask(admin.DeleteRoom(operator.number(), log), answers.Done)
    for client in (ann, bob):
        gone = client.last(conversations.ConversationGone)
        assert (gone.log, gone.reason) == (log, "#lab was deleted by an admin.")
    assert ann.answer(ann.append(log, 2)).known_code is RefusalCode.UNKNOWN_CONVERSATION
    assert ann.refusal(entries.ReadBefore(ann.number(), log, 9, 10)) is RefusalCode.UNKNOWN_CONVERSATION
    assert bob.refusal(conversations.JoinRoom(bob.number(), "#lab")) is RefusalCode.UNKNOWN_CONVERSATION
    assert "#lab" not in {each.room.name for each in house.sign_in("ann").conversations().values() if each.room}
    assert bob.link.closed is None


def test_the_words_of_a_deleted_room_go_bit_by_bit_and_are_not_counted_any_more(
    house: House, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_FORGOTTEN_AT_ONCE", 10)
    ann = house.join("ann")
    log = room(ann, "#lab")
    for number in range(35):
        ann.append(log, number, bytes(100))
    before = operator.ask(admin.AskUsage(operator.number()), admin.Usage).people[0].message_bytes
    operator.ask(admin.DeleteRoom(operator.number(), log), answers.Done)
    left = house.store.read(lambda view: view.logs.after(LogId(log), 0, 100)).result()
    assert 0 < len(left) < 35, "others are not kept waiting until all are gone"
    house.stop()
    house.start()
    house.server.core.housekeeping.begin()
    for _ in range(10):
        house.pass_time(0.1)
    assert house.store.read(lambda view: view.logs.after(LogId(log), 0, 100)).result() == []
    operator = house.sign_in(house.operator_fingerprint)
    after = operator.ask(admin.AskUsage(operator.number()), admin.Usage)
    assert (before > 0, after.people[0].message_bytes) == (True, 0)
    assert [each.name for each in after.rooms] == ["#lobby"]


def test_the_name_of_a_room_is_held_too_and_a_new_one_has_nothing_of_the_old(house: House, operator: Client) -> None:
    ann = house.join("ann")
    log = room(ann, "#lab")
    ann.append(log, 1)
    operator.ask(admin.DeleteRoom(operator.number(), log), answers.Done)
    assert ann.refusal(conversations.CreateRoom(ann.number(), "#LAB")) is RefusalCode.NAME_TAKEN
    house.pass_time(30 * DAY_S + 1)
    new = room(ann, "#lab")
    assert new != log
    ann.follow(new)
    assert ann.entries(new) == []


def test_the_lobby_stays(house: House, operator: Client) -> None:
    ann = house.join("ann")
    refused = operator.ask(admin.DeleteRoom(operator.number(), ann.log("#lobby")), answers.Refused)
    assert "it stays" in refused.text

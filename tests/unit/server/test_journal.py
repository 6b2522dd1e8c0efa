"""The journal answers who did what and when, and nobody fills the disk with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.core import journal
from lanline.errors import RefusalCode
from lanline.model.journal import Deed
from lanline.model.rooms import Access, Role
from lanline.wire.chat import admin, answers, conversations, signin
from serverhouse.house import PASSWORD, Client, House

OpenHouse = Callable[..., House]


@pytest.fixture
def operator(house: House) -> Client:
    return house.sign_in(house.operator_fingerprint)


def noted(operator: Client, after: int = 0) -> list[tuple[str, str, str, str]]:
    found = operator.ask(admin.ReadJournal(operator.number(), after, 1000), admin.Journal).entries
    return [(each.by, each.deed, each.whom, each.room) for each in found]


def newest(operator: Client) -> admin.JournalInfo:
    return operator.ask(admin.ReadJournal(operator.number(), limit=1), admin.Journal).entries[0]


def test_joining_names_the_invite_and_who_made_it(open_house: OpenHouse) -> None:
    house = open_house(is_open=False, members_may_invite=True)
    operator = house.sign_in(house.operator_fingerprint)
    made = operator.ask(admin.MakeInvite(operator.number(), 2, 3600), admin.InviteMade)
    ann = house.greet("ann")
    ann.join("ann", token=made.token)
    from_ann = ann.ask(admin.MakeInvite(ann.number()), admin.InviteMade)
    bob = house.greet("bob")
    bob.join("bob", token=from_ann.token)
    [left] = operator.ask(admin.ListInvites(operator.number()), admin.Invites).invites
    operator.ask(admin.DropInvite(operator.number(), left.token_hash), answers.Done)
    assert noted(operator) == [
        ("(operator)", "invite_made", "", ""),
        ("ann", "joined", "", ""),
        ("ann", "invite_made", "", ""),
        ("bob", "joined", "", ""),
        ("(operator)", "invite_dropped", "", ""),
    ]
    entries = operator.ask(admin.ReadJournal(operator.number()), admin.Journal).entries
    shown = entries[2].detail.split(",")[0]
    assert len(shown) == 8
    assert entries[3].detail == f"by the invite {shown} of ann"
    assert entries[3].time_ms == house.clock.now_ms()
    assert [(each.account, each.count) for each in entries[:2]] == [(0, 1), (ann.account, 1)]


def test_what_admins_do_is_noted_with_whom_and_why(house: House, operator: Client) -> None:
    ann = house.join("ann")
    device = ann.signed_in.device
    for message in (
        admin.SetAdmin(operator.number(), ann.account, is_admin=True),
        admin.SetAdmin(operator.number(), ann.account, is_admin=True),
        admin.SetPassword(operator.number(), ann.account, "another horse"),
        admin.SetBanned(operator.number(), ann.account, is_banned=True, reason="spam\x1b[2J"),
        admin.SetBanned(operator.number(), ann.account, is_banned=False),
        admin.SetAdmin(operator.number(), ann.account, is_admin=False),
        admin.RevokeDevice(operator.number(), device),
    ):
        operator.ask(message, answers.Done)
    deeds = ["promoted", "password_set", "banned", "unbanned", "demoted", "device_revoked"]
    assert noted(operator)[1:] == [("(operator)", deed, "ann", "") for deed in deeds]
    entries = operator.ask(admin.ReadJournal(operator.number()), admin.Journal).entries
    [detail] = [each.detail for each in entries if each.deed == "banned"]
    assert detail.startswith("spam")
    assert "\x1b" not in detail


def test_what_is_done_to_others_in_rooms_is_noted_and_coming_and_going_is_not(house: House, operator: Client) -> None:
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log
    before = newest(operator).entry
    for _ in range(3):
        bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
        bob.ask(conversations.LeaveRoom(bob.number(), log), answers.Done)
    bob.ask(conversations.JoinRoom(bob.number(), "#lab"), conversations.Opened)
    c = conversations
    for message in (
        c.SetRole(ann.number(), log, bob.account, Role.MODERATOR),
        c.SetRole(ann.number(), log, bob.account, Role.MEMBER),
        c.SetMuted(ann.number(), log, bob.account, is_muted=True),
        c.SetMuted(ann.number(), log, bob.account, is_muted=False),
        c.SendAway(ann.number(), log, bob.account),
        c.SetBannedFromRoom(ann.number(), log, bob.account, is_banned=True),
        c.SetBannedFromRoom(ann.number(), log, bob.account, is_banned=False),
        c.SetAccess(ann.number(), log, Access.INVITE_ONLY),
    ):
        ann.ask(message, answers.Done)
    done = ["room_role", "room_role", "room_muted", "room_unmuted", "room_sent_out", "room_banned", "room_unbanned"]
    expected = [("ann", deed, "bob", "#lab") for deed in done] + [("ann", "room_access", "", "#lab")]
    assert noted(operator, before) == expected


def test_what_was_refused_is_not_noted(house: House, operator: Client) -> None:
    ann = house.join("ann")
    before = noted(operator)
    assert operator.refusal(admin.SetBanned(operator.number(), 99, is_banned=True)) is RefusalCode.UNKNOWN_PERSON
    assert ann.refusal(admin.SetAdmin(ann.number(), ann.account, is_admin=True)) is RefusalCode.NOT_ALLOWED
    assert noted(operator) == before


def test_only_admins_read_it(house: House) -> None:
    ann = house.join("ann")
    assert ann.refusal(admin.ReadJournal(ann.number())) is RefusalCode.NOT_ALLOWED


# Wrong passwords.


def guess(house: House, name: str, count: int, address: str = "10.0.0.9") -> None:
    for number in range(count):
        stranger = house.greet(f"{name}{number}{address}", address=(address, 4000))
        stranger.say(signin.Join(stranger.number(), name, "wrong horse", "laptop"))
        stranger.hang_up()


def test_wrong_passwords_are_one_entry_with_their_number(open_house: OpenHouse) -> None:
    house = open_house(passwords_per_account=1000)
    operator = house.sign_in(house.operator_fingerprint)
    house.join("ann").hang_up()
    guess(house, "ann", 30)
    house.pass_time(11)
    first = newest(operator)
    assert (first.by, first.deed, first.whom, first.count) == ("(stranger)", "wrong_password", "ann", 30)
    assert first.detail == "from 10.0.0.9"
    guess(house, "ann", 5)
    house.pass_time(11)
    again = newest(operator)
    assert again.entry > first.entry, "who follows the journal hears of more"
    assert again.count == 35
    assert [deed for _, deed, _, _ in noted(operator)].count("wrong_password") == 1


def test_who_guesses_from_everywhere_fills_no_disk(open_house: OpenHouse) -> None:
    house = open_house(is_open=False)
    operator = house.sign_in(house.operator_fingerprint)
    for number in range(200):
        guess(house, f"name{number}", 1, f"10.0.{number}.1")
        if number % 40 == 0:
            house.pass_time(11)
    house.pass_time(11)
    found = operator.ask(admin.ReadJournal(operator.number(), limit=1000), admin.Journal).entries
    assert len(found) == journal._MAX_TRIED + 1
    assert sum(each.count for each in found) == 200
    assert {each.whom for each in found} == {""}, "a name that nobody has may be a password"
    assert max(found, key=lambda each: each.count).detail == "from many places"


def test_what_was_counted_is_kept_when_the_server_stops(house: House) -> None:
    house.join("ann").hang_up()
    guess(house, "ann", 3)
    house.server.shut_down("")
    house.settle()
    house.stop()
    house.start()
    assert newest(house.sign_in(house.operator_fingerprint)).count == 3


# How much is kept.


def test_a_member_notes_so_much_in_an_hour(house: House, operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_ENTRIES_OF_MEMBER", 10)
    ann, bob = house.join("ann"), house.join("bob")
    log = ann.ask(conversations.CreateRoom(ann.number(), "#lab"), conversations.Opened).log

    def change(times: int) -> None:
        for number in range(times):
            access = (Access.INVITE_ONLY, Access.OPEN)[number % 2]
            ann.ask(conversations.SetAccess(ann.number(), log, access), answers.Done)

    change(30)
    by_ann = [deed for by, deed, _, _ in noted(operator) if by == "ann"]
    assert len(by_ann) == 11
    assert by_ann[-1] == Deed.MORE.value
    bob.ask(conversations.CreateRoom(bob.number(), "#den"), conversations.Opened)
    assert noted(operator)[-1] == ("bob", "room_made", "", "#den")
    house.pass_time(3601)
    change(1)
    assert noted(operator)[-1] == ("ann", "room_access", "", "#lab")


def test_what_is_old_or_too_much_is_forgotten(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = open_house(journal_days=7)
    house.server.core.housekeeping.begin()
    operator = house.sign_in(house.operator_fingerprint)
    house.join("ann")
    house.pass_time(6 * 86400)
    house.join("bob")
    assert [by for by, *_ in noted(operator)] == ["ann", "bob"]
    house.pass_time(2 * 86400)
    assert [by for by, *_ in noted(operator)] == ["bob"]
    monkeypatch.setattr(journal, "MAX_JOURNAL_ENTRIES", 3)
    for name in ("cyd", "dan", "eve"):
        house.join(name)
    house.pass_time(3601)
    assert [by for by, *_ in noted(operator)] == ["cyd", "dan", "eve"]


def test_a_password_of_ones_own_that_is_wrong_counts_too(house: House, operator: Client) -> None:
    ann = house.join("ann")
    asked = signin.ChangePassword(ann.number(), "not it at all", "another horse")
    assert ann.refusal(asked) is RefusalCode.BAD_CREDENTIALS
    house.pass_time(11)
    assert (newest(operator).deed, newest(operator).whom) == ("wrong_password", "ann")
    ann.ask(signin.ChangePassword(ann.number(), PASSWORD, "another horse"), answers.Done)
    assert (newest(operator).by, newest(operator).deed) == ("ann", "password_changed")

"""What somebody has given others stays when their own rights end; admins see it, and take it back at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lanline.errors import RefusalCode
from lanline.model.rooms import Access, Role
from lanline.wire.chat import admin, answers, conversations
from serverhouse.house import Client, House
from unit.server.test_ended_rights import done, promoted

OpenHouse = Callable[..., House]


@pytest.fixture
def house(open_house: OpenHouse) -> House:
    return open_house(is_open=False, members_may_invite=True)


def invited(house: House, host: Client, name: str, *, as_admin: bool = False) -> Client:
    made = host.ask(admin.MakeInvite(host.number(), grants_admin=as_admin), admin.InviteMade)
    client = house.greet(name)
    client.join(name, token=made.token)
    return client


def given(asker: Client, giver: Client, device: int | None = None) -> set[tuple[int, str, str]]:
    found = asker.ask(admin.ListGiven(asker.number(), giver.account, device), admin.Given).rights
    return {(each.account, each.right, each.room) for each in found}


def role_of(asker: Client, log: int, who: Client) -> Role:
    members = asker.ask(conversations.ListMembers(asker.number(), log), conversations.Members).members
    return next(member.role for member in members if member.account == who.account)


def is_admin(asker: Client, who: Client) -> bool:
    users = asker.ask(admin.ListUsers(asker.number()), admin.Users).users
    return next(user.is_admin for user in users if user.account == who.account)


class Plot:
    """bad has let in eve as an admin and tom, made eve's friend dan a moderator; eve has made kim an admin."""

    def __init__(self, house: House) -> None:
        self.boss, self.bad = promoted(house, "boss"), promoted(house, "bad")
        self.eve = invited(house, self.bad, "eve", as_admin=True)
        self.tom, self.dan, self.kim = (
            invited(house, host, name) for host, name in ((self.bad, "tom"), (self.boss, "dan"), (self.boss, "kim"))
        )
        self.room = self.bad.ask(conversations.CreateRoom(self.bad.number(), "#den"), conversations.Opened).log
        self.dan.ask(conversations.JoinRoom(self.dan.number(), "#den"), conversations.Opened)
        done(self.bad, conversations.SetRole, self.room, self.dan.account, Role.MODERATOR)
        done(self.eve, admin.SetAdmin, self.kim.account, is_admin=True)

    @property
    def all(self) -> set[tuple[int, str, str]]:
        return {
            (self.eve.account, "admin", ""),
            (self.kim.account, "admin", ""),
            (self.dan.account, "moderator", "#den"),
            (self.eve.account, "came", ""),
            (self.tom.account, "came", ""),
        }


@pytest.mark.parametrize("how", ["banned", "demoted"])
def test_what_an_admin_gave_stays_until_it_is_taken_back(house: House, how: str) -> None:
    plot = Plot(house)
    if how == "banned":
        done(plot.boss, admin.SetBanned, plot.bad.account, is_banned=True)
    else:
        done(plot.boss, admin.SetAdmin, plot.bad.account, is_admin=False)
    assert is_admin(plot.boss, plot.eve)
    assert given(plot.boss, plot.bad) == plot.all
    done(plot.boss, admin.TakeBack, plot.bad.account)
    assert not is_admin(plot.boss, plot.eve)
    assert not is_admin(plot.boss, plot.kim)
    assert role_of(plot.boss, plot.room, plot.dan) is Role.MEMBER
    assert {right for _, right, _ in given(plot.boss, plot.bad)} == {"came"}
    assert is_admin(plot.boss, plot.boss)


def test_what_others_gave_is_not_taken_back_and_neither_is_what_the_asker_has(house: House) -> None:
    plot = Plot(house)
    done(plot.boss, admin.SetAdmin, plot.kim.account, is_admin=False)
    done(plot.boss, admin.SetAdmin, plot.kim.account, is_admin=True)
    assert (plot.kim.account, "admin", "") not in given(plot.boss, plot.bad)
    done(plot.eve, admin.TakeBack, plot.bad.account)
    assert is_admin(plot.boss, plot.kim)
    assert is_admin(plot.boss, plot.eve)
    assert role_of(plot.boss, plot.room, plot.dan) is Role.MEMBER


def test_only_admins_see_and_take_back_what_was_given(house: House) -> None:
    plot = Plot(house)
    account = plot.bad.account
    assert plot.tom.refusal(admin.ListGiven(plot.tom.number(), account)) is RefusalCode.NOT_ALLOWED
    assert plot.tom.refusal(admin.TakeBack(plot.tom.number(), account)) is RefusalCode.NOT_ALLOWED


def test_what_a_stolen_device_gave_is_told_apart_from_the_rest(open_house: OpenHouse) -> None:
    house = open_house()
    boss, ann = promoted(house, "boss"), house.join("ann")
    done(boss, admin.SetAdmin, ann.account, is_admin=True)
    stolen = house.greet("stolen")
    stolen.join("ann")
    own, dan = house.join("own"), house.join("dan")
    done(ann, admin.SetAdmin, own.account, is_admin=True)
    done(stolen, admin.SetAdmin, dan.account, is_admin=True)
    device = stolen.signed_in.device
    done(ann, admin.RevokeDevice, device)
    assert given(ann, ann, device) == {(dan.account, "admin", "")}
    done(ann, admin.TakeBack, ann.account, device)
    assert (is_admin(boss, dan), is_admin(boss, own)) == (False, True)


def test_invitations_to_rooms_end_with_the_device_they_were_made_from(open_house: OpenHouse) -> None:
    house = open_house()
    ann = house.join("ann")
    stolen = house.greet("stolen")
    stolen.join("ann")
    bob, cid = house.join("bob"), house.join("cid")
    made = conversations.CreateRoom(ann.number(), "#board", access=Access.INVITE_ONLY)
    log = ann.ask(made, conversations.Opened).log
    done(stolen, conversations.InviteToRoom, log, bob.account)
    done(ann, conversations.InviteToRoom, log, cid.account)
    done(ann, admin.RevokeDevice, stolen.signed_in.device)
    join = conversations.JoinRoom(bob.number(), "#board")
    assert bob.ask(join, answers.Refused).known_code is RefusalCode.NOT_ALLOWED
    cid.ask(conversations.JoinRoom(cid.number(), "#board"), conversations.Opened)

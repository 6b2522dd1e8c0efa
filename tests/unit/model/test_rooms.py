"""Who may do what in a room."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lanline.errors import InvalidInput
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import (
    Access,
    Direct,
    Membership,
    Role,
    Room,
    Standing,
    checked_topic,
    ordered_pair,
)

LAB = LogId(1)
ANN, BEN = AccountId(1), AccountId(2)


@dataclass(frozen=True)
class People:
    owner = Membership(LAB, AccountId(1), Role.OWNER)
    moderator = Membership(LAB, AccountId(2), Role.MODERATOR)
    member = Membership(LAB, AccountId(3))
    muted = Membership(LAB, AccountId(4), is_muted=True)
    banned = Membership(LAB, AccountId(5), standing=Standing.BANNED)
    invited = Membership(LAB, AccountId(6), standing=Standing.INVITED)


def test_only_who_joined_and_is_not_muted_speaks() -> None:
    assert People.member.may_speak
    assert People.muted.may_read
    assert not People.muted.may_speak
    for outside in (People.banned, People.invited):
        assert not outside.may_read
        assert not outside.may_speak


def test_moderation_reaches_only_those_below() -> None:
    assert People.owner.may_moderate(People.moderator)
    assert People.moderator.may_moderate(People.member)
    assert not People.moderator.may_moderate(People.owner)
    assert not People.moderator.may_moderate(People.moderator)
    assert not People.owner.may_moderate(People.owner)
    assert not People.member.may_moderate(People.invited)
    assert not Membership(LAB, BEN, Role.OWNER, Standing.BANNED).may_moderate(People.member)


def test_only_an_owner_gives_roles_and_only_to_those_in_the_room() -> None:
    assert People.owner.may_give(Role.MODERATOR, People.member)
    assert not People.owner.may_give(Role.MEMBER, People.member)
    assert not People.owner.may_give(Role.MODERATOR, People.invited)
    assert not People.moderator.may_give(Role.MODERATOR, People.member)


def test_who_invites_to_an_open_and_to_an_invite_only_room() -> None:
    lab = Room(LAB, "#lab", "", Access.OPEN, ANN, 0)
    crew = Room(LAB, "#crew", "", Access.INVITE_ONLY, ANN, 0)
    assert People.member.may_invite(lab)
    assert not People.member.may_invite(crew)
    assert People.moderator.may_invite(crew)
    for outside in (People.banned, People.invited):
        assert not outside.may_invite(lab)


def test_pair_has_one_order_and_each_its_other() -> None:
    assert ordered_pair(BEN, ANN) == ordered_pair(ANN, BEN) == (ANN, BEN)
    assert Direct(LAB, ANN, BEN).other(ANN) == BEN
    assert Direct(LAB, ANN, BEN).other(BEN) == ANN
    assert Direct(LAB, ANN, ANN).other(ANN) == ANN


def test_topic_is_one_safe_line() -> None:
    assert checked_topic(" tea\nat \x1b[31mfour ") == "tea at \N{REPLACEMENT CHARACTER}[31mfour"
    with pytest.raises(InvalidInput):
        checked_topic("x" * 301)

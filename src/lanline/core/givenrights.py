"""Owns what somebody has given others: rights that stay when those of their giver end, until an admin takes them back.

A right given by an honest act does not fall with each demotion: a ban of one admin would empty the group. But who bans
somebody is to see whom they have let in and raised. What was only offered, an invite, ends by itself (`memberships`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import msgspec

from lanline.core.accounts import alter
from lanline.core.changes import Change
from lanline.core.commands import Authority, Command, Decision, known_account
from lanline.core.memberships import end_invitations, put
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.rooms import Role
from lanline.storage.api import Transaction, View


class Right(Enum):
    """The values are for programs."""

    ADMIN = "admin"
    OWNER = "owner"
    MODERATOR = "moderator"
    CAME = "came"
    """By an invite; it is theirs, and nobody takes it back but by a ban."""


class GivenRight(msgspec.Struct, frozen=True):
    account: AccountId
    right: Right
    room: str = ""


class ListGiven(msgspec.Struct, frozen=True):
    """By this account; by one device of it, which was stolen."""

    account: AccountId
    device: DeviceId | None = None

    def look(self, view: View, by: Authority) -> list[GivenRight]:
        by.check_admin()
        admins, devices = _givers(view, by, self.account, self.device)
        given = [GivenRight(each, Right.ADMIN) for each in admins]
        for device in devices:
            for member in view.rooms.roles_from(device):
                room = view.rooms.by_log(member.log)
                if room is not None and member.account not in {self.account, by.account}:
                    given.append(GivenRight(member.account, Right[member.role.name], room.name))
            given += [GivenRight(each, Right.CAME) for each in _came(view, device)]
        return given


def _came(view: View, device: DeviceId) -> Iterator[AccountId]:
    for each in view.accounts.came_from(device):
        account = view.accounts.by_id(each)
        if account is not None and not account.is_banned:
            yield each


def _givers(
    view: View, by: Authority, account: AccountId, device: DeviceId | None
) -> tuple[list[AccountId], list[DeviceId]]:
    """The admins whom they made, whom these made, and so on, but not who asks; and the devices of all of them."""
    devices = [each.id for each in view.accounts.devices(account) if device in {None, each.id}]
    admins: list[AccountId] = []
    for giver in devices:  # which grows on the way
        for each in view.accounts.admins_from(giver):
            if each not in {account, by.account, *admins}:
                admins.append(each)
                devices += [other.id for other in view.accounts.devices(each)]
    return admins, devices


class TakeBack(Command[None], frozen=True):
    """All of `ListGiven` but what came by an invite."""

    account: AccountId
    device: DeviceId | None = None

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        admins, devices = _givers(transaction, by, self.account, self.device)
        changes: list[Change] = []
        for each in admins:
            before = known_account(transaction, each)
            changes += alter(transaction, by, before, msgspec.structs.replace(before, is_admin=False))[1]
        for device in devices:
            for member in transaction.rooms.roles_from(device):
                room = transaction.rooms.by_log(member.log)
                if room is not None and member.account not in {self.account, by.account}:
                    after = msgspec.structs.replace(member, role=Role.MEMBER, given_from=None)
                    changes.append(put(transaction, room, member, after, by))
                    changes += end_invitations(transaction, member.account, by)
        return None, changes

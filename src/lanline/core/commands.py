"""Owns what a command is: a frozen value whose rule runs inside a transaction. The commands stand by their subjects.

A rule looks at nothing but its transaction, so what it finds is what holds when it is written. It may be run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

import msgspec

from lanline.core.changes import Actor, Change
from lanline.core.groupstate import GroupStates
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, DeviceId
from lanline.model.settings import ServerSettings
from lanline.storage.api import Transaction, View

T = TypeVar("T")
Decision = tuple[T, Sequence[Change]]
"""The outcome for whoever asked, and what everybody else is to know."""


class Context(msgspec.Struct, frozen=True):
    """What a rule may know besides the database."""

    settings: ServerSettings
    now_ms: int
    groups: GroupStates


class Authority(msgspec.Struct, frozen=True):
    """An actor with the rights that hold in this transaction."""

    actor: Actor
    is_admin: bool
    context: Context

    @property
    def account(self) -> AccountId:
        return self.actor.account

    @property
    def device(self) -> DeviceId | None:
        """From which something is given. None: the server's own machine."""
        return None if self.actor.is_operator else self.actor.device

    def check_admin(self) -> None:
        if not self.is_admin:
            raise not_an_admin()

    def check_person(self) -> None:
        if self.actor.is_operator:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "The operator is no person: take an account for that.")


class Command(msgspec.Struct, Generic[T], frozen=True):
    fills_disk: ClassVar[bool] = False
    """Only admins may do it while there is little room left."""

    def decide(self, transaction: Transaction, by: Authority) -> Decision[T]:
        """Raises RequestRefused, InvalidInput, RecordProblem: then nothing was changed."""
        raise NotImplementedError


def authority_of(view: View, actor: Actor, context: Context) -> Authority:
    if actor.is_operator:
        return Authority(actor, is_admin=True, context=context)
    return Authority(actor, check_still_known(view, actor.account, actor.device).is_admin, context)


def check_still_known(view: View, account: AccountId, device: DeviceId) -> Account:
    """Who was banned, or whose device was revoked, while the command waited may do nothing any more."""
    found, key = view.accounts.by_id(account), view.accounts.device(device)
    if found is None or found.is_banned or key is None or key.is_revoked:
        raise RequestRefused(RefusalCode.NOT_ALLOWED, "You may do nothing on this server any more. Ask its admin.")
    return found


def known_account(view: View, account: AccountId) -> Account:
    """Whom a command names."""
    found = view.accounts.by_id(account)
    if found is None or found.is_ended:
        raise unknown_person()
    return found


def unknown_person() -> RequestRefused:
    return RequestRefused(RefusalCode.UNKNOWN_PERSON, "There is nobody like that on this server.")


def unknown_conversation() -> RequestRefused:
    """The same answer for what there is not and for what one may not know of."""
    return RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such conversation, or you are not in it.")


def not_an_admin() -> RequestRefused:
    return RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin of this server may do that.")

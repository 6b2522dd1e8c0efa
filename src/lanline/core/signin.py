"""Owns how one comes in: by the key of a known device, or by name and password, which adds a device or an account.

Who may not make an account cannot find out which names are taken: not by the answer, and not by the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lanline.core.changes import OPERATOR, AccountChanged, Actor, Change, DeviceChanged, PasswordChanged
from lanline.core.commands import Authority, Command, Context, Decision, known_account
from lanline.core.conversations import read_directs
from lanline.core.cursors import Found, read_marks
from lanline.core.devices import offered_account, use_offer
from lanline.core.heldnames import check_free
from lanline.core.invites import end_first_invite, is_usable, use_invite
from lanline.core.journal import note
from lanline.core.passwords import check_new_password, check_same_password
from lanline.core.rooms import enter_lobby
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import FINGERPRINT_BYTES, Account, AccountId, Device, DeviceId
from lanline.model.invites import Invite, shown_id
from lanline.model.journal import Deed, NewJournalEntry
from lanline.model.logs import Cursor, LogId
from lanline.model.names import check_new_name, checked_name, folded_name
from lanline.model.rooms import Direct
from lanline.storage.api import Transaction, View
from lanline.ticket import Steps

if TYPE_CHECKING:
    from lanline.core.core import Core

_MAX_DEVICES_EVER = 4
"""Times as many as may be in use. Those that were revoked are kept for good, in memory too."""
_GATHERS_S = 15.0
_OLDER_THAN_DEVICE = (
    "The server was restored from a backup that is older than this device, and knows it again when members have "
    "brought what was lost, in some minutes."
)
_OPERATOR = Account(AccountId(0), "operator", 0, is_admin=True)


class SignedIn(msgspec.Struct, frozen=True):
    actor: Actor
    account: Account
    cursors: dict[LogId, Cursor]
    """How far this device is."""
    is_new: bool = False
    """The account was made just now."""


class SignInByKey(msgspec.Struct, frozen=True):
    fingerprint: bytes


class Join(msgspec.Struct, frozen=True):
    """By name and password, from a link with this key."""

    name: str
    password: str
    token: bytes | None
    fingerprint: bytes
    host: str


class ChangePassword(msgspec.Struct, frozen=True):
    """One's own."""

    old: str
    new: str
    host: str


class SetPassword(msgspec.Struct, frozen=True):
    """Somebody else's."""

    account: AccountId
    password: str


class _Read(msgspec.Struct, frozen=True):
    directs: list[tuple[Direct, int]]
    cursors: dict[LogId, Cursor]
    marks: Found


class SignIn:
    def __init__(self, core: Core) -> None:
        self._core = core
        self.operator_fingerprint: bytes | None = None
        """Whose link has this key is an admin without an account."""

    # A known device.

    def by_key(self, asked: SignInByKey) -> Steps[SignedIn]:
        if self.operator_fingerprint and asked.fingerprint == self.operator_fingerprint:
            return SignedIn(OPERATOR, _OPERATOR, {})
        device = self._core.accounts.by_key(asked.fingerprint)
        if device is None and self._core.gathering.is_on:
            raise RequestRefused(RefusalCode.SLOW_DOWN, _OLDER_THAN_DEVICE, _GATHERS_S)
        if device is None:
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "This server does not know this device. Join first.")
        return (yield from self._admit(device.id))

    def known_account(self, fingerprint: bytes) -> AccountId | None:
        """Whose device this is, as long as it may sign in. Its link has proven that it holds the key."""
        if fingerprint == self.operator_fingerprint:
            return _OPERATOR.id
        device = self._core.accounts.by_key(fingerprint)
        if device is None or device.is_revoked or self._core.accounts.known(device.account).is_banned:
            return None
        return device.account

    def _admit(self, device: DeviceId, *, is_new: bool = False) -> Steps[SignedIn]:
        """Once its conversations are here, which takes one read."""
        core, account = self._core, self._checked(device).id
        needs_directs = core.conversations.begin_directs(account)
        logs = core.cursors.unknown(each.log for each in core.conversations.of(account))

        def read(view: View) -> _Read:
            directs = read_directs(view, account) if needs_directs else []
            marks = read_marks(view, [*logs, *(direct.log for direct, _ in directs)])
            return _Read(directs, view.logs.device_cursors(device), marks)

        found: _Read | None = None
        try:
            found = yield from core.store.read(read).wait()
        finally:
            if needs_directs:
                core.conversations.end_directs(account, None if found is None else found.directs)
        core.cursors.add_marks(found.marks)
        return SignedIn(Actor(account, device), self._checked(device), found.cursors, is_new)

    def _checked(self, number: DeviceId) -> Account:
        device = self._core.accounts.device(number)
        assert device is not None
        owner = self._core.accounts.get(device.account)
        if owner is not None and owner.is_ended:
            text = f"The account {owner.name} was deleted. To come back, join with a new home folder (--home)."
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, text)
        if device.is_revoked:
            text = "The key of this device was revoked. Join again with a new home folder."
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, text)
        account = self._core.accounts.known(device.account)
        if account.is_banned:
            raise _banned(account)
        if self._core.presence.links(account.id) >= self._core.settings.most_links_of_account:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "This account is signed in too many times.")
        return account

    # By name and password.

    def join(self, asked: Join) -> Steps[SignedIn]:
        if asked.token is not None:
            owner = yield from self._core.store.read(lambda view: self._look_offer(asked, view)).wait()
            if owner is not None:
                return (yield from self._join_offered(asked, self._core.accounts.known(owner)))
            if not asked.name:
                text = "The link was used by another device, or its time is over. Make another: lanline devices add"
                raise RequestRefused(RefusalCode.INVITE_UNUSABLE, text)
        return (yield from self._join_named(asked))

    def _join_named(self, asked: Join) -> Steps[SignedIn]:
        core, name = self._core, checked_name(asked.name)
        account = core.accounts.by_name(name)
        password_hash: str | None = None
        self._check_key(asked.fingerprint, account)
        attempt = core.passwords.begin_try(asked.host, folded_name(name))
        with attempt:
            is_invited, known = yield from core.store.read(partial(self._look, asked, account)).wait()
            may_make = is_invited or core.settings.is_open
            if account is None and may_make:
                check_new_name(name)
                if not is_invited:
                    core.open_joins.take(asked.host, len(core.accounts), core.clock.now())
                if asked.password:  # without one the account has the devices that know its key, and no other
                    check_new_password(asked.password, name)
                    password_hash = yield from core.passwords.hash(asked.password).wait()
            elif not asked.password:
                self._check_is_known(asked, account, may_make=may_make)
            else:
                is_right = yield from core.passwords.verify(asked.password, known).wait()
                attempt.note(is_right=is_right)
                if not is_right:
                    core.wrong_passwords.note("" if account is None else account.name, asked.host)
                if account is None or not is_right:
                    raise _turned_away(name, asked.token, may_make, is_wrong=True)
        if account is None:
            self._check_room_for_more()
            make = partial(_make_account, core.context(), asked, name, password_hash, is_invited)
            return (yield from self._admit((yield from core.commit(make).wait()), is_new=True))

        def check(transaction: Transaction) -> None:
            check_same_password(transaction, account.id, known)

        return (yield from self._add_device(account.id, asked.fingerprint, check))

    def _look_offer(self, asked: Join, view: View) -> AccountId | None:
        return offered_account(view, asked.token, asked.fingerprint, self._core.context().now_ms)

    def _join_offered(self, asked: Join, account: Account) -> Steps[SignedIn]:
        """By a link that another device has made, or by the recovery key: it stands for the password."""
        if asked.name and folded_name(asked.name) != folded_name(account.name):
            text = f"This link is for another device of {account.name}, who it lets in as nobody else."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        self._check_key(asked.fingerprint, account)

        def check(transaction: Transaction) -> None:
            use_offer(transaction, asked.token or b"", asked.fingerprint, self._core.context().now_ms)

        return (yield from self._add_device(account.id, asked.fingerprint, check))

    def _look(self, asked: Join, account: Account | None, view: View) -> tuple[bool, str | None]:
        """Whether the asker has an invite, and the hash of the password. Nobody is looked up as well: reading takes
        time, too.
        """
        return is_usable(view, asked.token, self._core.context()), view.accounts.password_hash(
            AccountId(0) if account is None else account.id
        )

    def _check_key(self, fingerprint: bytes, account: Account | None) -> None:
        if len(fingerprint) != FINGERPRINT_BYTES or fingerprint == self.operator_fingerprint:
            raise RequestRefused(RefusalCode.INVALID, "This link shows no key by which a device could be known.")
        device = self._core.accounts.by_key(fingerprint)
        if device is not None and (account is None or device.account != account.id):
            owner = self._core.accounts.get(device.account)
            assert owner is not None
            text = f"This device belongs to {owner.name} already. Use another home folder."
            if owner.is_ended:
                text = f"The account of this device, {owner.name}, was deleted. Use another home folder."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)

    def _check_room_for_more(self) -> None:
        if len(self._core.accounts) >= self._core.settings.most_accounts:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "This server has as many accounts as it may.")
        self._check_takes_new()
        self._core.check_disk(is_admin=not self._core.accounts)  # the first one is whoever can mend it

    def _check_is_known(self, asked: Join, account: Account | None, *, may_make: bool) -> None:
        """Without a password, the key has to be enough: nothing is guessed at."""
        if account is None or self._core.accounts.by_key(asked.fingerprint) is None:
            if asked.token is None:
                self._check_takes_new()
            raise _turned_away(asked.name, asked.token, may_make)

    def _check_takes_new(self) -> None:
        if self._core.gathering.is_on:
            text = "The server was restored, and waits for its members: it takes nobody new for some minutes."
            raise RequestRefused(RefusalCode.SLOW_DOWN, text, 60.0)

    def _add_device(
        self, account: AccountId, fingerprint: bytes, check: Callable[[Transaction], None]
    ) -> Steps[SignedIn]:
        """`check`: whether what the asker has shown still stands."""
        core = self._core
        if (known := core.accounts.known(account)).is_banned:
            raise _banned(known)
        device = core.accounts.by_key(fingerprint)
        if device is not None:
            return (yield from self._admit(device.id))

        def add(transaction: Transaction) -> Decision[DeviceId]:
            check(transaction)
            found = known_account(transaction, account)
            if found.is_banned:
                raise _banned(found)
            devices = transaction.accounts.devices(account)
            if sum(not each.is_revoked for each in devices) >= core.settings.most_devices:
                text = "This account has as many devices as it may. Revoke one that is not used."
                raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
            if len(devices) >= _MAX_DEVICES_EVER * core.settings.most_devices:
                text = "This account has had as many devices as it may. Ask an admin to raise 'limits.most_devices'."
                raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
            now_ms = core.context().now_ms
            added = transaction.accounts.add_device(account, fingerprint, now_ms)
            noted = NewJournalEntry(now_ms, Deed.DEVICE_ADDED, account, found.name, detail=str(added.id))
            transaction.journal.add(noted)
            return added.id, (DeviceChanged(added, is_new=True),)

        return (yield from self._admit((yield from core.commit(add).wait())))

    # Passwords of accounts that are there.

    def change_password(self, actor: Actor, asked: ChangePassword) -> Steps[None]:
        core, account = self._core, self._core.accounts.known(actor.account)
        check_new_password(asked.new, account.name)
        # Strangers who guess at this name do not keep its owner from changing the password.
        attempt = core.passwords.begin_try(asked.host, f"\0{folded_name(account.name)}")
        with attempt:
            known = yield from core.store.read(lambda view: view.accounts.password_hash(account.id)).wait()
            if known is not None:  # the first one: the key of a device is enough
                is_right = yield from core.passwords.verify(asked.old, known, is_member=True).wait()
                attempt.note(is_right=is_right)
                if not is_right:
                    core.wrong_passwords.note(account.name, asked.host)
                    raise RequestRefused(RefusalCode.BAD_CREDENTIALS, "The old password is not right.")
        password_hash = yield from core.passwords.hash(asked.new, is_member=True).wait()
        yield from core.decide(actor, _PutOwnPassword(password_hash, known)).wait()

    def set_password(self, actor: Actor, asked: SetPassword) -> Steps[None]:
        self._core.accounts.check_admin(actor.account)
        account = self._core.accounts.known(asked.account)
        check_new_password(asked.password, account.name)
        password_hash = yield from self._core.passwords.hash(asked.password, is_member=True).wait()
        yield from self._core.decide(actor, _PutPassword(account.id, password_hash)).wait()


class _PutOwnPassword(Command[None], frozen=True):
    password_hash: str
    before: str | None

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        check_same_password(transaction, by.account, self.before)
        transaction.accounts.set_password_hash(by.account, self.password_hash)
        note(transaction, by, Deed.PASSWORD_CHANGED)
        return None, (PasswordChanged(by.account, by.actor),)


class _PutPassword(Command[None], frozen=True):
    account: AccountId
    password_hash: str

    def decide(self, transaction: Transaction, by: Authority) -> Decision[None]:
        by.check_admin()
        transaction.accounts.set_password_hash(self.account, self.password_hash)
        note(transaction, by, Deed.PASSWORD_SET, known_account(transaction, self.account).name)
        return None, (PasswordChanged(self.account, by.actor),)


def _banned(account: Account) -> RequestRefused:
    why = f": {account.ban_reason.rstrip('.')}" if account.ban_reason else ""
    return RequestRefused(RefusalCode.BANNED, f"You are banned from this server{why}. Ask its admin.")


def _turned_away(name: str, token: bytes | None, may_make: bool, is_wrong: bool = False) -> RequestRefused:
    """The same for a name that nobody has as for a wrong password, unless one may make accounts and so may know."""
    if may_make:
        text = f"The name {name} is taken: give its password, or choose another name."
        if is_wrong:
            text = f"This is not the password of {name}. Try again, or choose another name."
        return RequestRefused(RefusalCode.NAME_TAKEN, text)
    if token is not None:
        text = (
            "The invite is used up, expired, damaged, from before a restore of the server, or not of this server: ask "
            "for a new one. Who has an account here gives its password."
        )
        return RequestRefused(RefusalCode.INVITE_UNUSABLE, text)
    text = "There is no account with this name and password. To make one here takes an invite."
    return RequestRefused(RefusalCode.BAD_CREDENTIALS, text)


def _make_account(
    context: Context,
    asked: Join,
    name: str,
    password_hash: str | None,
    is_invited: bool,
    transaction: Transaction,
) -> Decision[DeviceId]:
    # One that has been used up since it was looked at ends this; otherwise it would stand outside of `open_joins`.
    invite = use_invite(transaction, asked.token or b"", context) if is_invited else None
    is_admin = invite is not None and invite.grants_admin
    end_first_invite(transaction)
    check_free(transaction, name, context)
    came_from = None if invite is None else invite.made_from
    account = transaction.accounts.add(
        name,
        context.now_ms,
        is_admin=is_admin,
        password_hash=password_hash,
        is_invited=is_invited,
        came_from=came_from,
    )
    device: Device = transaction.accounts.add_device(account.id, asked.fingerprint, context.now_ms)
    how = _how_joined(transaction, invite)
    transaction.journal.add(NewJournalEntry(context.now_ms, Deed.JOINED, account.id, name, detail=how))
    changes: list[Change] = [AccountChanged(account, is_new=True)]
    changes += enter_lobby(transaction, account.id, context, is_admin=is_admin)
    return device.id, [*changes, DeviceChanged(device, is_new=True)]


def _how_joined(view: View, invite: Invite | None) -> str:
    if invite is None:
        return "without an invite"
    maker = None if invite.creator is None else view.accounts.by_id(invite.creator)
    of = "" if maker is None else f" of {maker.name}"
    return f"by the invite {shown_id(invite.token_hash)}{of}{', as an admin' if invite.grants_admin else ''}"

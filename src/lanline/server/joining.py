"""Joining by name and password: a free name makes an account, a taken one wants its password and adds the device.

Who may not make an account cannot find out which names are taken: not by the answer, and not by the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import FINGERPRINT_BYTES, Account, AccountId, Device
from lanline.model.names import checked_name, folded_name
from lanline.model.settings import ServerSettings
from lanline.server.door import Door, banned
from lanline.server.notices import Notices
from lanline.server.passwords import Passwords, not_done
from lanline.server.roomnews import RoomNews
from lanline.server.session import Session, State
from lanline.server.state import ServerState
from lanline.services.accounts import check_new_password, check_same_password, checked_label
from lanline.services.invites import end_first_invite, is_usable, use_invite
from lanline.services.rooms import RoomChange, enter_lobby
from lanline.storage.api import Transaction
from lanline.storage.ticket import Ticket
from lanline.wire.chat.answers import ServerSays
from lanline.wire.chat.signin import Join

T = TypeVar("T")


class Attempt(msgspec.Struct, frozen=True, eq=False):
    session: Session
    message: Join
    name: str
    label: str
    may_make: bool
    """An account: the server is open, or the invite is good."""
    host: str
    """Where it was made: what is given back is given back there, wherever the link has moved."""


class Newcomer(msgspec.Struct, frozen=True):
    account: Account
    device: Device
    lobby: RoomChange


class Joining:
    def __init__(self, state: ServerState, door: Door, passwords: Passwords, notices: Notices, news: RoomNews) -> None:
        self._state = state
        self._door = door
        self._passwords = passwords
        self._notices = notices
        self._news = news

    def join(self, session: Session, message: Join) -> None:
        name, label = checked_name(message.name), checked_label(message.label)
        account = self._state.directory.by_name(name)
        self._check_key(session, account)
        may_make = self._state.settings.is_open or self._has_invite(message.token)
        if account is None and may_make:
            check_new_password(message.password, name)
        attempt = Attempt(session, message, name, label, may_make, session.address[0])
        self._passwords.begin_try(attempt.host, folded_name(name))
        session.state = State.JOINING
        try:
            known = self._passwords.known_hash(None if account is None else account.id)
            if account is None and may_make:
                self._passwords.hash(message.password, partial(self._hashed, attempt))
            else:
                self._passwords.verify(message.password, known, partial(self._verified, attempt, account, known))
        except Exception:
            _end_joining(session)
            self._forgive(attempt)
            raise

    def _forgive(self, attempt: Attempt) -> None:
        self._passwords.forgive(attempt.host, folded_name(attempt.name))

    def _has_invite(self, token: bytes | None) -> bool:
        now_ms = self._state.clock.now_ms()
        may = self._state.settings.members_may_invite
        return self._state.store.read(lambda view: is_usable(view, token, now_ms, members_may_invite=may))

    def _check_key(self, session: Session, account: Account | None) -> None:
        fingerprint = session.link.peer_fingerprint
        if len(fingerprint) != FINGERPRINT_BYTES or fingerprint == self._door.operator_fingerprint:
            raise RequestRefused(RefusalCode.INVALID, "This link shows no key by which a device could be known.")
        device = self._state.directory.by_key(fingerprint)
        if device is not None and (account is None or device.account != account.id):
            owner = self._state.directory.known(device.account).name
            text = f"This device belongs to {owner} already. Use another home folder."
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)

    # A name that is known, or that one may not take.

    def _verified(self, attempt: Attempt, account: Account | None, known: str | None, is_right: bool | None) -> None:
        if is_right is None:
            self._forgive(attempt)
        if _end_joining(attempt.session):
            attempt.session.attempt(attempt.message.request, lambda: self._judge(attempt, account, known, is_right))

    def _judge(self, attempt: Attempt, account: Account | None, known: str | None, is_right: bool | None) -> None:
        if is_right is None:
            raise not_done()
        if account is None or not is_right:
            raise _turned_away(attempt)
        self._passwords.settle(attempt.host, folded_name(attempt.name))
        self._add_device(attempt, account.id, known)

    def _add_device(self, attempt: Attempt, account: AccountId, password_hash: str | None) -> None:
        session, directory = attempt.session, self._state.directory
        if directory.known(account).is_banned:
            raise banned()
        fingerprint, now_ms = session.link.peer_fingerprint, self._state.clock.now_ms()
        device = directory.by_key(fingerprint)
        if device is not None:
            self._door.admit(session, attempt.message.request, device)
            return
        if sum(not each.is_revoked for each in directory.devices(account)) >= self._state.settings.most_devices:
            text = "This account has as many devices as it may. Revoke one that is not used."
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)

        def add(transaction: Transaction) -> Device:
            check_same_password(transaction, account, password_hash)
            return transaction.accounts.add_device(account, fingerprint, attempt.label, now_ms)

        self._write(attempt, add, lambda added: self._add(attempt, added))

    def _add(self, attempt: Attempt, added: Device) -> None:
        """Those who are there are told: whoever knows the password can do this."""
        text = f"A device was added to your account: {added.label}. Not yours? Tell an admin at once."
        self._state.tell([added.account], ServerSays(text))
        self._enter(attempt, added, is_new=False)

    # A new name.

    def _hashed(self, attempt: Attempt, password_hash: str | None) -> None:
        self._forgive(attempt)
        if _end_joining(attempt.session):
            attempt.session.attempt(attempt.message.request, lambda: self._make(attempt, password_hash))

    def _make(self, attempt: Attempt, password_hash: str | None) -> None:
        if password_hash is None:
            raise not_done()
        if len(self._state.directory) >= self._state.settings.most_accounts:
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, "This server has as many accounts as it may.")
        self._state.check_room(is_admin=False)
        work = partial(
            _make_account,
            attempt=attempt,
            password_hash=password_hash,
            settings=self._state.settings,
            now_ms=self._state.clock.now_ms(),
        )
        self._write(attempt, work, partial(self._welcome, attempt))

    def _welcome(self, attempt: Attempt, newcomer: Newcomer) -> None:
        account = newcomer.account
        self._state.directory.put(account)
        self._notices.tell_new(account.id)
        self._news.apply(newcomer.lobby, account.id)
        self._enter(attempt, newcomer.device, is_new=True)

    def _enter(self, attempt: Attempt, device: Device, *, is_new: bool) -> None:
        self._state.directory.put_device(device)
        if attempt.session.state is State.GREETED:
            self._door.admit(attempt.session, attempt.message.request, device, is_new=is_new)

    def _write(self, attempt: Attempt, work: Callable[[Transaction], T], then: Callable[[T], None]) -> None:
        def settled(ticket: Ticket[T]) -> None:
            _end_joining(attempt.session)
            attempt.session.attempt(attempt.message.request, lambda: then(ticket.result()))

        ticket = self._state.store.write(work)
        attempt.session.state = State.JOINING
        ticket.when_settled(settled)


def _end_joining(session: Session) -> bool:
    """False: the client did not wait for the answer."""
    if session.state is not State.JOINING:
        return False
    session.state = State.GREETED
    return True


def _turned_away(attempt: Attempt) -> RequestRefused:
    """The same for a name that nobody has as for a wrong password, unless one may make accounts and so may know."""
    if attempt.may_make:
        text = f"The name {attempt.name} is taken: give its password, or choose another name."
        return RequestRefused(RefusalCode.NAME_TAKEN, text)
    if attempt.message.token is not None:
        text = "The invite is used up, has expired, or is not of this server; and this is no name and password either."
        return RequestRefused(RefusalCode.INVITE_UNUSABLE, text)
    text = "There is no account with this name and password. To make one here takes an invite."
    return RequestRefused(RefusalCode.BAD_CREDENTIALS, text)


def _make_account(
    transaction: Transaction, attempt: Attempt, password_hash: str, settings: ServerSettings, now_ms: int
) -> Newcomer:
    is_admin = _use_invite(transaction, attempt.message.token, settings, now_ms)
    end_first_invite(transaction)
    account = transaction.accounts.add(attempt.name, now_ms, is_admin=is_admin, password_hash=password_hash)
    fingerprint = attempt.session.link.peer_fingerprint
    device = transaction.accounts.add_device(account.id, fingerprint, attempt.label, now_ms)
    change = enter_lobby(transaction, account.id, settings.lobby, now_ms, is_admin=is_admin)
    return Newcomer(account, device, change)


def _use_invite(transaction: Transaction, token: bytes | None, settings: ServerSettings, now_ms: int) -> bool:
    """Whether it makes an admin. On an open server one that does not hold is no reason to stay outside."""
    may = settings.members_may_invite
    if token is None or (settings.is_open and not is_usable(transaction, token, now_ms, members_may_invite=may)):
        return False
    return use_invite(transaction, token, now_ms, members_may_invite=may).grants_admin

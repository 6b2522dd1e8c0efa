"""What is asked about accounts: one's own, and for admins everybody's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from lanline.errors import CloseCode, RefusalCode, RequestRefused
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.invites import Invite, invite_token_hash
from lanline.model.names import folded_name
from lanline.model.text import safe_line
from lanline.server.notices import Notices
from lanline.server.passwords import Passwords, not_done
from lanline.server.session import Handler, Session
from lanline.server.state import ServerState
from lanline.services.accounts import check_new_password, check_same_password
from lanline.services.invites import drop_invite, make_invite, new_token, visible_invites
from lanline.storage.api import Transaction
from lanline.wire.chat import admin
from lanline.wire.chat.answers import Done, ServerSays
from lanline.wire.chat.signin import ChangePassword, Deregister

_MOST_REASON_CHARS = 300


class AdminDesk:
    def __init__(self, state: ServerState, notices: Notices, passwords: Passwords) -> None:
        self._state = state
        self._notices = notices
        self._passwords = passwords

    def handlers(self) -> dict[type, Handler]:
        return {
            ChangePassword: self._change_password,
            Deregister: self._deregister,
            admin.MakeInvite: self._make_invite,
            admin.ListInvites: self._list_invites,
            admin.DropInvite: self._drop_invite,
            admin.ListUsers: self._list_users,
            admin.SetBanned: self._set_banned,
            admin.SetAdmin: self._set_admin,
            admin.SetPassword: self._set_password,
            admin.RevokeDevice: self._revoke_device,
            admin.AskStatus: self._ask_status,
        }

    def _check(self, session: Session, *, needs_admin: bool = True) -> None:
        if needs_admin and not session.is_admin:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only an admin of this server may do that.")
        self._state.check_pace(session)

    # One's own account.

    def _change_password(self, session: Session, message: ChangePassword) -> None:
        self._check(session, needs_admin=False)
        account = self._state.directory.known(session.account)
        check_new_password(message.new, account.name)
        # Strangers who guess at this name do not keep its owner from changing the password.
        host, name, request = session.address[0], f"\0{folded_name(account.name)}", message.request
        self._passwords.begin_try(host, name)

        def judge(is_right: bool | None) -> None:
            if is_right is None:
                raise not_done()
            if not is_right:
                raise RequestRefused(RefusalCode.BAD_CREDENTIALS, "The old password is not right.")
            text = "The password of your account was changed on another device."
            is_same = partial(check_same_password, account=account.id, password_hash=known)
            self._put_password(session, request, account.id, message.new, ServerSays(text), is_same)

        def judged(is_right: bool | None) -> None:
            if is_right:
                self._passwords.settle(host, name)
            elif is_right is None:
                self._passwords.forgive(host, name)
            session.attempt(request, lambda: judge(is_right))

        try:
            known = self._passwords.known_hash(account.id)
            self._passwords.verify(message.old, known, judged)
        except Exception:
            self._passwords.forgive(host, name)
            raise

    def _put_password(
        self,
        session: Session,
        request: int,
        account: AccountId,
        password: str,
        told: ServerSays,
        check: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        def then(_: None) -> None:
            self._state.tell([account], told, but=session)
            session.send(Done(request))

        def put(password_hash: str | None) -> None:
            if password_hash is None:
                raise not_done()

            def work(transaction: Transaction) -> None:
                check(transaction)
                transaction.accounts.set_password_hash(account, password_hash)

            self._state.write(session, request, work, then)

        self._passwords.hash(password, lambda answer: session.attempt(request, lambda: put(answer)))

    def _deregister(self, session: Session, message: Deregister) -> None:
        for other in tuple(self._state.sessions_of.get(session.account, ())):
            if other is not session:
                other.close(CloseCode.DONE, "This account went offline.")
        session.send(Done(message.request))
        session.close_after_this(CloseCode.DONE, "This account went offline.", self._state.clock)

    def _revoke_device(self, session: Session, message: admin.RevokeDevice) -> None:
        device = self._state.directory.device(DeviceId(message.device))
        if device is None or not (session.is_admin or device.account == session.account):
            raise RequestRefused(RefusalCode.UNKNOWN_DEVICE, "There is no such device.")
        self._check(session, needs_admin=False)
        now_ms = self._state.clock.now_ms()

        def then(revoked: Device | None) -> None:
            assert revoked is not None
            self._state.directory.put_device(revoked)
            session.send(Done(message.request))
            for other in tuple(self._state.sessions_of.get(revoked.account, ())):
                if other.device == revoked.id:
                    other.close(CloseCode.IDENTITY_REJECTED, "The key of this device was revoked.")

        def revoke(transaction: Transaction) -> Device | None:
            transaction.accounts.revoke_device(device.id, now_ms)
            # Whoever has stolen it may have made invites with it; they do not stand in its name.
            transaction.invites.drop_all(device.added_ms, device.account)
            return transaction.accounts.device(device.id)

        self._state.write(session, message.request, revoke, then)

    # Invites.

    def _make_invite(self, session: Session, message: admin.MakeInvite) -> None:
        self._check(session, needs_admin=not self._state.settings.members_may_invite)
        creator = None if session.is_operator else session.account
        token = new_token(self._state.entropy)
        invite = self.new_invite(token, message.uses, message.expires_in_s, message.grants_admin, creator)
        self._state.write(
            session,
            message.request,
            partial(make_invite, invite=invite, is_admin=session.is_admin),
            lambda _: session.send(admin.InviteMade(message.request, token)),
        )

    def new_invite(
        self, token: bytes, uses: int, expires_in_s: float | None, grants_admin: bool, creator: AccountId | None
    ) -> Invite:
        now_ms = self._state.clock.now_ms()
        expires_ms = None if expires_in_s is None else now_ms + round(expires_in_s * 1000)
        return Invite(invite_token_hash(token), uses, expires_ms, grants_admin, creator, now_ms)

    def _list_invites(self, session: Session, message: admin.ListInvites) -> None:
        self._check(session, needs_admin=not self._state.settings.members_may_invite)
        actor, now_ms = session.actor, self._state.clock.now_ms()
        found = self._state.store.read(
            lambda view: visible_invites(view, actor.account, now_ms, is_admin=actor.is_admin)
        )
        infos = tuple(
            admin.InviteInfo(
                each.token_hash, each.uses_left, each.expires_ms, each.grants_admin, each.creator, each.created_ms
            )
            for each in found
        )
        session.send(admin.Invites(message.request, infos))

    def _drop_invite(self, session: Session, message: admin.DropInvite) -> None:
        self._check(session, needs_admin=not self._state.settings.members_may_invite)
        actor, token_hash = session.actor, message.token_hash
        self._state.write(
            session,
            message.request,
            lambda transaction: drop_invite(transaction, token_hash, actor.account, is_admin=actor.is_admin),
            lambda _: session.send(Done(message.request)),
        )

    # Everybody's accounts.

    def _list_users(self, session: Session, message: admin.ListUsers) -> None:
        self._check(session)
        accounts = self._state.directory.all()
        sizes = self._state.store.read(lambda view: view.blobs.sizes())
        users = tuple(self._user(account, sizes.get(account.id, 0)) for account in accounts)
        session.send(admin.Users(message.request, users))

    def _user(self, account: Account, blob_bytes: int) -> admin.UserInfo:
        online = {session.device for session in self._state.sessions_of.get(account.id, ())}
        devices = tuple(
            admin.DeviceInfo(
                device.id, device.label, device.fingerprint, device.added_ms, device.is_revoked, device.id in online
            )
            for device in self._state.directory.devices(account.id)
        )
        return admin.UserInfo(
            account.id, account.name, account.created_ms, account.is_admin, account.is_banned, blob_bytes, devices
        )

    def _set_banned(self, session: Session, message: admin.SetBanned) -> None:
        self._check(session)
        if message.account == session.account:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Not yourself.")
        reason = " ".join(safe_line(message.reason).split())[:_MOST_REASON_CHARS]

        def then(account: Account) -> None:
            self._changed(account)
            session.send(Done(message.request))
            if account.is_banned:
                self._put_off(account.id, reason)

        self._alter(session, message.request, AccountId(message.account), then, is_banned=message.is_banned)

    def _put_off(self, account: AccountId, reason: str) -> None:
        text = f"You are banned from this server: {reason}" if reason else "You are banned from this server."
        for other in tuple(self._state.sessions_of.get(account, ())):
            other.close(CloseCode.IDENTITY_REJECTED, text)

    def _set_admin(self, session: Session, message: admin.SetAdmin) -> None:
        self._check(session)

        def then(account: Account) -> None:
            self._changed(account)
            for other in self._state.sessions_of.get(account.id, ()):
                other.is_admin = account.is_admin
            session.send(Done(message.request))

        self._alter(session, message.request, AccountId(message.account), then, is_admin=message.is_admin)

    def _alter(
        self, session: Session, request: int, account: AccountId, then: Callable[[Account], None], **flags: bool
    ) -> None:
        self._state.directory.known(account)

        def work(transaction: Transaction) -> Account:
            before = transaction.accounts.by_id(account)
            assert before is not None
            after = msgspec.structs.replace(before, **flags)
            if not session.is_operator and _rules(before) and not _rules(after):
                _check_others_rule(transaction, account)
            if after.is_banned or (before.is_admin and not after.is_admin):
                transaction.invites.drop_all(creator=account)
            transaction.accounts.change(after)
            return after

        self._state.write(session, request, work, then)

    def _changed(self, account: Account) -> None:
        self._state.directory.put(account)
        self._state.presence.note_change(account.id)
        self._notices.request_push()

    def _set_password(self, session: Session, message: admin.SetPassword) -> None:
        self._check(session)
        account = self._state.directory.known(AccountId(message.account))
        check_new_password(message.password, account.name)
        text = "An admin has given your account a new password. Your devices stay signed in."
        self._put_password(session, message.request, account.id, message.password, ServerSays(text))

    def _ask_status(self, session: Session, message: admin.AskStatus) -> None:
        self._check(session)
        session.send(admin.ServerStatus(message.request, self._state.figures()))


def _rules(account: Account) -> bool:
    return account.is_admin and not account.is_banned


def _check_others_rule(transaction: Transaction, account: AccountId) -> None:
    """In the transaction: of two admins who demote each other at once, one stays."""
    if not any(_rules(each) for each in transaction.accounts.all() if each.id != account):
        text = "There is no other admin. Promote somebody first, or do it on the server's own machine with --data."
        raise RequestRefused(RefusalCode.NOT_ALLOWED, text)

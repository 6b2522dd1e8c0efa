"""Owns what each message of a client asks of the core, and the message that answers it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lanline.clock import Clock
from lanline.core import accounts, blobs, endings, invites, rooms, signin
from lanline.core.commands import Authority
from lanline.core.core import Core
from lanline.errors import CloseCode, RequestRefused
from lanline.gateways.lanline.answering import commands, does, looks
from lanline.gateways.lanline.catchup import CatchUp
from lanline.gateways.lanline.conversations import member_info, room_info
from lanline.gateways.lanline.followers import CHUNK_BYTES, as_log_entries
from lanline.gateways.lanline.session import Handler, Session
from lanline.model.accounts import Account, AccountId
from lanline.model.addresses import address_text
from lanline.model.blobs import BlobId
from lanline.model.invites import Invite
from lanline.model.logs import Entry, LogId
from lanline.storage.api import View
from lanline.wire.chat import admin, answers, conversations, entries
from lanline.wire.chat import blobs as wireblobs
from lanline.wire.chat import signin as wiresignin


class Requests:
    def __init__(
        self,
        core: Core,
        clock: Clock,
        catch_up: CatchUp,
        sessions_of: Callable[[AccountId], tuple[Session, ...]],
        figures: Callable[[], dict[str, float]],
    ) -> None:
        self._core = core
        self._clock = clock
        self._catch_up = catch_up
        self._sessions_of = sessions_of
        self._figures = figures

    def handlers(self) -> dict[type, Handler]:
        c, a, core = conversations, admin, self._core
        return {
            wiresignin.Hello: self._greet,
            wiresignin.SignIn: self._sign_in,
            wiresignin.Join: self._join,
            wiresignin.ChangePassword: self._change_password,
            wiresignin.Deregister: self._deregister,
            wiresignin.SetAway: self._set_away,
            c.CreateRoom: commands(core, lambda m: rooms.CreateRoom(m.name, m.topic, m.access), _opened),
            c.JoinRoom: commands(core, lambda m: rooms.JoinRoom(m.name), _opened),
            c.OpenDirect: commands(core, lambda m: rooms.OpenDirect(m.account), _opened),
            c.LeaveRoom: does(core, lambda m: rooms.LeaveRoom(m.log)),
            c.InviteToRoom: does(core, lambda m: rooms.InviteToRoom(m.log, m.account)),
            c.SetTopic: does(core, lambda m: rooms.SetTopic(m.log, m.topic)),
            c.SetAccess: does(core, lambda m: rooms.SetAccess(m.log, m.access)),
            c.SetRole: does(core, lambda m: rooms.SetRole(m.log, m.account, m.role)),
            c.SetMuted: does(core, lambda m: rooms.SetMuted(m.log, m.account, m.is_muted)),
            c.SendAway: does(core, lambda m: rooms.SendAway(m.log, m.account)),
            c.SetBannedFromRoom: does(core, lambda m: rooms.SetBannedFromRoom(m.log, m.account, m.is_banned)),
            c.SetSlow: does(core, lambda m: rooms.SetSlow(m.log, m.slow_s)),
            c.SetPinned: does(core, lambda m: rooms.SetPinned(m.log, m.sequence, m.is_pinned)),
            c.ListRooms: self._list_rooms,
            c.ListMembers: self._list_members,
            entries.Append: self._append,
            entries.Advance: self._advance,
            entries.Follow: self._follow,
            entries.Unfollow: lambda session, m: self._catch_up.unfollow(session, LogId(m.log)),
            entries.ReadBefore: self._read_before,
            wireblobs.PutBlob: self._put_blob,
            wireblobs.GetBlob: looks(core, _find_blob, _blob_found, Session.send_bulk),
            a.MakeInvite: self._make_invite,
            a.ListInvites: looks(core, lambda _: invites.list_invites, _invites, Session.send_listing),
            a.DropInvite: does(core, lambda m: invites.DropInvite(m.token_hash)),
            a.ListUsers: self._list_users,
            a.SetBanned: does(core, lambda m: accounts.SetBanned(m.account, m.is_banned, m.reason)),
            a.SetAdmin: does(core, lambda m: accounts.SetAdmin(m.account, m.is_admin)),
            a.SetPassword: self._set_password,
            a.RevokeDevice: does(core, lambda m: accounts.RevokeDevice(m.device)),
            a.AskStatus: self._ask_status,
            a.DeleteAccount: does(core, lambda m: endings.DeleteAccount(m.account, m.content, m.reason)),
            a.DeleteRoom: does(core, lambda m: endings.DeleteRoom(m.log)),
        }

    # Coming in, and going.

    def _greet(self, session: Session, message: wiresignin.Hello) -> None:
        common = [version for version in wiresignin.VERSIONS if version in message.versions]
        if not common:
            session.send(wiresignin.NoCommonVersion(wiresignin.VERSIONS))
            why = "There is no version of the protocol that both sides speak."
            session.close_after_this(CloseCode.INCOMPATIBLE_VERSION, why, self._clock)
            return
        session.greet()
        settings = self._core.settings
        now_ms = self._clock.now_ms()
        session.send(wiresignin.Welcome(common[-1], settings.server_name, settings.is_open, now_ms))

    def _sign_in(self, session: Session, message: wiresignin.SignIn) -> None:
        session.is_away = message.is_away
        session.sign_in(message.request, self._core.enter(signin.SignInByKey(session.link.peer_fingerprint)))

    def _join(self, session: Session, message: wiresignin.Join) -> None:
        asked = signin.Join(
            message.name,
            message.password,
            message.token,
            session.link.peer_fingerprint,
            session.address[0],
        )
        session.sign_in(message.request, self._core.enter(asked))

    def _change_password(self, session: Session, message: wiresignin.ChangePassword) -> None:
        asked = signin.ChangePassword(message.old, message.new, session.address[0])
        self._put_password(session, message.request, asked)

    def _set_password(self, session: Session, message: admin.SetPassword) -> None:
        asked = signin.SetPassword(AccountId(message.account), message.password)
        self._put_password(session, message.request, asked)

    def _put_password(self, session: Session, request: int, asked: signin.ChangePassword | signin.SetPassword) -> None:
        session.command(
            request,
            lambda: self._core.change_password(session.actor, asked),
            lambda _: session.send(answers.Done(request)),
        )

    def _deregister(self, session: Session, message: wiresignin.Deregister) -> None:
        for other in self._sessions_of(session.actor.account):
            if other is not session:
                other.close(CloseCode.DONE, "This account went offline.")
        session.send(answers.Done(message.request))
        session.close_after_this(CloseCode.DONE, "This account went offline.", self._clock)

    def _set_away(self, session: Session, message: wiresignin.SetAway) -> None:
        """Each change may be told to everybody: it is paced like what changes something."""
        self._core.check_pace(session.actor)
        if message.is_away != session.is_away and not session.actor.is_operator:
            session.is_away = message.is_away
            if message.is_away:
                self._core.presence.leave(session.actor.account)
            else:
                self._core.presence.attend(session.actor.account, address_text(session.address))
        session.send(answers.Done(message.request))

    # Conversations.

    def _list_rooms(self, session: Session, message: conversations.ListRooms) -> None:
        session.check_reads()
        self._core.check_pace(session.actor)
        account = session.actor.account
        is_admin = self._core.accounts.is_admin(account)
        found = self._core.conversations.rooms()
        shown = [each for each in found if is_admin or each.is_visible_to(account)]
        visible = tuple(room_info(each, for_reader=each.may_read(account)) for each in shown)
        session.send_listing(conversations.Rooms(message.request, visible))

    def _list_members(self, session: Session, message: conversations.ListMembers) -> None:
        session.check_reads()
        self._core.check_pace(session.actor)
        log, account = LogId(message.log), session.actor.account
        conversation = self._core.conversations.get(log)
        if conversation is None or conversation.room is None or not self._core.accounts.is_admin(account):
            conversation = self._core.conversations.readable(log, account)
        members = tuple(map(member_info, conversation.members.values()))
        session.send_listing(conversations.Members(message.request, log, members))

    # Entries and files.

    def _append(self, session: Session, message: entries.Append) -> None:
        author = session.author or session.append_author()
        log = LogId(message.log)
        self._core.appends.take(author, message.request, log, message.entry_id, message.suite, message.content)

    def _advance(self, session: Session, message: entries.Advance) -> None:
        session.count_excess()
        moved = [(LogId(each.log), each.delivered, each.read) for each in message.cursors]
        self._core.cursors.advance(session.actor, moved)

    def _follow(self, session: Session, message: entries.Follow) -> None:
        session.count_excess()
        try:
            self._catch_up.follow(session, LogId(message.log), message.after)
        except RequestRefused as refusal:
            session.send(conversations.ConversationGone(message.log, str(refusal)))

    def _read_before(self, session: Session, message: entries.ReadBefore) -> None:
        log = LogId(message.log)

        def answer(found: list[Entry]) -> None:
            session.send(entries.EarlierEntries(message.request, log, as_log_entries(found)))

        session.ask(
            message.request,
            lambda: self._core.read_before(session.actor, log, message.before, message.limit, CHUNK_BYTES),
            answer,
        )

    def _put_blob(self, session: Session, message: wireblobs.PutBlob) -> None:
        session.put_blob(
            message.request,
            len(message.data),
            lambda: self._core.do(session.actor, blobs.PutBlob(message.data)),
            lambda name: session.send_bulk(wireblobs.BlobStored(message.request, name)),
        )

    # For admins.

    def _make_invite(self, session: Session, message: admin.MakeInvite) -> None:
        asked = partial(self._core.make_invite, session.actor, message.uses, message.expires_in_s)
        session.command(
            message.request,
            lambda: asked(grants_admin=message.grants_admin),
            lambda token: session.send(admin.InviteMade(message.request, token)),
        )

    def _list_users(self, session: Session, message: admin.ListUsers) -> None:
        def answer(sizes: dict[AccountId, int]) -> None:
            there = [each for each in self._core.accounts.all() if not each.is_ended]
            users = tuple(self._user(each, sizes.get(each.id, 0)) for each in there)
            session.send_listing(admin.Users(message.request, users))

        session.ask(message.request, lambda: self._core.ask(session.actor, _blob_sizes), answer)

    def _user(self, account: Account, blob_bytes: int) -> admin.UserInfo:
        online = {session.actor.device for session in self._sessions_of(account.id)}
        devices = tuple(
            admin.DeviceInfo(device.id, "", device.fingerprint, device.added_ms, device.is_revoked, device.id in online)
            for device in self._core.accounts.devices(account.id)
        )
        seen = self._core.presence.of(account.id)
        return admin.UserInfo(
            account.id,
            account.name,
            account.created_ms,
            account.is_admin,
            account.is_banned,
            blob_bytes,
            devices,
            account.is_invited,
            self._clock.now_ms() if seen.is_online else seen.seen_ms or account.created_ms,
        )

    def _ask_status(self, session: Session, message: admin.AskStatus) -> None:
        session.check_reads()
        self._core.accounts.check_admin(session.actor.account)
        self._core.check_pace(session.actor)
        session.send(admin.ServerStatus(message.request, self._figures()))


def _opened(
    message: conversations.CreateRoom | conversations.JoinRoom | conversations.OpenDirect, log: LogId
) -> conversations.Opened:
    return conversations.Opened(message.request, log)


def _find_blob(message: wireblobs.GetBlob) -> Callable[[View, Authority], bytes]:
    return lambda view, _: blobs.find_blob(view, BlobId(message.blob))


def _blob_found(message: wireblobs.GetBlob, data: bytes) -> wireblobs.BlobFound:
    return wireblobs.BlobFound(message.request, data)


def _invites(message: admin.ListInvites, found: list[Invite]) -> admin.Invites:
    return admin.Invites(message.request, tuple(map(_invite_info, found)))


def _blob_sizes(view: View, by: Authority) -> dict[AccountId, int]:
    by.check_admin()
    return view.blobs.sizes()


def _invite_info(invite: Invite) -> admin.InviteInfo:
    return admin.InviteInfo(
        invite.token_hash,
        invite.uses_left,
        invite.expires_ms,
        invite.grants_admin,
        invite.creator,
        invite.created_ms,
        invite.invite_id,
    )

"""Owns what is told of rooms and of conversations of two: to whom it concerns, and as each of them is to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from lanline.core.changes import ConversationEnded, Cursors, DirectOpened, MemberStepped, RoomChanged
from lanline.core.conversations import Conversation
from lanline.core.core import Core
from lanline.core.signin import SignedIn
from lanline.gateways.lanline.awaitingauthors import AwaitingAuthors
from lanline.gateways.lanline.followers import as_log_entries
from lanline.gateways.lanline.session import Session
from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor, LogId
from lanline.model.rooms import Membership
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.messages import ServerMessage

_CONVERSATIONS_IN_MESSAGE = 250
_NOWHERE = Cursor()


class ConversationNews:
    def __init__(
        self,
        core: Core,
        sessions_of: Callable[[AccountId], tuple[Session, ...]],
        tell: Callable[[Iterable[AccountId], ServerMessage], None],
        unfollow: Callable[[Session, LogId], None],
        awaiting: AwaitingAuthors,
    ) -> None:
        self._core = core
        self._sessions_of = sessions_of
        self._tell = tell
        self._unfollow = unfollow
        self._awaiting = awaiting

    def note_room(self, change: RoomChanged) -> None:
        if not change.is_new:
            conversation = self._known(change.room.log)
            self._tell_changed(conversation, conversation.readers(), change.cursors)

    def note_opened(self, change: DirectOpened) -> None:
        conversation = self._known(change.direct.log)
        self._tell_changed(conversation, conversation.readers(), {})

    def note_ended(self, change: ConversationEnded) -> None:
        for account in change.readers:
            for session in self._sessions_of(account):
                self._unfollow(session, change.log)
        self._tell(change.readers, wire.ConversationGone(change.log, f"{change.name} was deleted by an admin."))

    def note_step(self, change: MemberStepped) -> None:
        conversation = self._known(change.room.log)
        log, account, before, after = conversation.log, change.account, change.before, change.after
        if after is not None and after.may_read:
            self._tell_changed(conversation, [account], change.cursors)
        elif before is not None and before.may_read:
            for session in self._sessions_of(account):
                self._unfollow(session, log)
            self._tell([account], wire.ConversationGone(log, _why_gone(change)))
        elif after is not None and after.invited_by is not None:
            self._tell([account], wire.InvitedToRoom(room_info(conversation), change.by, is_new=True))
        member = None if after is None else member_info(after)
        others = [reader for reader in conversation.readers() if reader != account]
        was = None if before is None else before.standing
        self._tell(others, wire.MemberChanged(log, account, member, change.by, conversation.size, was))

    def _known(self, log: LogId) -> Conversation:
        conversation = self._core.conversations.get(log)
        assert conversation is not None
        return conversation

    def _tell_changed(self, conversation: Conversation, accounts: Iterable[AccountId], cursors: Cursors) -> None:
        """Each of their devices sees it from where its own cursor stands."""
        for account in accounts:
            sessions = self._sessions_of(account)
            if not sessions:
                continue
            devices = self._core.accounts.devices(account)
            read = max((cursors.get(device.id, _NOWHERE).read for device in devices), default=0)
            for session in sessions:
                delivered = cursors.get(session.actor.device, _NOWHERE).delivered
                described = self._described(conversation, account, delivered, read)
                session.send(wire.ConversationChanged(described))

    def send_all(self, session: Session, signed_in: SignedIn) -> None:
        """At sign-in: what this account reads, and where it is asked to come."""
        account, marks = signed_in.account.id, self._core.cursors
        conversations = self._core.conversations.of(account)
        described: list[wire.Conversation] = []
        for each in conversations:
            if each.may_read(account):
                cursor = signed_in.cursors.get(each.log, _NOWHERE)
                read = max(cursor.read, marks.mark(each.log, account).read)
                described.append(self._described(each, account, cursor.delivered, read))
                if each.room is not None:  # what was said in it may be this one's
                    self._awaiting.add(each.log, account, each.head, marks.furthest(each.log, but=account))
        starts = range(0, max(1, len(described)), _CONVERSATIONS_IN_MESSAGE)
        for start in starts:
            piece = tuple(described[start : start + _CONVERSATIONS_IN_MESSAGE])
            session.send(wire.Conversations(piece, is_last=start == starts[-1]))
        for each in conversations:
            member = each.members.get(account)
            if member is not None and member.invited_by is not None:
                session.send(wire.InvitedToRoom(room_info(each), member.invited_by))

    def _described(
        self, conversation: Conversation, account: AccountId, delivered: int, read: int
    ) -> wire.Conversation:
        log, direct = conversation.log, conversation.direct
        marks, other = self._core.cursors, None if direct is None else direct.other(account)
        there = marks.furthest(log, but=account) if other is None else marks.mark(log, other)
        said = wire.Conversation(
            log, conversation.head, delivered, read, other_delivered=there.delivered, other_read=there.read
        )
        if direct is None:
            me, room = member_info(conversation.members[account]), conversation.room
            assert room is not None
            return msgspec.structs.replace(
                said, room=room_info(conversation, for_reader=True), me=me, slow_s=room.slow_s, pins=room.pins
            )
        return msgspec.structs.replace(said, other=other)


def room_info(conversation: Conversation, *, for_reader: bool = False) -> wire.RoomInfo:
    room, topic = conversation.room, conversation.topic
    assert room is not None
    entry = as_log_entries([topic])[0] if topic is not None and (for_reader or conversation.is_open) else None
    return wire.RoomInfo(room.log, room.name, room.topic, room.access, conversation.size, entry)


def member_info(membership: Membership) -> wire.Member:
    return wire.Member(membership.account, membership.role, membership.standing, membership.is_muted)


def _why_gone(change: MemberStepped) -> str:
    if change.account == change.by:
        return f"You have left {change.room.name}."
    if change.after is not None and change.after.is_banned:
        return f"You are banned from {change.room.name}."
    return f"You were sent out of {change.room.name}."

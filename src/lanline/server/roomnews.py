"""What is told of rooms and of conversations of two: to whom it concerns, and as each of them is to see it."""

from __future__ import annotations

from collections.abc import Iterable

from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Cursor, LogId
from lanline.model.rooms import Membership, Standing
from lanline.server.catchup import CatchUp
from lanline.server.session import Session
from lanline.server.state import ServerState
from lanline.services.conversations import Conversation
from lanline.services.rooms import MemberStep, RoomChange
from lanline.storage.api import View
from lanline.wire.chat import conversations as wire

_CONVERSATIONS_IN_MESSAGE = 500
_FEW_DEVICES = 8


class RoomNews:
    def __init__(self, state: ServerState, catch_up: CatchUp) -> None:
        self._state = state
        self._catch_up = catch_up

    def apply(self, change: RoomChange, by: AccountId) -> None:
        """Into memory, and to everybody it concerns."""
        conversation = self._state.conversations.put_room(change.room)
        for step in change.steps:
            if step.after is None:
                self._state.conversations.drop_member(conversation, step.account)
            else:
                self._state.conversations.put_member(conversation, step.after)
        for step in change.steps:
            self._tell_step(conversation, step, by)
        if change.is_altered:
            self.tell_changed(conversation, conversation.readers())

    def _tell_step(self, conversation: Conversation, step: MemberStep, by: AccountId) -> None:
        log, account, before, after = conversation.log, step.account, step.before, step.after
        could_read = before is not None and before.may_read
        if after is not None and after.may_read:
            self.tell_changed(conversation, [account])
        elif could_read:
            self._end_follows(log, account)
            self._state.tell([account], wire.ConversationGone(log, _why_gone(conversation, step, by)))
        elif after is not None and after.standing is Standing.INVITED:
            self._state.tell([account], wire.InvitedToRoom(room_info(conversation), by))
        member = None if after is None else member_info(after)
        others = [reader for reader in conversation.readers() if reader != account]
        self._state.tell(others, wire.MemberChanged(log, account, member, by, conversation.size))

    def _end_follows(self, log: LogId, account: AccountId) -> None:
        for session in self._state.sessions_of.get(account, ()):
            self._catch_up.unfollow(session, log)

    def tell_changed(self, conversation: Conversation, accounts: Iterable[AccountId]) -> None:
        """Each of their devices sees it from where its own cursor stands; the cursors are read in one go."""
        sessions = [each for account in accounts for each in self._state.sessions_of.get(account, ())]
        devices = {session.device for session in sessions}
        cursors = self._state.store.read(lambda view: _cursors(view, conversation.log, devices)) if devices else {}
        for session in sessions:
            cursor = cursors.get(session.device, Cursor())
            session.send(wire.ConversationChanged(self._conversation(conversation, session.account, cursor)))

    def send_all(self, session: Session) -> None:
        """At sign-in: what this account reads, and where it is asked to come."""
        state, account = self._state, session.account
        state.store.read(lambda view: state.conversations.load_directs(view, account))
        cursors = state.store.read(lambda view: view.logs.device_cursors(session.device))
        mine = [each for each in state.conversations.of(account) if each.may_read(account)]
        described = [self._conversation(each, account, cursors.get(each.log, Cursor())) for each in mine]
        starts = range(0, max(1, len(described)), _CONVERSATIONS_IN_MESSAGE)
        for start in starts:
            piece = tuple(described[start : start + _CONVERSATIONS_IN_MESSAGE])
            session.send(wire.Conversations(piece, is_last=start == starts[-1]))
        for conversation in state.conversations.of(account):
            member = conversation.members.get(account)
            if member is not None and member.standing is Standing.INVITED and not member.is_muted:
                session.send(wire.InvitedToRoom(room_info(conversation), 0))

    def _conversation(self, conversation: Conversation, account: AccountId, cursor: Cursor) -> wire.Conversation:
        marks = self._state.marks(conversation)
        read = max(cursor.read, marks.mark(account).read)
        direct = conversation.direct
        if direct is not None:
            other = direct.other(account)
            there = marks.mark(other)
            return wire.Conversation(
                conversation.log,
                conversation.head,
                cursor.delivered,
                read,
                other=other,
                other_delivered=there.delivered,
                other_read=there.read,
            )
        return wire.Conversation(
            conversation.log,
            conversation.head,
            cursor.delivered,
            read,
            room=room_info(conversation),
            me=member_info(conversation.members[account]),
        )


def _cursors(view: View, log: LogId, devices: set[DeviceId]) -> dict[DeviceId, Cursor]:
    """Of all who read it when many are asked for; who joins a large room is one."""
    if len(devices) > _FEW_DEVICES:
        return view.logs.cursors(log)
    return {device: view.logs.cursor(log, device) for device in devices}


def room_info(conversation: Conversation) -> wire.RoomInfo:
    room = conversation.room
    assert room is not None
    return wire.RoomInfo(room.log, room.name, room.topic, room.access, conversation.size)


def member_info(membership: Membership) -> wire.Member:
    return wire.Member(membership.account, membership.role, membership.standing, membership.is_muted)


def _why_gone(conversation: Conversation, step: MemberStep, by: AccountId) -> str:
    assert conversation.room is not None
    name = conversation.room.name
    if step.account == by:
        return f"You have left {name}."
    if step.after is not None and step.after.is_banned:
        return f"You are banned from {name}."
    return f"You were sent out of {name}."

"""What is asked about conversations: each rule runs in a transaction, and what it changed is told to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor, LogId
from lanline.model.rooms import Membership, Room, Standing
from lanline.server.catchup import CatchUp
from lanline.server.refusals import slow_down
from lanline.server.session import Handler, Session
from lanline.server.state import ServerState
from lanline.services import rooms
from lanline.services.conversations import Conversation
from lanline.services.rooms import MemberStep, RoomChange
from lanline.storage.api import Transaction
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.answers import Done

_CONVERSATIONS_IN_MESSAGE = 500


class RoomDesk:
    def __init__(self, state: ServerState, catch_up: CatchUp) -> None:
        self._state = state
        self._catch_up = catch_up

    def handlers(self) -> dict[type, Handler]:
        return {
            wire.CreateRoom: self._create,
            wire.JoinRoom: self._join,
            wire.OpenDirect: self._open_direct,
            wire.LeaveRoom: self._leave,
            wire.InviteToRoom: self._invite,
            wire.ListRooms: self._list_rooms,
            wire.ListMembers: self._list_members,
            wire.SetTopic: self._rule(lambda t, a, m: rooms.set_topic(t, a, m.log, m.topic)),
            wire.SetAccess: self._rule(lambda t, a, m: rooms.set_access(t, a, m.log, m.access)),
            wire.SetRole: self._rule(lambda t, a, m: rooms.set_role(t, a, m.log, m.account, m.role)),
            wire.SetMuted: self._rule(lambda t, a, m: rooms.set_muted(t, a, m.log, m.account, is_muted=m.is_muted)),
            wire.SendAway: self._rule(lambda t, a, m: rooms.send_away(t, a, m.log, m.account)),
            wire.SetBannedFromRoom: self._rule(
                lambda t, a, m: rooms.set_banned(t, a, m.log, m.account, is_banned=m.is_banned)
            ),
        }

    # Asked.

    def _check_pace(self, session: Session) -> None:
        wait_s = self._state.request_buckets.take(session.account, self._state.clock.now())
        if wait_s:
            raise slow_down(wait_s)

    def _rule(self, rule: Callable[[Transaction, rooms.Actor, Any], RoomChange]) -> Handler:
        """A handler of requests that are answered with Done."""

        def handle(session: Session, message: Any) -> None:
            actor = session.actor
            account = getattr(message, "account", None)
            if account is not None:
                self._state.directory.known(account)
            self._ask(session, message.request, lambda transaction: rule(transaction, actor, message))

        return handle

    def _ask(self, session: Session, request: int, work: Callable[[Transaction], RoomChange]) -> None:
        def then(change: RoomChange) -> None:
            self.apply(change, session.account)
            session.send(Done(request))

        self._check_pace(session)
        self._state.write(session, request, work, then)

    def _enter(self, session: Session, request: int, work: Callable[[Transaction], RoomChange]) -> None:
        def then(change: RoomChange) -> None:
            self.apply(change, session.account)
            session.send(wire.Opened(request, change.room.log))

        self._check_person(session)
        self._check_pace(session)
        self._state.write(session, request, work, then)

    @staticmethod
    def _check_person(session: Session) -> None:
        if session.is_operator:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "The operator is no person: take an account for that.")

    def _create(self, session: Session, message: wire.CreateRoom) -> None:
        work = partial(
            rooms.create_room,
            actor=session.actor,
            name=message.name,
            topic=message.topic,
            access=message.access,
            now_ms=self._state.clock.now_ms(),
            most=self._state.settings.most_rooms_created,
        )
        self._enter(session, message.request, work)

    def _join(self, session: Session, message: wire.JoinRoom) -> None:
        account, name = session.account, message.name
        self._enter(session, message.request, lambda transaction: rooms.join_room(transaction, account, name))

    def _leave(self, session: Session, message: wire.LeaveRoom) -> None:
        account, log = session.account, LogId(message.log)
        self._ask(session, message.request, lambda transaction: rooms.leave_room(transaction, account, log))

    def _invite(self, session: Session, message: wire.InviteToRoom) -> None:
        guest = self._state.directory.known(AccountId(message.account)).id
        account, log = session.account, LogId(message.log)
        work = partial(rooms.invite_to_room, account=account, log=log, guest=guest)
        self._ask(session, message.request, work)

    def _open_direct(self, session: Session, message: wire.OpenDirect) -> None:
        self._check_person(session)
        self._check_pace(session)
        one, other = session.account, self._state.directory.known(AccountId(message.account)).id

        def then(log: LogId) -> None:
            direct = self._state.store.read(lambda view: view.rooms.direct(log))
            assert direct is not None
            conversation, is_new = self._state.store.read(
                lambda view: self._state.conversations.put_direct(view, direct)
            )
            if is_new:
                for account in dict.fromkeys((one, other)):
                    self._tell_changed(conversation, account)
            session.send(wire.Opened(message.request, log))

        self._state.write(session, message.request, lambda t: t.rooms.open_direct(one, other).log, then)

    def _list_rooms(self, session: Session, message: wire.ListRooms) -> None:
        self._check_pace(session)
        visible = tuple(
            _room_info(conversation)
            for conversation in self._state.conversations.rooms()
            if session.is_admin or _is_visible(conversation, session.account)
        )
        session.send(wire.Rooms(message.request, visible))

    def _list_members(self, session: Session, message: wire.ListMembers) -> None:
        self._check_pace(session)
        log = LogId(message.log)
        conversation = self._state.conversations.get(log)
        if conversation is None or not session.is_admin or conversation.room is None:
            conversation = self._state.conversations.readable(log, session.account)
        members = tuple(map(_member, conversation.members.values()))
        session.send(wire.Members(message.request, log, members))

    # Told.

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
            for account in list(conversation.readers()):
                self._tell_changed(conversation, account)

    def _tell_step(self, conversation: Conversation, step: MemberStep, by: AccountId) -> None:
        log, account, before, after = conversation.log, step.account, step.before, step.after
        could_read = before is not None and before.may_read
        if after is not None and after.may_read:
            self._tell_changed(conversation, account)
        elif could_read:
            self._end_follows(log, account)
            self._state.tell([account], wire.ConversationGone(log, _why_gone(conversation, step, by)))
        elif after is not None and after.standing is Standing.INVITED:
            self._state.tell([account], wire.InvitedToRoom(_room_info(conversation), by))
        member = None if after is None else _member(after)
        others = [reader for reader in conversation.readers() if reader != account]
        self._state.tell(others, wire.MemberChanged(log, account, member, by))

    def _end_follows(self, log: LogId, account: AccountId) -> None:
        for session in self._state.sessions_of.get(account, ()):
            self._catch_up.unfollow(session, log)

    def _tell_changed(self, conversation: Conversation, account: AccountId) -> None:
        for session in tuple(self._state.sessions_of.get(account, ())):
            device, log = session.device, conversation.log
            cursor = self._state.store.read(lambda view: view.logs.cursor(log, device))  # noqa: B023 -- called here
            session.send(wire.ConversationChanged(self._conversation(conversation, account, cursor)))

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
                session.send(wire.InvitedToRoom(_room_info(conversation), 0))

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
            room=_room_info(conversation),
            me=_member(conversation.members[account]),
        )


def _is_visible(conversation: Conversation, account: AccountId) -> bool:
    assert conversation.room is not None
    member = conversation.members.get(account)
    if member is None:
        return conversation.room.access.value == "open"
    return not member.is_banned


def _room_info(conversation: Conversation) -> wire.RoomInfo:
    room: Room | None = conversation.room
    assert room is not None
    return wire.RoomInfo(room.log, room.name, room.topic, room.access, conversation.size)


def _member(membership: Membership) -> wire.Member:
    return wire.Member(membership.account, membership.role, membership.standing, membership.is_muted)


def _why_gone(conversation: Conversation, step: MemberStep, by: AccountId) -> str:
    assert conversation.room is not None
    name = conversation.room.name
    if step.account == by:
        return f"You have left {name}."
    if step.after is not None and step.after.is_banned:
        return f"You are banned from {name}."
    return f"You were sent out of {name}."

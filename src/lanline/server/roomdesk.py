"""What is asked about conversations. Each rule runs in a transaction, and what it changed is told afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.model.rooms import Access
from lanline.server.roomnews import RoomNews, member_info, room_info
from lanline.server.session import Handler, Session
from lanline.server.state import ServerState
from lanline.services import rooms
from lanline.services.conversations import Conversation
from lanline.services.rooms import RoomChange
from lanline.storage.api import Transaction
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.answers import Done

_RoomRequest = wire.SetTopic | wire.SetAccess | wire.SetRole | wire.SetMuted | wire.SendAway | wire.SetBannedFromRoom


class RoomDesk:
    def __init__(self, state: ServerState, news: RoomNews) -> None:
        self._state = state
        self._news = news

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

    def _rule(self, rule: Callable[[Transaction, rooms.Actor, Any], RoomChange]) -> Handler:
        """A handler of requests that are answered with Done."""

        def handle(session: Session, message: _RoomRequest) -> None:
            actor = session.actor
            account = getattr(message, "account", None)
            if account is not None:
                self._state.directory.known(account)
            self._ask(session, message.request, lambda transaction: rule(transaction, actor, message))

        return handle

    def _ask(self, session: Session, request: int, work: Callable[[Transaction], RoomChange]) -> None:
        def then(change: RoomChange) -> None:
            self._news.apply(change, session.account)
            session.send(Done(request))

        self._state.check_pace(session)
        self._state.write(session, request, work, then)

    def _enter(self, session: Session, request: int, work: Callable[[Transaction], RoomChange]) -> None:
        def then(change: RoomChange) -> None:
            self._news.apply(change, session.account)
            session.send(wire.Opened(request, change.room.log))

        self._check_person(session)
        self._state.check_pace(session)
        self._state.check_room(is_admin=session.is_admin)
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
        self._state.check_pace(session)
        self._state.check_room(is_admin=session.is_admin)
        one, other = session.account, self._state.directory.known(AccountId(message.account)).id

        def then(log: LogId) -> None:
            direct = self._state.store.read(lambda view: view.rooms.direct(log))
            assert direct is not None
            conversation, is_new = self._state.store.read(
                lambda view: self._state.conversations.put_direct(view, direct)
            )
            if is_new:
                self._news.tell_changed(conversation, dict.fromkeys((one, other)))
            session.send(wire.Opened(message.request, log))

        self._state.write(session, message.request, lambda t: t.rooms.open_direct(one, other).log, then)

    def _list_rooms(self, session: Session, message: wire.ListRooms) -> None:
        self._state.check_pace(session)
        visible = tuple(
            room_info(conversation)
            for conversation in self._state.conversations.rooms()
            if session.is_admin or _is_visible(conversation, session.account)
        )
        session.send(wire.Rooms(message.request, visible))

    def _list_members(self, session: Session, message: wire.ListMembers) -> None:
        self._state.check_pace(session)
        log = LogId(message.log)
        conversation = self._state.conversations.get(log)
        if conversation is None or not session.is_admin or conversation.room is None:
            conversation = self._state.conversations.readable(log, session.account)
        members = tuple(map(member_info, conversation.members.values()))
        session.send(wire.Members(message.request, log, members))


def _is_visible(conversation: Conversation, account: AccountId) -> bool:
    assert conversation.room is not None
    member = conversation.members.get(account)
    if member is None:
        return conversation.room.access is Access.OPEN
    return not member.is_banned

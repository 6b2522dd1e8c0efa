"""What a person asks of rooms and of the account, as calls to `await`. Each raises RequestRefused or LinkNotOpen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import MemberListing, RoomListing
from lanline.errors import ProtocolViolation
from lanline.model.names import checked_room_name
from lanline.model.rooms import Access, Role, Standing, checked_topic
from lanline.model.text import display_name, safe_line
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.messages import ClientMessage, ServerMessage
from lanline.wire.chat.signin import ChangePassword, Deregister

Ask = Callable[[ClientMessage], Awaitable[ServerMessage]]
_Answer = TypeVar("_Answer")


class RoomRequests:
    def __init__(self, ask: Ask, node: ChatNode) -> None:
        self._ask = ask
        self._node = node

    async def create(self, name: str, topic: str = "", access: Access = Access.OPEN) -> int:
        """The log of the new room. Its `ConversationOpened` came before."""
        request = wire.CreateRoom(0, checked_room_name(name), checked_topic(topic), access)
        return _expected(await self._ask(request), wire.Opened).log

    async def join(self, name: str) -> int:
        return _expected(await self._ask(wire.JoinRoom(0, checked_room_name(name))), wire.Opened).log

    async def leave(self, log: int) -> None:
        await self._ask(wire.LeaveRoom(0, log))

    async def open_direct(self, account: int) -> int:
        return _expected(await self._ask(wire.OpenDirect(0, account)), wire.Opened).log

    async def set_topic(self, log: int, topic: str) -> None:
        await self._ask(wire.SetTopic(0, log, checked_topic(topic)))

    async def set_access(self, log: int, access: Access) -> None:
        await self._ask(wire.SetAccess(0, log, access))

    async def invite(self, log: int, account: int) -> None:
        await self._ask(wire.InviteToRoom(0, log, account))

    async def set_role(self, log: int, account: int, role: Role) -> None:
        await self._ask(wire.SetRole(0, log, account, role))

    async def set_muted(self, log: int, account: int, is_muted: bool) -> None:
        await self._ask(wire.SetMuted(0, log, account, is_muted))

    async def send_away(self, log: int, account: int) -> None:
        await self._ask(wire.SendAway(0, log, account))

    async def set_banned(self, log: int, account: int, is_banned: bool) -> None:
        await self._ask(wire.SetBannedFromRoom(0, log, account, is_banned))

    async def visible(self) -> list[RoomListing]:
        """All rooms that one may see, by name."""
        answer = _expected(await self._ask(wire.ListRooms(0)), wire.Rooms)
        listed = [
            RoomListing(
                room.log,
                "#" + display_name(room.name.removeprefix("#")),
                safe_line(room.topic),
                room.access,
                room.members,
            )
            for room in answer.rooms
        ]
        return sorted(listed, key=lambda room: room.name.casefold())

    async def members(self, log: int) -> list[MemberListing]:
        answer = _expected(await self._ask(wire.ListMembers(0, log)), wire.Members)
        return sorted(map(self._listed, answer.members), key=lambda each: (-each.role, each.name.casefold()))

    def _listed(self, member: wire.Member) -> MemberListing:
        person = self._node.person(member.account)
        return MemberListing(
            member.account,
            "somebody" if person is None else person.name,
            member.role,
            member.is_muted,
            member.standing is Standing.INVITED,
            member.standing is Standing.BANNED,
        )

    async def deregister(self) -> None:
        """Go offline on every link of this account; the links end."""
        await self._ask(Deregister(0))

    async def change_password(self, old: str, new: str) -> None:
        await self._ask(ChangePassword(0, old, new))


def _expected(answer: ServerMessage, kind: type[_Answer]) -> _Answer:
    if not isinstance(answer, kind):
        raise ProtocolViolation("The server answered something else than what was asked.")
    return answer

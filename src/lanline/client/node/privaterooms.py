"""Owns what becomes of a face's commands about private rooms in a group: entries that this device signs.

Outside of a group, and in open rooms, the server is asked, which `service` does.
"""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.chat.conversations import Following
from lanline.client.node import protocol as do
from lanline.client.node.groupcommands import Plain, PlainRoom, Seal, SealReport
from lanline.client.node.sealservice import outside_text, people_of_room, seal_result, wait_for_group
from lanline.client.sealing.roomchanges import RoomChanges
from lanline.client.sealing.roomcopy import RoomCopy
from lanline.client.sealing.scopes import Pair
from lanline.client.view.values import Conversation
from lanline.errors import InvalidInput, NotInGroup, RefusalCode, RequestRefused
from lanline.model.names import checked_room_name
from lanline.model.rooms import Access, Role
from lanline.ticket import Ticket
from lanline.wire.chat import conversations as wire
from lanline.wire.sealing.entries import RoomRole, RoomSuite

_LIMIT_S = 30.0


class PrivateRooms:
    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._node = client.node

    async def result_of(self, command: do.AnyCommand) -> do.Result | None:
        """None: it is none of these, and the server decides."""
        if isinstance(command, do.CreateRoom) and command.in_rsa:
            await wait_for_group(self._client, _LIMIT_S)
            if not self._node.seals.is_sealed:  # or the server would have a room that nothing seals
                raise NotInGroup(outside_text(self._node.seals))
        if not self._node.seals.is_sealed:
            return None
        match command:
            case do.CreateRoom(name, _, Access.INVITE_ONLY, in_rsa):
                return await self._create(name, RoomSuite.RSA if in_rsa else RoomSuite.HYBRID)
            case do.SetAccess(log, access):
                return await self._set_access(log, access)
            case do.LeaveRoom(log) | do.Invite(log) | do.SendAway(log) | do.SetRole(log) | do.SetBanned(log):
                return await self._change(command, self._copy(log))
            case _:
                return None

    def signs(self, command: do.AnyCommand) -> bool:
        """It is an entry of this device: signed once more it would be another one."""
        match command:
            case do.LeaveRoom(log) | do.Invite(log) | do.SendAway(log) | do.SetRole(log) | do.SetBanned(log):
                return self._node.seals.is_sealed and self._copy(log) is not None
            case do.SetAccess(_, access):
                return self._node.seals.is_sealed and access is not Access.OPEN
            case _:
                return False

    # Founding.

    async def _create(self, name: str, suite: RoomSuite) -> do.Result:
        checked = checked_room_name(name)
        await wait_for_group(self._client, _LIMIT_S)
        if problem := self._node.seals.problem:  # before the server has a room that nobody can seal
            raise RequestRefused(RefusalCode.NOT_ALLOWED, problem)
        answer = await self._client.ask(wire.CreateRoom(0, checked, "", Access.INVITE_ONLY))
        assert isinstance(answer, wire.Opened)
        await self._done(self._rooms.found(answer.log, checked.removeprefix("#"), (), suite))
        return do.Opened(answer.log)

    async def _set_access(self, log: int, access: Access) -> do.Result | None:
        """Who is in the room, and in the group, stays in, with the rights that they have there."""
        shown = self._shown(log)
        if access is Access.OPEN:
            return None
        if self._copy(log) is not None:
            return do.Done()
        people = await people_of_room(self._client, shown)
        if shown.access is Access.OPEN:  # the others see that it is closed
            people = tuple(each for each in people if self._account_id(each.account) is not None)
        room = PlainRoom(shown.title, people)
        sealed = await seal_result(self._client, Seal(Plain(is_group=False, rooms=(room,))))
        assert isinstance(sealed, SealReport)
        if sealed.problem:
            raise RequestRefused(RefusalCode.SERVER_PROBLEM, sealed.problem)
        return do.Done()

    # Changing.

    async def _change(self, command: do.AnyCommand, copy: RoomCopy | None) -> do.Result | None:
        if copy is None:
            return None
        match command:
            case do.LeaveRoom():
                await self._done(self._rooms.send_away(copy, [self._known(self._node.own.account)]))
            case do.Invite(_, account):
                await self._done(self._rooms.let_in(copy, [self._known(account)]))
            case do.SendAway(log, account):
                await self._done(self._rooms.send_away(copy, [self._inside(copy, log, account)]))
            case do.SetRole(log, account, role):
                await self._done(self._rooms.set_role(copy, self._inside(copy, log, account), _room_role(role)))
            case do.SetBanned(_, account, True) if self._is_in(copy, account):
                await self._done(self._rooms.send_away(copy, [self._known(account)]))
                return None  # that they do not come back is the server's part
            case _:
                return None
        return do.Done()

    async def _done(self, ticket: Ticket[None]) -> None:
        await _settled(self._client, ticket)

    # Who and where.

    @property
    def _rooms(self) -> RoomChanges:
        assert self._node.seals.member is not None
        return self._node.seals.member.rooms

    def _shown(self, log: int) -> Conversation:
        shown = self._node.conversations.shown(log)
        if shown is None:
            raise RequestRefused(RefusalCode.UNKNOWN_CONVERSATION, "There is no such room, or you are not in it.")
        return shown

    def _copy(self, log: int) -> RoomCopy | None:
        return self._node.seals.room(self._shown(log))

    def _account_id(self, account: int) -> bytes | None:
        """By the name: whom the person means."""
        assert self._node.seals.member is not None
        is_own = account == self._node.own.account
        name = self._node.own.name if is_own else self._node.directory.name_of(account)
        return self._node.seals.member.copy.chain.names.get(name.encode())

    def _known(self, account: int) -> bytes:
        found = self._account_id(account)
        if found is None:
            name = self._node.directory.name_of(account)
            raise RequestRefused(
                RefusalCode.UNKNOWN_PERSON, f"{name} is not in the group: an admin has to let them in."
            )
        return found

    def _inside(self, copy: RoomCopy, log: int, account: int) -> bytes:
        if not self._is_in(copy, account):
            name = self._node.directory.name_of(account)
            raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"{name} is not in {self._shown(log).title}.")
        return self._known(account)

    def _is_in(self, copy: RoomCopy, account: int) -> bool:
        known = self._account_id(account)
        return copy.room is not None and known is not None and known in copy.room.members


async def _settled(client: ChatClient, ticket: Ticket[None]) -> None:
    """Raises RequestRefused."""
    if not await client.wait_settled(ticket, _LIMIT_S):
        ticket.cancel()
        text = "The group has not answered in time. Look again whether it is as you wanted."
        raise RequestRefused(RefusalCode.SERVER_PROBLEM, text)
    ticket.result()


async def seal_pair_in_rsa(client: ChatClient, name: str) -> None:
    """The talk with somebody else in the group. Raises InvalidInput, RequestRefused, RecordMissing."""
    node = client.node
    assert node.seals.member is not None
    assert node.seals.news is not None
    account_id = node.seals.news.account_named(name)
    if account_id == node.seals.member.copy.account_id:
        raise InvalidInput("This is your own name. Notes to yourself are sealed for you alone, and not in suite rsa.")
    known = node.seals.member.copy.chain.accounts[account_id].name.decode(errors="replace")
    person = next((each for each in node.directory.people if each.name == known), None)
    if person is None:
        raise RequestRefused(RefusalCode.UNKNOWN_PERSON, f"{known} has no account on this server any more.")
    opened = await client.ask(wire.OpenDirect(0, person.account))
    assert isinstance(opened, wire.Opened)

    def is_here() -> bool:
        track = node.conversations.get(opened.log)
        return track is not None and track.following is Following.LIVE

    await client.wait_until(is_here, _LIMIT_S)
    await _settled(client, node.seals.member.rooms.seal_pair_in_rsa(Pair(opened.log, known)))


def _room_role(role: Role) -> RoomRole:
    return RoomRole(role - 1)

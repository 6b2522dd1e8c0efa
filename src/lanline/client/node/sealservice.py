"""Owns what a face is told of content that is not sealed yet, and what happens when the person agrees. How it is done:
`sealing/adoption`.
"""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.client.chat.sealed.seals import Seals
from lanline.client.node import groupcommands as do
from lanline.client.sealing.adoption import GROUP, Adoption, Agreed
from lanline.client.sealing.member import GroupMember, GroupStanding
from lanline.client.view.values import Conversation
from lanline.errors import NotInGroup
from lanline.model.rooms import Access, Role, Standing
from lanline.wire.chat import conversations as wire
from lanline.wire.sealing.entries import Role as GroupRole
from lanline.wire.sealing.entries import RoomRole

_FOR_ADMINS = "What is said on this server is not sealed, and only an admin of the server can change that."
_NOT_IN_YET = "You are not in the group yet. Once an admin has let you in, you can have the rooms sealed that you own."
_NOBODY_HAS = (
    "Nobody has founded a group on this server, so nothing is sealed there. An admin of it does that: lanline seal"
)
_LIMIT_S = 30.0
_THOSE_HERE_S = 5.0
"""Who is connected with a new program asks at once to be let in."""


def outside_text(seals: Seals) -> str:
    """Why what is about a group cannot be done here; a sentence."""
    if seals.problem:
        return seals.problem
    is_groupless = seals.member is not None and seals.member.standing is GroupStanding.NO_GROUP
    return _NOBODY_HAS if is_groupless else "This device is not in a group on this server."


async def wait_for_group(client: ChatClient, limit_s: float) -> None:
    """Until what the chain says of the group is here, or there is none."""
    seals = client.node.seals
    member = seals.member
    if member is not None:
        await client.wait_until(lambda: not seals.asks or member.is_settled, limit_s)


async def seal_result(client: ChatClient, command: do.AskPlain | do.Seal) -> do.Plain | do.SealReport:
    seals = client.node.seals
    member, adoption = seals.member, seals.adoption
    if member is None or adoption is None:
        raise NotInGroup("This program has no keys to seal with.")
    await wait_for_group(client, _LIMIT_S)
    if isinstance(command, do.AskPlain):
        return await _plain(client, member, adoption)
    adoption.agree(_rows(client, command.plain))
    places = [*([GROUP] if command.plain.is_group else []), *(each.title for each in command.plain.rooms)]
    is_done = await client.wait_until(lambda: not any(map(adoption.is_at_work, places)), _LIMIT_S)
    online = {each.account for each in client.node.directory.people if each.is_online}
    await client.wait_until(lambda: not any(each.account in online for each in adoption.awaited), _THOSE_HERE_S)
    problem = ""
    if not is_done:
        problem = adoption.problem or member.problem or member.refusal or "The server has not answered in time."
    client.node.outbox.send()
    return do.SealReport(_awaited(adoption), problem)


def _awaited(adoption: Adoption) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.name for each in adoption.awaited))


async def _plain(client: ChatClient, member: GroupMember, adoption: Adoption) -> do.Plain:
    node = client.node
    is_plain = member.standing is GroupStanding.NO_GROUP and not member.knows_group
    is_group = node.own.is_admin and (is_plain or member.is_awaited)
    people = tuple(
        do.FromBefore(each.account, each.name, GroupRole.ADMIN if each.is_admin else GroupRole.MEMBER)
        for each in node.directory.people
        if each.account != node.own.account and not (each.is_banned or each.is_ended)
    )
    plain_rooms = [shown for shown in node.conversations.all if _is_plain_room(client, shown)]
    stopped = "" if is_group else member.problem
    may_found_rooms = is_group or (member.copy.is_member and not stopped)
    rooms = [do.PlainRoom(shown.title, await people_of_room(client, shown)) for shown in plain_rooms if may_found_rooms]
    lacks = "" if may_found_rooms or not (is_plain or plain_rooms) else _FOR_ADMINS if is_plain else _NOT_IN_YET
    awaited, is_in_place = _awaited(adoption), member.is_awaited
    return do.Plain(is_group, people if is_group else (), tuple(rooms), awaited, is_in_place, stopped or lacks)


def _is_plain_room(client: ChatClient, shown: Conversation) -> bool:
    is_own = shown.is_room and shown.is_open and shown.access is Access.INVITE_ONLY and shown.role is Role.OWNER
    return is_own and client.node.seals.room(shown) is None


async def people_of_room(client: ChatClient, shown: Conversation) -> tuple[do.FromBefore, ...]:
    """Who is in it by the server's word, besides the own person."""
    found = await client.ask(wire.ListMembers(0, shown.log))
    assert isinstance(found, wire.Members)
    own = client.node.own.account
    others = [each for each in found.members if each.standing is Standing.JOINED and each.account != own]
    named = [(each, client.node.directory.person(each.account)) for each in others]
    return tuple(
        do.FromBefore(each.account, person.name, RoomRole(each.role - 1))
        for each, person in named
        if person is not None and not person.is_ended
    )


def _rows(client: ChatClient, plain: do.Plain) -> list[Agreed]:
    own = client.node.own
    rows: list[Agreed] = []
    if plain.is_group:
        rows.append(Agreed(GROUP, own.account, own.name, GroupRole.ADMIN))
        rows += [Agreed(GROUP, each.account, each.name, each.role) for each in plain.people]
    for room in plain.rooms:
        rows.append(Agreed(room.title, own.account, own.name, RoomRole.OWNER))
        rows += [Agreed(room.title, each.account, each.name, each.role) for each in room.people]
    return rows

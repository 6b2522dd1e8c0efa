"""Which conversation the chat begins in: the one that was named, joined if need be; or else the lobby."""

from __future__ import annotations

from lanline.client.chat.client import ChatClient
from lanline.errors import InvalidInput
from lanline.faces.chat.places import LOBBY, Places
from lanline.model.names import checked_room_name


async def opened_place(client: ChatClient, wanted: str, limit_s: float) -> str:
    """Its title. Without a connection only what this device knows already; raises LanlineError."""
    node = client.node
    known = node.conversation_titled(wanted or LOBBY)
    if known is not None and known.is_open:
        return known.title
    if wanted and not wanted.startswith("#") and (person := node.person_named(wanted)) is not None:
        return person.name
    await client.wait_synchronized(limit_s)
    if not wanted:
        rooms = [each.title for each in node.conversations if each.is_room and each.is_open]
        return LOBBY if LOBBY in rooms or not rooms else rooms[0]
    if wanted.startswith("#"):
        return await _joined(client, wanted)
    return Places(node, LOBBY).person_named(wanted)


async def _joined(client: ChatClient, wanted: str) -> str:
    name = checked_room_name(wanted)
    known = client.node.conversation_titled(name)
    if known is None or not known.is_open:
        known = client.node.conversation(await client.rooms.join(name))
    if known is None:
        raise InvalidInput(f"You are not in {name}.")
    return known.title

"""Owns which conversation the chat begins in: the one that was named, joined if need be; or else the lobby."""

from __future__ import annotations

from lanline.client.node.face import Face
from lanline.client.node.protocol import JoinRoom, Opened
from lanline.client.view.places import LOBBY, Places
from lanline.errors import InvalidInput
from lanline.model.names import checked_room_name


async def opened_place(face: Face, wanted: str, limit_s: float) -> str:
    """Its title. Without a connection only what this device knows already; raises LanlineError."""
    view = face.view
    known = view.conversation_titled(wanted or LOBBY)
    if known is not None and known.is_open:
        return known.title
    if wanted and not wanted.startswith("#") and (person := view.person_named(wanted)) is not None:
        return person.name
    await face.wait_synchronized(limit_s)
    if not wanted:
        rooms = [each.title for each in view.conversations if each.is_room and each.is_open]
        return LOBBY if LOBBY in rooms or not rooms else rooms[0]
    if wanted.startswith("#"):
        return await _joined(face, wanted)
    return Places(view, LOBBY).person_named(wanted)


async def _joined(face: Face, wanted: str) -> str:
    name = checked_room_name(wanted)
    known = face.view.conversation_titled(name)
    if known is None or not known.is_open:
        opened = await face.ask(JoinRoom(name))
        assert isinstance(opened, Opened)
        known = face.view.conversation(opened.log)
    if known is None:
        raise InvalidInput(f"You are not in {name}.")
    return known.title

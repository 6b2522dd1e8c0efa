"""Owns what an admin's commands print with --json: keys that stay, whatever the wire calls them. See docs/json.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanline.client.moments import utc_text
from lanline.model.invites import shown_id

if TYPE_CHECKING:
    from lanline.wire.chat.admin import DeviceInfo, InviteInfo, UserInfo
    from lanline.wire.chat.conversations import RoomInfo
    from lanline.wire.chat.offers import Branches

Object = dict[str, object]


def user_object(user: UserInfo) -> Object:
    return {
        "account": user.account,
        "name": user.name,
        "admin": user.is_admin,
        "banned": user.is_banned,
        "invited": user.is_invited,
        "made": utc_text(user.created_ms),
        "seen": utc_text(user.seen_ms or user.created_ms),
        "file_bytes": user.blob_bytes,
        "devices": [device_object(each) for each in user.devices],
    }


def device_object(device: DeviceInfo) -> Object:
    return {
        "id": device.device,
        "label": device.label,
        "revoked": device.is_revoked,
        "online": device.is_online,
        "added": utc_text(device.added_ms),
        "key": device.fingerprint.hex(),
    }


def room_object(room: RoomInfo) -> Object:
    return {"name": room.name, "access": room.access.value, "people": room.members, "topic": room.topic}


def invite_object(invite: InviteInfo) -> Object:
    """Not the hash of its token: an id names it."""
    return {
        "id": shown_id(invite.token_hash),
        "uses_left": invite.uses_left,
        "expires": None if invite.expires_ms is None else utc_text(invite.expires_ms),
        "admin": invite.grants_admin,
        "group": invite.invite_id is not None,
        "maker": invite.creator,
        "made": utc_text(invite.created_ms),
    }


def branches_object(found: Branches) -> Object:
    return {
        "height": found.height,
        "head": found.head,
        "gathering": found.is_gathering,
        "waits_s": -(-found.waits_ms // 1000),
        "told": found.told,
        "branches": [
            {"height": each.height, "head": each.head, "told_by": each.told_by, "comes": each.comes, "goes": each.goes}
            for each in found.branches
        ],
    }

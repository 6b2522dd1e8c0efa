"""What only an admin may ask, or the operator, whose key lies beside the server's data."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.limits import Id, LongText, Request, Sealed, Secret, ShortText


class MakeInvite(msgspec.Struct, frozen=True, array_like=True, tag=26):
    request: Request
    uses: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    expires_in_s: Annotated[int, msgspec.Meta(ge=1, le=10 * 366 * 24 * 3600)] | None = None
    grants_admin: bool = False


class InviteMade(msgspec.Struct, frozen=True, array_like=True, tag=83):
    request: Request
    token: bytes


class InviteInfo(msgspec.Struct, frozen=True, array_like=True):
    token_hash: bytes
    uses_left: int
    expires_ms: int | None
    grants_admin: bool
    creator: Id | None
    created_ms: int
    invite_id: Annotated[bytes, msgspec.Meta(max_length=16)] | None = None
    """In the chain of the group, where it ends by an entry."""


class ListInvites(msgspec.Struct, frozen=True, array_like=True, tag=27):
    request: Request


class Invites(msgspec.Struct, frozen=True, array_like=True, tag=84):
    request: Request
    invites: tuple[InviteInfo, ...]
    is_last: bool = True
    """More follow in another of these: see `pieces`."""


class DropInvite(msgspec.Struct, frozen=True, array_like=True, tag=28):
    request: Request
    token_hash: Annotated[bytes, msgspec.Meta(max_length=32)]


class DeviceInfo(msgspec.Struct, frozen=True, array_like=True):
    device: Id
    label: ShortText
    fingerprint: bytes
    added_ms: int
    is_revoked: bool
    is_online: bool


class UserInfo(msgspec.Struct, frozen=True, array_like=True):
    account: Id
    name: ShortText
    created_ms: int
    is_admin: bool
    is_banned: bool
    blob_bytes: int
    devices: tuple[DeviceInfo, ...]
    is_invited: bool = True
    """False: it was made on an open server, by anybody."""
    seen_ms: int = 0
    """When somebody was signed in as it last; the time of joining for who never was again."""


class ListUsers(msgspec.Struct, frozen=True, array_like=True, tag=29):
    request: Request


class Users(msgspec.Struct, frozen=True, array_like=True, tag=85):
    request: Request
    users: tuple[UserInfo, ...]
    is_last: bool = True


class SetBanned(msgspec.Struct, frozen=True, array_like=True, tag=30):
    """From the server: every link of the account ends at once."""

    request: Request
    account: Id
    is_banned: bool
    reason: LongText = ""


class SetAdmin(msgspec.Struct, frozen=True, array_like=True, tag=31):
    request: Request
    account: Id
    is_admin: bool


class SetPassword(msgspec.Struct, frozen=True, array_like=True, tag=32):
    request: Request
    account: Id
    password: Secret


class RevokeDevice(msgspec.Struct, frozen=True, array_like=True, tag=33):
    """An admin's right, and that of the device's owner."""

    request: Request
    device: Id


class ListGiven(msgspec.Struct, frozen=True, array_like=True, tag=140):
    """What an account has given others, or one device of it, and those whom it made admins."""

    request: Request
    account: Id
    device: Id | None = None


class GivenRight(msgspec.Struct, frozen=True, array_like=True):
    account: Id
    right: ShortText
    """`admin`, `owner` or `moderator` of `room`, `came` by an invite. Later servers may have others."""
    room: ShortText = ""


class Given(msgspec.Struct, frozen=True, array_like=True, tag=141):
    request: Request
    rights: tuple[GivenRight, ...]
    is_last: bool = True


class TakeBack(msgspec.Struct, frozen=True, array_like=True, tag=142):
    """All of that but what came by an invite."""

    request: Request
    account: Id
    device: Id | None = None


class AskStatus(msgspec.Struct, frozen=True, array_like=True, tag=34):
    request: Request


class ServerStatus(msgspec.Struct, frozen=True, array_like=True, tag=86):
    """Names and figures, as the metrics have them."""

    request: Request
    figures: dict[str, float]


class ReadJournal(msgspec.Struct, frozen=True, array_like=True, tag=128):
    """Who did what and when."""

    request: Request
    after: Id = 0
    """The oldest that follow this entry; 0: the newest."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class JournalInfo(msgspec.Struct, frozen=True, array_like=True):
    entry: Id
    time_ms: int
    deed: ShortText
    account: Id | None
    by: ShortText
    whom: ShortText
    room: ShortText
    detail: LongText
    count: int


class Journal(msgspec.Struct, frozen=True, array_like=True, tag=129):
    request: Request
    entries: tuple[JournalInfo, ...]
    is_last: bool = True


class AskUsage(msgspec.Struct, frozen=True, array_like=True, tag=130):
    """What takes how much of the disk."""

    request: Request


class RoomUsage(msgspec.Struct, frozen=True, array_like=True):
    name: ShortText
    entries: int
    size_bytes: int


class PersonUsage(msgspec.Struct, frozen=True, array_like=True):
    account: Id
    name: ShortText
    message_bytes: int
    blob_bytes: int


class Usage(msgspec.Struct, frozen=True, array_like=True, tag=131):
    """Of rooms and people the largest, at most 1,000 of each."""

    request: Request
    version: ShortText
    database_bytes: int
    directs_bytes: int
    film_bytes: int
    free_bytes: int
    rooms: tuple[RoomUsage, ...]
    people: tuple[PersonUsage, ...]
    warning: LongText = ""


class DeleteAccount(msgspec.Struct, frozen=True, array_like=True, tag=132):
    """One's own; or as an admin another's."""

    request: Request
    account: Id
    content: Sealed = b""
    """Of one's own: the entry by which a member of the group leaves it. Both happen, or neither."""
    reason: LongText = ""


class DeleteRoom(msgspec.Struct, frozen=True, array_like=True, tag=133):
    request: Request
    log: Id

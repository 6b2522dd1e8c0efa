"""The journal of a server: who did what and when, as its admins may look it up later."""

from __future__ import annotations

from enum import Enum

import msgspec

from lanline.model.accounts import AccountId

OPERATOR, SERVER, STRANGER = "(operator)", "(server)", "(stranger)"
"""Who acts without an account. Nobody's name has parentheses."""
MAX_DETAIL_CHARS = 300
MAX_JOURNAL_ENTRIES = 100_000
MAX_ENTRIES_OF_MEMBER = 100
"""In an hour. Admins are not counted."""


class Deed(Enum):
    """The values are for programs: they are added to, never changed."""

    STARTED = "started"
    RESTORED = "restored"
    CHAIN_TAKEN = "chain_taken"
    GROUP_PUT_ASIDE = "group_put_aside"
    DISK_LOW = "disk_low"
    JOINED = "joined"
    DEVICE_ADDED = "device_added"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 -- a word of the journal
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- as above
    PASSWORD_SET = "password_set"  # noqa: S105 -- as above
    DEVICE_REVOKED = "device_revoked"
    INVITE_MADE = "invite_made"
    INVITE_DROPPED = "invite_dropped"
    BANNED = "banned"
    UNBANNED = "unbanned"
    ACCOUNT_DELETED = "account_deleted"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    ADMITTED = "admitted"
    TURNED_DOWN = "turned_down"
    ROOM_MADE = "room_made"
    ROOM_DELETED = "room_deleted"
    ROOM_ACCESS = "room_access"
    ROOM_SLOW = "room_slow"
    ROOM_ROLE = "room_role"
    ROOM_MUTED = "room_muted"
    ROOM_UNMUTED = "room_unmuted"
    ROOM_SENT_OUT = "room_sent_out"
    ROOM_BANNED = "room_banned"
    ROOM_UNBANNED = "room_unbanned"
    FILM_CHANGED = "film_changed"
    MORE = "more"


class NewJournalEntry(msgspec.Struct, frozen=True):
    time_ms: int
    deed: Deed
    account: AccountId | None = None
    """Who did it; 0 the operator, None nobody with an account."""
    by: str = SERVER
    """Their name at that time, which may be another's later."""
    whom: str = ""
    room: str = ""
    detail: str = ""
    count: int = 1


class JournalEntry(msgspec.Struct, frozen=True):
    id: int
    time_ms: int
    deed: str
    """Later versions have others."""
    account: AccountId | None
    by: str
    whom: str
    room: str
    detail: str
    count: int

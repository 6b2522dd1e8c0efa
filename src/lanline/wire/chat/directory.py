"""The table of clients: who there is, where, and whether online. Whole once, then as changes."""

from __future__ import annotations

import msgspec

from lanline.wire.chat.limits import Id, ShortText


class Person(msgspec.Struct, frozen=True, array_like=True, gc=False):
    account: Id
    name: ShortText
    is_online: bool
    address: ShortText
    """Where they are, or were seen last; empty where the server tells no addresses."""
    seen_ms: int
    """When they were last online; the time of joining for who never was."""
    is_admin: bool = False
    is_banned: bool = False
    is_ended: bool = False
    """The account was deleted. Somebody else may have the name now."""


class People(msgspec.Struct, frozen=True, array_like=True, tag=67):
    people: tuple[Person, ...]
    is_last: bool


class PeopleChanged(msgspec.Struct, frozen=True, array_like=True, tag=68):
    """All that changed in one turn of the server."""

    people: tuple[Person, ...]

"""Owns what takes how much of the server's disk: by room and by person."""

from __future__ import annotations

import msgspec

from lanline.core.commands import Authority
from lanline.model.accounts import AccountId
from lanline.storage.api import View


class RoomUsage(msgspec.Struct, frozen=True):
    name: str
    entries: int
    size_bytes: int


class PersonUsage(msgspec.Struct, frozen=True):
    account: AccountId
    name: str
    message_bytes: int
    blob_bytes: int


class Usage(msgspec.Struct, frozen=True):
    database_bytes: int
    """All of it: with indexes, and with pages that are free for what comes."""
    directs_bytes: int
    """Conversations of two, together: who talks with whom how much is nobody's concern."""
    rooms: list[RoomUsage]
    people: list[PersonUsage]


def read_usage(view: View, by: Authority) -> Usage:
    by.check_admin()
    rooms, chain = view.rooms.all(), view.groups.chain()
    logs = [room.log for room in rooms]
    heads, sizes = view.logs.heads(logs), view.logs.sizes(logs)
    chain_bytes = 0 if chain is None else view.logs.sizes([chain.log])[chain.log]
    said, files = view.accounts.all_message_bytes(), view.blobs.sizes()
    people = [
        PersonUsage(
            account.id,
            account.name + " (deleted)" * account.is_ended,
            said.get(account.id, 0),
            files.get(account.id, 0),
        )
        for account in view.accounts.all()
    ]
    return Usage(
        view.logs.database_bytes(),
        view.logs.all_bytes() - sum(sizes.values()) - chain_bytes,
        sorted(
            (RoomUsage(room.name, heads.get(room.log, 0), sizes.get(room.log, 0)) for room in rooms),
            key=lambda room: (-room.size_bytes, room.name),
        ),
        sorted(people, key=lambda person: (-person.message_bytes - person.blob_bytes, person.name)),
    )

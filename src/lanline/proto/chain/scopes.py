"""Owns what epochs are for: the group with its open rooms, two people, or a private room. Not who is in: `rooms`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanline.crypto.groups import ids
from lanline.proto.chain.epochs import Recipient, group_readers, last_loss_of_pair, pair_readers, room_readers
from lanline.proto.chain.rooms import Room
from lanline.proto.chain.state import Chain


def _nobody(_now_ms: int) -> list[Recipient]:
    return []


class Scope(NamedTuple):
    """Whose keys seal a conversation, and who reads it."""

    id: bytes
    reads_at: Callable[[bytes, int], bool]
    """An account, at a height of the chain."""
    has_statements: bool
    """Those of its epochs lie in its own log: a private room or a pair. Those of open rooms lie in the chain's."""
    last_loss: int = 0
    readers: Callable[[int], list[Recipient]] = _nobody
    """At a time: an invite that is past its own is sealed to no more."""


def group_scope(chain: Chain) -> Scope:
    def readers(now_ms: int) -> list[Recipient]:
        return group_readers(chain, now_ms)

    return Scope(chain.group_id, chain.is_member, False, chain.last_loss, readers)


def pair_scope(chain: Chain, one: bytes, other: bytes) -> Scope:
    """Of two who have been members."""

    def reads_at(account_id: bytes, height: int) -> bool:
        return account_id in (one, other) and chain.is_member(one, height) and chain.is_member(other, height)

    def readers(_now_ms: int) -> list[Recipient]:
        return pair_readers(chain, one, other)

    scope_id = ids.pair_id_of(chain.group_id, one, other)
    return Scope(scope_id, reads_at, True, last_loss_of_pair(chain, one, other), readers)


def nobodys_scope(scope_id: bytes) -> Scope:
    """Of a room of which nothing is known yet."""
    return Scope(scope_id, lambda _account_id, _height: False, True)


def room_scope(chain: Chain, room: Room) -> Scope:
    """`room` as the chain has it."""

    def readers(_now_ms: int) -> list[Recipient]:
        return room_readers(chain, room)

    return Scope(room.room_id, room.reads_at, True, room.last_loss, readers)

"""Owns what epochs are for: the group with its open rooms, two people, or a private room. Not who is in: `rooms`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanline.chain.epochs import Recipient, group_readers, last_loss_of_pair, pair_readers, room_readers
from lanline.chain.rooms import ChainRoom
from lanline.chain.state import Chain
from lanline.crypto.groups import ids
from lanline.crypto.groups.rsa import RSA_BOX_BYTES
from lanline.wire.sealing.entries import RoomSuite


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
    suite: RoomSuite = RoomSuite.HYBRID
    """In which its boxes are sealed. A box of the other one never opens there."""

    @property
    def is_rsa(self) -> bool:
        return self.suite is RoomSuite.RSA

    def may_be_box(self, data: bytes) -> bool:
        """By its length, in the suite `rsa`: a program that does not know it seals longer ones."""
        return not self.is_rsa or len(data) == RSA_BOX_BYTES


def group_scope(chain: Chain) -> Scope:
    def readers(now_ms: int) -> list[Recipient]:
        return group_readers(chain, now_ms)

    return Scope(chain.group_id, chain.is_member, False, chain.last_loss, readers)


def pair_scope(chain: Chain, one: bytes, other: bytes, suite: RoomSuite = RoomSuite.HYBRID) -> Scope:
    """Of two who have been members. In the suite `rsa` both must have had a key of it."""
    is_rsa = suite is RoomSuite.RSA

    def reads_at(account_id: bytes, height: int) -> bool:
        if account_id not in (one, other) or not (chain.is_member(one, height) and chain.is_member(other, height)):
            return False
        return not is_rsa or (chain.has_had_rsa_key(one, height) and chain.has_had_rsa_key(other, height))

    def readers(_now_ms: int) -> list[Recipient]:
        return pair_readers(chain, one, other, suite)

    scope_id = (ids.rsa_pair_id_of if is_rsa else ids.pair_id_of)(chain.group_id, one, other)
    return Scope(scope_id, reads_at, True, last_loss_of_pair(chain, one, other), readers, suite)


def rsa_pair_scope(chain: Chain, one: bytes, other: bytes) -> Scope | None:
    """None: one of them has never had a key of it."""
    has_keys = all(chain.has_had_rsa_key(each, chain.height) for each in (one, other))
    return pair_scope(chain, one, other, RoomSuite.RSA) if has_keys else None


def nobodys_scope(scope_id: bytes) -> Scope:
    """Of a room of which nothing is known yet."""
    return Scope(scope_id, lambda _account_id, _height: False, True)


def room_scope(chain: Chain, room: ChainRoom) -> Scope:
    """`room` as the chain has it."""

    def readers(_now_ms: int) -> list[Recipient]:
        return room_readers(chain, room)

    return Scope(room.room_id, room.reads_at, True, room.last_loss, readers, room.suite)

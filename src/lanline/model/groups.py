"""What a server keeps for a group that it cannot read: the head of its chain, boxes, and who asks to be let in."""

from __future__ import annotations

import msgspec

from lanline.model.accounts import AccountId
from lanline.model.logs import LogId

FOR_DEVICE = 3
"""The kind of a box that holds the seed of an account: it needs no statement to be given out."""
MAX_BOXES_FROM_HELPERS = 4
"""For one reader of one epoch; that of the epoch's author is kept besides."""


class ChainHead(msgspec.Struct, frozen=True):
    log: LogId
    height: int
    head: bytes


class Box(msgspec.Struct, frozen=True, gc=False):
    """A secret, sealed to one reader: docs/protocol/sealing.md, 4.4."""

    scope: bytes
    epoch_id: bytes
    kind: int
    recipient: bytes
    generation: int
    giver: AccountId
    data: bytes


class EntryRequest(msgspec.Struct, frozen=True):
    """Somebody with an account on the server asks to be let into the group."""

    account: AccountId
    joiner: bytes
    signature: bytes
    left_ms: int

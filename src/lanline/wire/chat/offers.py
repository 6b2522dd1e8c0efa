"""How members bring back what a restored server has lost, of the group's chain and of what was said: chat.md, 17."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.groups import Hash
from lanline.wire.chat.limits import Id, Request, Sealed, Sequence
from lanline.wire.sealing.strict import Short

MAX_ITEMS_AT_ONCE = 100
MAX_BYTES_AT_ONCE = 48 * 1024
MAX_CARRIED_AT_ONCE = 50
MAX_CARRIED_BYTES = 16 * 1024
"""Of one entry: what a member keeps for others is bounded."""

ItemSuite = Annotated[str, msgspec.Meta(pattern="^(key|stub)/1$")]


class TellHead(msgspec.Struct, frozen=True, array_like=True, tag=144):
    """How far the chain is on this device: to a server that asks for it, in `GroupIs`."""

    request: Request
    height: Sequence
    head: Hash


class HeadTold(msgspec.Struct, frozen=True, array_like=True, tag=88):
    """`after`: the height behind which items are wanted. None: the server has them, or somebody has brought them."""

    request: Request
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None


class OfferedItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    suite: ItemSuite
    content: Sealed


class OfferKeys(msgspec.Struct, frozen=True, array_like=True, tag=145):
    """Items of the chain that follow on a height, in pieces. Answered with Done.

    None at all, and `is_last`: this device has others than the server, at or below its head.
    """

    request: Request
    after: Sequence
    items: Annotated[tuple[OfferedItem, ...], msgspec.Meta(max_length=MAX_ITEMS_AT_ONCE)]
    is_last: bool


class AskBranches(msgspec.Struct, frozen=True, array_like=True, tag=146):
    """To admins: what was offered. With a head: take that one, whatever the others say."""

    request: Request
    take: Hash | None = None


class Branch(msgspec.Struct, frozen=True, array_like=True):
    height: int
    head: bytes
    told_by: tuple[str, ...]
    """Names of the accounts that are on it."""
    comes: tuple[str, ...]
    goes: tuple[str, ...]
    """Members that the group gets by it, and loses."""


class Branches(msgspec.Struct, frozen=True, array_like=True, tag=89):
    request: Request
    height: int
    head: bytes
    """Of the chain that the server has."""
    is_gathering: bool
    waits_ms: int
    told: int
    """Accounts that have told their heads."""
    branches: tuple[Branch, ...]


class OfferRoomKeys(msgspec.Struct, frozen=True, array_like=True, tag=147):
    """Entries of private rooms, for their stubs in the chain. Answered with Done, whichever were of use."""

    request: Request
    contents: Annotated[tuple[Sealed, ...], msgspec.Meta(min_length=1, max_length=MAX_ITEMS_AT_ONCE)]


class LostWords(msgspec.Struct, frozen=True, array_like=True, gc=False):
    entry_id: Short
    said: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_CARRIED_BYTES)]
    statement: Annotated[bytes, msgspec.Meta(max_length=2048)]
    """Of their epoch; empty where the server has it."""


class Carry(msgspec.Struct, frozen=True, array_like=True, tag=190):
    """Sealed words, of anybody who is still there, that a restored server has lost. Answered with Carried."""

    request: Request
    log: Id
    words: Annotated[tuple[LostWords, ...], msgspec.Meta(min_length=1, max_length=MAX_CARRIED_AT_ONCE)]


class Carried(msgspec.Struct, frozen=True, array_like=True, tag=191):
    request: Request
    refusals: tuple[str, ...]
    """For each why it is not taken, a sentence; empty: it stands."""


FromClient = TellHead | OfferKeys | AskBranches | OfferRoomKeys | Carry
FromServer = HeadTold | Branches | Carried

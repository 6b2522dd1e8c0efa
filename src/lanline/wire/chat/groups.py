"""The group that its server cannot read: its chain, keys and boxes, and asking to be let in. See sealing.md."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.entries import LogEntry
from lanline.wire.chat.limits import EntryId, Id, Request, Sealed, Sequence

MAX_KEYS_AT_ONCE = 256
MAX_BOXES_AT_ONCE = 500
MAX_EPOCHS_AT_ONCE = 100

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
EpochId = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Shown = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
EpochIds = Annotated[tuple[EpochId, ...], msgspec.Meta(min_length=1, max_length=MAX_EPOCHS_AT_ONCE)]
SealKey = Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]


class AskGroup(msgspec.Struct, frozen=True, array_like=True, tag=35):
    """Whoever asks is told from then on, too."""

    request: Request


class GroupIs(msgspec.Struct, frozen=True, array_like=True, tag=93):
    """`request` 0: it was founded just now. Without a log: nobody has founded one yet."""

    request: Annotated[int, msgspec.Meta(ge=0)]
    log: Id
    sequence: Sequence
    height: Sequence
    head: Hash
    gathers: bool = False
    """The server was restored: members are to tell how far they have the chain (`offers`)."""
    is_awaited: bool = False
    """Without a log: its operator has put a group aside, and nobody has founded another in its place."""


class BeginNewGroup(msgspec.Struct, frozen=True, array_like=True, tag=180):
    """From the operator alone: the group is put aside. This account is the server's only admin, and founds the next."""

    request: Request
    account: Id


class AppendKey(msgspec.Struct, frozen=True, array_like=True, tag=36):
    """An entry of the chain; refused with STALE_CHAIN where it does not stand on the head."""

    request: Request
    content: Sealed


class KeyTaken(msgspec.Struct, frozen=True, array_like=True, tag=94):
    request: Request
    log: Id
    sequence: Sequence


class AppendRoomKey(msgspec.Struct, frozen=True, array_like=True, tag=59):
    """An entry of the private room with this log, or the one that founds it. Answered as `AppendKey`."""

    request: Request
    log: Id
    content: Sealed


class ReadKeys(msgspec.Struct, frozen=True, array_like=True, tag=60):
    """Statements of epochs and entries of a private room in a log, after this place: apart from what was said."""

    request: Request
    log: Id
    after: Sequence


class KeyEntries(msgspec.Struct, frozen=True, array_like=True, tag=87):
    """The oldest first; none: there are no more."""

    request: Request
    log: Id
    entries: tuple[LogEntry, ...]


class ReadPastKeys(msgspec.Struct, frozen=True, array_like=True, tag=185):
    """The chain's log of a group that was put aside, after this place; from who was in it at its end."""

    request: Request
    group_id: Hash
    after: Sequence


class PutKeys(msgspec.Struct, frozen=True, array_like=True, tag=37):
    """Sealing keys, before the entry or the request that names their hashes. On the bulk channel."""

    request: Request
    keys: Annotated[tuple[SealKey, ...], msgspec.Meta(min_length=1, max_length=8)]


class GetKeys(msgspec.Struct, frozen=True, array_like=True, tag=38):
    request: Request
    hashes: Annotated[tuple[Hash, ...], msgspec.Meta(min_length=1, max_length=MAX_KEYS_AT_ONCE)]


class Keys(msgspec.Struct, frozen=True, array_like=True, tag=95):
    """Those that are there, in any order: their hashes tell which they are. On the bulk channel."""

    request: Request
    keys: tuple[bytes, ...]


class PutRsaKey(msgspec.Struct, frozen=True, array_like=True, tag=148):
    """Before the entry that names its hash. The private half is sealed: for the other devices of the account."""

    request: Request
    public: Annotated[bytes, msgspec.Meta(min_length=422, max_length=422)]
    half: Annotated[bytes, msgspec.Meta(min_length=400, max_length=400)]


class GetRsaHalf(msgspec.Struct, frozen=True, array_like=True, tag=149):
    """Of a key of one's own account. Answered with `Keys`: the half, sealed as it was brought."""

    request: Request
    rsa_hash: Hash


class NewBox(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: Annotated[int, msgspec.Meta(ge=1, le=3)]
    recipient: Annotated[bytes, msgspec.Meta(min_length=16, max_length=32)]
    generation: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    data: Annotated[bytes, msgspec.Meta(min_length=1, max_length=2048)]


class PutBoxes(msgspec.Struct, frozen=True, array_like=True, tag=39):
    """Before the statement of an epoch, or for who lacks one. `log`: that of its statements; 0: of a seed.

    On the bulk channel.
    """

    request: Request
    log: Id
    scope: Hash
    epoch_id: EpochId
    boxes: Annotated[tuple[NewBox, ...], msgspec.Meta(min_length=1, max_length=MAX_BOXES_AT_ONCE)]


class GetBoxes(msgspec.Struct, frozen=True, array_like=True, tag=40):
    """Those for this account and device, and for the invite of which `shown` is known."""

    request: Request
    scope: Hash
    epoch_ids: EpochIds
    shown: Shown | None = None


class FoundBox(msgspec.Struct, frozen=True, array_like=True, gc=False):
    epoch_id: EpochId
    kind: int
    generation: int
    data: bytes


class Boxes(msgspec.Struct, frozen=True, array_like=True, tag=96):
    """Of each epoch that of its author first. On the bulk channel."""

    request: Request
    boxes: tuple[FoundBox, ...]


class WantBoxes(msgspec.Struct, frozen=True, array_like=True, tag=41):
    """There is none, or none that is believed: one member after another is asked. `BoxGiven` may follow."""

    request: Request
    log: Id
    scope: Hash
    epoch_ids: EpochIds


class BoxWanted(msgspec.Struct, frozen=True, array_like=True, tag=97):
    """To a member, who gives it if by the chain as it has it this is a reader."""

    log: Id
    scope: Hash
    epoch_ids: EpochIds
    kind: int
    recipient: bytes


class BoxGiven(msgspec.Struct, frozen=True, array_like=True, tag=98):
    """There is one for this account now."""

    scope: Hash
    epoch_id: EpochId


class ClaimEpoch(msgspec.Struct, frozen=True, array_like=True, tag=58):
    """May this device begin the next one? Refused with STALE_KEYS and a time while somebody else is at it."""

    request: Request
    log: Id


class BeginEpoch(msgspec.Struct, frozen=True, array_like=True, tag=42):
    """Its statement, when its boxes are there. Refused with STALE_KEYS where it is not fresh."""

    request: Request
    log: Id
    content: Sealed


class EpochBegun(msgspec.Struct, frozen=True, array_like=True, tag=99):
    request: Request
    sequence: Sequence


class Reader(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: int
    recipient: bytes
    generation: int


class ReadersLacking(msgspec.Struct, frozen=True, array_like=True, tag=100):
    """Nothing was begun: these read, by the chain as the server has it, and have no box."""

    request: Request
    readers: tuple[Reader, ...]


class GiveUp(msgspec.Struct, frozen=True, array_like=True, tag=43):
    """A refused entry does not come again: what follows it may pass. Not answered."""

    entry_id: EntryId


class MakeGroupInvite(msgspec.Struct, frozen=True, array_like=True, tag=44):
    """The entry of the chain, and the hash of what its bearer shows: both or neither. Answered with `KeyTaken`."""

    request: Request
    content: Sealed
    shown_hash: Hash


class LeaveRequest(msgspec.Struct, frozen=True, array_like=True, tag=45):
    """To be let in: JOINER, and the signature that an `admit` wants."""

    request: Request
    joiner: Annotated[bytes, msgspec.Meta(max_length=512)]
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class WaitingRequest(msgspec.Struct, frozen=True, array_like=True):
    account: Id
    joiner: bytes
    signature: bytes
    left_ms: int


class ListRequests(msgspec.Struct, frozen=True, array_like=True, tag=46):
    request: Request


class Requests(msgspec.Struct, frozen=True, array_like=True, tag=101):
    request: Request
    requests: tuple[WaitingRequest, ...]


class RequestCame(msgspec.Struct, frozen=True, array_like=True, tag=102):
    """To admins."""

    waiting: WaitingRequest


class RefuseRequest(msgspec.Struct, frozen=True, array_like=True, tag=47):
    request: Request
    account: Id

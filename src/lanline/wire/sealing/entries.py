"""Owns the entries of the chain and of private rooms, as bytes. Not what they mean: that is `lanline.chain`."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from lanline.errors import MalformedPacket
from lanline.wire.sealing.strict import (
    Integer,
    Long,
    SealedSecret,
    Short,
    Signature,
    check_rising,
    decode_strictly,
    encode_strictly,
    is_name,
)

KEY_SUITE = "key/1"
STUB_SUITE = "stub/1"
MAX_ENTRY_BYTES = 8 * 1024
MAX_LIVE_DEVICES = 64
MAX_INVITE_USES = 10_000

Name = Annotated[bytes, msgspec.Meta(min_length=1, max_length=128)]
Ids = Annotated[tuple[Long, ...], msgspec.Meta(min_length=1, max_length=100)]


class Role(IntEnum):
    MEMBER = 0
    ADMIN = 1


class Joins(IntEnum):
    INVITE = 0
    ANYONE = 1


class Inviters(IntEnum):
    ADMINS = 0
    MEMBERS = 1


class DeviceKind(IntEnum):
    DEVICE = 0
    RECOVERY = 1


class RoomRole(IntEnum):
    MEMBER = 0
    MODERATOR = 1
    OWNER = 2


class RoomSuite(IntEnum):
    HYBRID = 0
    RSA = 1


class Joiner(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who comes: the first device of an account, and the key of its first generation."""

    name: Name
    sign_key: Long
    seal_hash: Long
    link_fingerprint: Long
    generation_hash: Long

    def __post_init__(self) -> None:
        _check_name(self.name)


class NewDevice(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sign_key: Long
    seal_hash: Long
    link_fingerprint: Long


class DeviceRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a further device leaves with the server until another one of its account takes it in."""

    group_id: Long
    account_id: Long
    device: bytes
    proof: Signature


class SignedEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    body: bytes
    device_id: Short
    signature: Signature
    use_signature: Signature | None


class Stub(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Stands in the chain for an entry of a private room, which lies in full in the log of that room."""

    tag: Short
    content_hash: Long


class Body(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every kind begins with, after its number."""

    group_id: Long
    height: Integer
    on: Long
    time_ms: Integer


class Found(Body, frozen=True, tag=1):
    chance: Short
    joiner: bytes
    joins: Joins
    inviters: Inviters


class MakeInvite(Body, frozen=True, tag=2):
    verify_key: Long
    seal_hash: Long
    uses: Annotated[int, msgspec.Meta(ge=1, le=MAX_INVITE_USES)]
    until_ms: Integer
    role: Role


class DropInvites(Body, frozen=True, tag=3):
    invite_ids: Annotated[tuple[Short, ...], msgspec.Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        check_rising(self.invite_ids)


class Join(Body, frozen=True, tag=4):
    joiner: bytes
    invite_id: Short | None


class Admit(Body, frozen=True, tag=5):
    joiner: bytes
    request_signature: Signature


class Remove(Body, frozen=True, tag=6):
    accounts: Ids

    def __post_init__(self) -> None:
        check_rising(self.accounts)


class SetRole(Body, frozen=True, tag=7):
    account: Long
    role: Role


class SetPolicy(Body, frozen=True, tag=8):
    joins: Joins
    inviters: Inviters
    level: Integer


class AddDevice(Body, frozen=True, tag=9):
    device: bytes
    kind: DeviceKind
    proof: Signature


class Turn(Body, frozen=True, tag=10):
    """A new generation of the account's key, which the devices named here do not get."""

    device_ids: Annotated[tuple[Short, ...], msgspec.Meta(max_length=MAX_LIVE_DEVICES - 1)]
    generation: Integer
    seal_hash: Long
    prior: SealedSecret | None

    def __post_init__(self) -> None:
        check_rising(self.device_ids)


class AddRsa(Body, frozen=True, tag=11):
    generation: Integer
    rsa_hash: Long


class FoundRoom(Body, frozen=True, tag=20):
    chance: Short
    name: Name
    suite: RoomSuite
    accounts: Annotated[tuple[Long, ...], msgspec.Meta(max_length=100)]

    def __post_init__(self) -> None:
        _check_name(self.name)
        check_rising(self.accounts)


class LetIn(Body, frozen=True, tag=21):
    room_id: Long
    accounts: Ids

    def __post_init__(self) -> None:
        check_rising(self.accounts)


class RemoveFromRoom(Body, frozen=True, tag=22):
    room_id: Long
    accounts: Ids

    def __post_init__(self) -> None:
        check_rising(self.accounts)


class SetRoomRole(Body, frozen=True, tag=23):
    room_id: Long
    account: Long
    role: RoomRole


PeopleBody = Found | MakeInvite | DropInvites | Join | Admit | Remove | SetRole | SetPolicy | AddDevice | Turn | AddRsa
RoomBody = FoundRoom | LetIn | RemoveFromRoom | SetRoomRole

_signed: msgspec.msgpack.Decoder[SignedEntry] = msgspec.msgpack.Decoder(SignedEntry)
_stub: msgspec.msgpack.Decoder[Stub] = msgspec.msgpack.Decoder(Stub)
_people: msgspec.msgpack.Decoder[PeopleBody] = msgspec.msgpack.Decoder(PeopleBody)
_room: msgspec.msgpack.Decoder[RoomBody] = msgspec.msgpack.Decoder(RoomBody)
_joiner: msgspec.msgpack.Decoder[Joiner] = msgspec.msgpack.Decoder(Joiner)
_device: msgspec.msgpack.Decoder[NewDevice] = msgspec.msgpack.Decoder(NewDevice)
_record: msgspec.msgpack.Decoder[DeviceRecord] = msgspec.msgpack.Decoder(DeviceRecord)


def decode_entry(content: bytes) -> SignedEntry:
    """Raises MalformedPacket, as all of these do."""
    if len(content) > MAX_ENTRY_BYTES:
        raise MalformedPacket("an entry of the chain is too large")
    return decode_strictly(_signed, content)


def decode_stub(content: bytes) -> Stub:
    return decode_strictly(_stub, content)


def decode_people_body(body: bytes) -> PeopleBody:
    return decode_strictly(_people, body)


def decode_room_body(body: bytes) -> RoomBody:
    return decode_strictly(_room, body)


def decode_joiner(joiner: bytes) -> Joiner:
    return decode_strictly(_joiner, joiner)


def decode_device(device: bytes) -> NewDevice:
    return decode_strictly(_device, device)


def decode_device_record(record: bytes) -> DeviceRecord:
    return decode_strictly(_record, record)


def encode_entry(body: bytes, device_id: bytes, signature: bytes, use_signature: bytes | None = None) -> bytes:
    return encode_strictly(SignedEntry(body, device_id, signature, use_signature))


def _check_name(name: bytes) -> None:
    if not is_name(name):
        raise ValueError("a name holds control characters, or is not UTF-8")

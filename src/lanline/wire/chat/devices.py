"""How a further device comes to an account, and another one takes it into the group. See sealing.md, 6."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lanline.wire.chat.admin import DeviceInfo
from lanline.wire.chat.groups import Hash
from lanline.wire.chat.limits import Id, Request, Sealed, ShortText

MAX_RECORD_BYTES = 512
ANSWER_BYTES = 88
MAX_SEALED_LABEL_BYTES = 92

Record = Annotated[bytes, msgspec.Meta(max_length=MAX_RECORD_BYTES)]
SealedLabel = Annotated[bytes, msgspec.Meta(max_length=MAX_SEALED_LABEL_BYTES)]
Answer = Annotated[bytes, msgspec.Meta(min_length=ANSWER_BYTES, max_length=ANSWER_BYTES)]


class OfferDevice(msgspec.Struct, frozen=True, array_like=True, tag=150):
    """Whoever shows what this is the hash of, as the token of `Join`, comes in as a device of this account."""

    request: Request
    shown_hash: Hash


class LeaveDevice(msgspec.Struct, frozen=True, array_like=True, tag=151):
    """From a device that is not in the group. Answered with `DeviceAnswered` where that was answered, else `Done`."""

    request: Request
    record: Record
    mark: Hash
    sealed_label: SealedLabel = b""


class ListWaitingDevices(msgspec.Struct, frozen=True, array_like=True, tag=152):
    request: Request


class WaitingDevice(msgspec.Struct, frozen=True, array_like=True):
    device: Id
    label: ShortText
    """Of servers from before labels were sealed; else empty."""
    record: Record
    mark: Hash
    left_ms: int
    sealed_label: SealedLabel = b""


class WaitingDevices(msgspec.Struct, frozen=True, array_like=True, tag=104):
    """Of one's own account."""

    request: Request
    devices: tuple[WaitingDevice, ...]


class DeviceAsks(msgspec.Struct, frozen=True, array_like=True, tag=105):
    """To the devices of the account that are in the group."""

    waiting: WaitingDevice


class AnswerDevice(msgspec.Struct, frozen=True, array_like=True, tag=153):
    request: Request
    device: Id
    answer: Answer


class DeviceAnswered(msgspec.Struct, frozen=True, array_like=True, tag=106):
    """To the device that waits. `request` 0: it was answered just now."""

    request: Annotated[int, msgspec.Meta(ge=0)]
    answer: Answer


class ListOwnDevices(msgspec.Struct, frozen=True, array_like=True, tag=154):
    request: Request


class OwnDevices(msgspec.Struct, frozen=True, array_like=True, tag=107):
    request: Request
    devices: tuple[DeviceInfo, ...]


class ForgetLabel(msgspec.Struct, frozen=True, array_like=True, tag=155):
    """The server forgets what it was told in plain that a device is called. With another label it is what clients sent
    before labels were sealed, to have a device called so: such a one is refused.
    """

    request: Request
    device: Id
    label: ShortText = ""


class AddRecovery(msgspec.Struct, frozen=True, array_like=True, tag=156):
    """The entry of the chain, and the hash of what the bearer of the key shows as the token of `Join`: both or neither.

    Answered with `KeyTaken`.
    """

    request: Request
    content: Sealed
    shown_hash: Hash

"""Owns the layout of statements of epochs and of sealed words. Not their keys: those are `crypto/groups`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NamedTuple

import msgspec

from lanline.errors import MalformedPacket
from lanline.wire.sealing.strict import Integer, Long, SealedSecret, Short, Signature, decode_strictly

EPOCH_SUITE = "epoch/1"
SAID_SUITE = "said/1"
CARRIED_SUITE = "carried/1"
TOPIC_SUITE = "topic/1"
"""Words too, with the same bytes: the topic of a room, of which the server has to know who may set it."""
SEALED_SUITES = (SAID_SUITE, TOPIC_SUITE)
VERSION = 1
HEADER_BYTES = 61
NONCE_BYTES = 12
COMMON_BYTES = HEADER_BYTES - NONCE_BYTES
"""With which all that is said in one run under one epoch begins."""
DEVICE_AND_RUN = slice(17, 49)
"""In a header."""
MAX_LINKED_BACK = 8


class LinkedBack(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The secret of an epoch before, sealed under the new one."""

    epoch_id: Short
    sealed: SealedSecret


class EpochBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    scope: Long
    commitment: Long
    height: Integer
    head: Long
    back: Annotated[tuple[LinkedBack, ...], msgspec.Meta(max_length=MAX_LINKED_BACK)]


class SignedEpoch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    body: bytes
    device_id: Short
    signature: Signature


class Words(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What stands inside the seal: the words themselves in `body`, and what their author had seen."""

    n: Integer
    prev: Long
    time_ms: Integer
    height: Integer
    head: Long
    history: Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
    seen: Integer
    seen_hash: Long
    after: Annotated[tuple[Long, ...], msgspec.Meta(max_length=8)]
    body: bytes


class CarriedWords(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Words that a restored server had lost, and that somebody brings again: as they were sealed."""

    entry_id: Short
    said: bytes
    statement: bytes
    """Of their epoch, where the server has lost that too; empty where it stands."""


class Header(NamedTuple):
    epoch_id: bytes
    device_id: bytes
    run: bytes
    nonce: bytes

    @property
    def without_nonce(self) -> bytes:
        return bytes([VERSION]) + self.epoch_id + self.device_id + self.run


_epoch_body: msgspec.msgpack.Decoder[EpochBody] = msgspec.msgpack.Decoder(EpochBody)
_signed_epoch: msgspec.msgpack.Decoder[SignedEpoch] = msgspec.msgpack.Decoder(SignedEpoch)
_carried: msgspec.msgpack.Decoder[CarriedWords] = msgspec.msgpack.Decoder(CarriedWords)
_words: msgspec.msgpack.Decoder[Words] = msgspec.msgpack.Decoder(Words)


def decode_epoch(content: bytes) -> tuple[SignedEpoch, EpochBody]:
    """Raises MalformedPacket, as all of these do."""
    signed = decode_strictly(_signed_epoch, content)
    return signed, decode_strictly(_epoch_body, signed.body)


decode_words = partial(decode_strictly, _words)


def decode_carried(content: bytes) -> CarriedWords:
    return decode_strictly(_carried, content)


def split_said(content: bytes) -> tuple[Header, bytes]:
    """The header, and what is sealed."""
    if len(content) < HEADER_BYTES or content[0] != VERSION:
        raise MalformedPacket("sealed words have no header that is known")
    return Header(content[1:17], content[17:33], content[33:49], content[49:61]), content[HEADER_BYTES:]

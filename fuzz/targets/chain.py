"""Entries of the chain and of rooms, stubs, statements of epochs and the outside of sealed words."""

from __future__ import annotations

import contextlib

from lanline.chain.epochs import judge_epoch, scope_named
from lanline.chain.offers import judge_offer, judge_request
from lanline.chain.reasons import Reason
from lanline.chain.roomoffers import full_entry_of, judge_room_offer
from lanline.chain.rooms import replay
from lanline.chain.rules import follow
from lanline.chain.state import Chain
from lanline.crypto.groups.ids import KEY_ENTRY, REQUEST, device_id_of
from lanline.crypto.groups.keys import SigningKey
from lanline.errors import MalformedPacket
from lanline.wire.sealing import entries
from lanline.wire.sealing.said import decode_carried, decode_words, split_said
from lanline.wire.sealing.strict import ZEROS, encode_strictly

_SIGNER = SigningKey(bytes(range(32)))
_DEVICE_ID = device_id_of(_SIGNER.public_bytes)


def _signed(body: bytes) -> bytes:
    return entries.encode_entry(body, _DEVICE_ID, _SIGNER.sign(KEY_ENTRY + body))


def _founding() -> bytes:
    joiner = encode_strictly(entries.Joiner(b"ana", _SIGNER.public_bytes, ZEROS, ZEROS, ZEROS))
    found = entries.Found(ZEROS, 1, ZEROS, 0, bytes(16), joiner, entries.Joins.ANYONE, entries.Inviters.MEMBERS)
    return encode_strictly(found)


_CHAIN, _REASON = follow(Chain(), entries.KEY_SUITE, _signed(_founding()))
assert _REASON is None


def fuzz_one(data: bytes) -> None:
    for content in (data, _signed(data)):
        for suite in (entries.KEY_SUITE, entries.STUB_SUITE):
            after, _ = follow(_CHAIN, suite, content)
            assert after.height == 2
            assert after.head != _CHAIN.head
        replay(_CHAIN, content, {})
        judge_room_offer(_CHAIN, None, content)
        full_entry_of(_CHAIN, content)
        judge_offer(_CHAIN, content)
        scope_named(content)
        judge_epoch(_CHAIN, ZEROS, _CHAIN.is_member, (), content)
    assert isinstance(judge_request(_CHAIN, data, _SIGNER.sign(REQUEST + _CHAIN.group_id + data)), Reason)
    for decode in (split_said, decode_words, decode_carried, entries.decode_joiner, entries.decode_device):
        with contextlib.suppress(MalformedPacket):
            decode(data)


def seeds() -> list[bytes]:
    common = (_CHAIN.group_id, 2, _CHAIN.head, 0)
    account = next(iter(_CHAIN.accounts))
    bodies = (
        entries.MakeInvite(*common, _SIGNER.public_bytes, ZEROS, 1, 1, entries.Role.ADMIN),
        entries.DropInvites(*common, (bytes(16),)),
        entries.Join(*common, b"", None),
        entries.Admit(*common, b"", bytes(64)),
        entries.Remove(*common, (account,)),
        entries.SetRole(*common, account, entries.Role.MEMBER),
        entries.SetPolicy(*common, entries.Joins.INVITE, entries.Inviters.ADMINS, 1),
        entries.AddDevice(*common, b"", entries.DeviceKind.RECOVERY, bytes(64)),
        entries.Turn(*common, (), 2, ZEROS, None),
        entries.AddRsa(*common, 1, ZEROS),
        entries.FoundRoom(*common, bytes(16), b"lab", entries.RoomSuite.HYBRID, ()),
        entries.LetIn(*common, ZEROS, (account,)),
        entries.RemoveFromRoom(*common, ZEROS, (account,)),
        entries.SetRoomRole(*common, ZEROS, account, entries.RoomRole.OWNER),
        entries.Stub(bytes(16), ZEROS),
    )
    return [encode_strictly(body) for body in bodies] + [_founding()]

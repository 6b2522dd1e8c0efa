"""Owns what is signed about the devices of the own account: how one comes, and how some go with a new key."""

from __future__ import annotations

from lanline.client.sealing.context import GroupContext
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import seal_prior
from lanline.crypto.groups.keys import SealingKey, SigningKey, hash_of_key
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import DeviceKind, DeviceRecord
from lanline.wire.sealing.strict import ZEROS, encode_strictly


def device_record(context: GroupContext, account_id: bytes) -> DeviceRecord:
    """Of this device, as one more of that account."""
    return _record_of(context, account_id, context.keys.device_secret, context.link_fingerprint)


def recovery_record(context: GroupContext, account_id: bytes, secret: bytes) -> DeviceRecord:
    return _record_of(context, account_id, secret, ZEROS)


def _record_of(context: GroupContext, account_id: bytes, secret: bytes, link_fingerprint: bytes) -> DeviceRecord:
    signer, group_id = SigningKey.of_device(secret), context.copy.chain.group_id
    seal_hash = hash_of_key(SealingKey.of_device(secret).public_bytes)
    device = encode_strictly(entries.NewDevice(signer.public_bytes, seal_hash, link_fingerprint))
    return DeviceRecord(group_id, account_id, device, signer.sign(ids.NEW_DEVICE + group_id + account_id + device))


def device_id_in(record: DeviceRecord) -> bytes:
    """Raises MalformedPacket."""
    return ids.device_id_of(entries.decode_device(record.device).sign_key)


def added(context: GroupContext, record: DeviceRecord, kind: DeviceKind, signer: SigningKey) -> bytes:
    """On the head of the chain, signed by this device or by the recovery key."""
    return _signed(signer, entries.AddDevice(*_place(context), record.device, kind, record.proof))


def turned(context: GroupContext, gone: tuple[bytes, ...], seed: bytes, signer: SigningKey) -> bytes:
    """Those are out, and the account's key is another, made from this seed."""
    account_id = context.copy.account_id
    number = len(context.copy.chain.accounts[account_id].generations) + 1
    before = context.seeds.get(number - 1)
    prior = None if before is None else seal_prior(seed, account_id, number, before)
    seal_hash = hash_of_key(SealingKey.of_generation(seed).public_bytes)
    return _signed(signer, entries.Turn(*_place(context), tuple(sorted(gone)), number, seal_hash, prior))


def _place(context: GroupContext) -> tuple[bytes, int, bytes, int]:
    chain = context.copy.chain
    return chain.group_id, chain.height + 1, chain.head, context.now_ms()


def _signed(signer: SigningKey, body: entries.Body) -> bytes:
    data = encode_strictly(body)
    device_id = ids.device_id_of(signer.public_bytes)
    return entries.encode_entry(data, device_id, signer.sign(ids.KEY_ENTRY + data))

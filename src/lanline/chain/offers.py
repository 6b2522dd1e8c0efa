"""Owns what the server looks at, besides the rules, before it takes an entry or a request. Not pace, and no table.

What is found here are facts for the server's own rules: whose link this has to be, which keys have to be there.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from lanline.chain.reasons import DoesNotHoldError, Reason, require
from lanline.chain.rules import follow, read
from lanline.chain.state import KNOWN_LEVEL, NEVER, Chain
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import epoch_id_of, seed_commitment_of
from lanline.crypto.groups.keys import is_good_sign_key, verify
from lanline.errors import MalformedPacket
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import KEY_SUITE
from lanline.wire.sealing.said import split_said


class Coming(IntEnum):
    """How somebody, or some device, gets in by an entry."""

    NOBODY = 0
    FOUNDS = 1
    JOINS = 2
    IS_ADMITTED = 3
    DEVICE = 4


class NewInvite(NamedTuple):
    id: bytes
    uses: int
    until_ms: int
    grants_admin: bool


class NewGeneration(NamedTuple):
    """Of an account's key, and where the boxes of its seed lie."""

    account_id: bytes
    number: int
    place: bytes


class Offer(NamedTuple):
    """An entry that holds, on this head."""

    chain: Chain
    """After it."""
    time_ms: int
    coming: Coming
    name: str
    """Of who founds, joins or is admitted."""
    new_link: bytes
    """The fingerprint of the link key of the device that comes; empty where none does, or a recovery key."""
    keys: tuple[bytes, ...]
    """The hashes of the sealing keys that it names."""
    invite: NewInvite | None
    """That it makes."""
    gone_devices: tuple[bytes, ...] = ()
    """That it takes out of an account which stays."""
    of_account: bytes | None = None
    """Whose device it is that it adds."""
    new_recovery: bytes | None = None
    """The device_id of the recovery key that it adds."""
    turn: NewGeneration | None = None
    rsa_hash: bytes | None = None
    """Of the RSA key that it registers."""


def judge_offer(chain: Chain, content: bytes) -> Offer | Reason:
    """PLACE: it is not made for this head, which may be all that is wrong with it."""
    try:
        signed = read(entries.decode_entry, content)
        body = read(entries.decode_people_body, signed.body)
        require((body.height, body.on) == (chain.height + 1, chain.head), Reason.PLACE)
        changed, reason = follow(chain, KEY_SUITE, content)
        if reason is not None:
            return reason
        require(changed.level <= KNOWN_LEVEL, Reason.PROGRAM_TOO_OLD)
        return _offer(changed, body)
    except DoesNotHoldError as failure:
        return failure.reason


def _offer(chain: Chain, body: entries.PeopleBody) -> Offer:
    coming, name, new_link = Coming.NOBODY, "", b""
    keys: tuple[bytes, ...] = ()
    invite: NewInvite | None = None
    gone: tuple[bytes, ...] = ()
    of_account: bytes | None = None
    new_recovery: bytes | None = None
    if isinstance(body, entries.Found | entries.Join | entries.Admit):
        joiner = read(entries.decode_joiner, body.joiner)
        coming = _COMING[type(body)]
        name, new_link, keys = joiner.name.decode(), joiner.link_fingerprint, (joiner.seal_hash, joiner.generation_hash)
    elif isinstance(body, entries.AddDevice):
        device = read(entries.decode_device, body.device)
        keys, of_account = (device.seal_hash,), chain.devices[ids.device_id_of(device.sign_key)].account
        if body.kind is entries.DeviceKind.DEVICE:
            coming, new_link = Coming.DEVICE, device.link_fingerprint
        else:
            new_recovery = ids.device_id_of(device.sign_key)
    elif isinstance(body, entries.Turn):
        keys, gone = (body.seal_hash,), body.device_ids
    elif isinstance(body, entries.MakeInvite):
        keys = (body.seal_hash,)
        is_admin = body.role is entries.Role.ADMIN
        invite = NewInvite(ids.invite_id_of(body.verify_key), body.uses, body.until_ms, is_admin)
    turned = chain.places[chain.height - 1].turned
    turn = None if turned is None else _new_generation(chain, turned)
    rsa_hash = body.rsa_hash if isinstance(body, entries.AddRsa) else None
    return Offer(
        chain, body.time_ms, coming, name, new_link, keys, invite, gone, of_account, new_recovery, turn, rsa_hash
    )


def _new_generation(chain: Chain, account_id: bytes) -> NewGeneration:
    places = seed_places(chain, account_id)
    return NewGeneration(account_id, len(places), places[-1])


def seed_places(chain: Chain, account_id: bytes) -> list[bytes]:
    """Where the boxes of an account's seeds lie, in the order of its generations."""
    generations = chain.accounts[account_id].generations
    return [epoch_id_of(seed_commitment_of(each.seal_hash, each.maker)) for each in generations]


_COMING: dict[type, Coming] = {
    entries.Found: Coming.FOUNDS,
    entries.Join: Coming.JOINS,
    entries.Admit: Coming.IS_ADMITTED,
}


class AdmissionRequest(NamedTuple):
    """A request to be let in whose signature fits."""

    account_id: bytes
    name: str
    new_link: bytes
    keys: tuple[bytes, ...]


def judge_request(chain: Chain, joiner_bytes: bytes, signature: bytes) -> AdmissionRequest | Reason:
    """Whether an `admit` of this could hold, now."""
    try:
        joiner = entries.decode_joiner(joiner_bytes)
    except MalformedPacket:
        return Reason.FORM
    if not is_good_sign_key(joiner.sign_key):
        return Reason.WEAK_KEY
    if not verify(joiner.sign_key, signature, ids.REQUEST + chain.group_id + joiner_bytes):
        return Reason.SIGNATURE
    if ids.device_id_of(joiner.sign_key) in chain.devices:
        return Reason.KNOWN_ID
    if joiner.name in chain.names:
        return Reason.NAME
    keys = (joiner.seal_hash, joiner.generation_hash)
    return AdmissionRequest(ids.account_id_of(joiner.sign_key), joiner.name.decode(), joiner.link_fingerprint, keys)


def keys_of_request(joiner_bytes: bytes) -> tuple[bytes, ...]:
    """The hashes of the sealing keys that a request names which was judged before."""
    joiner = entries.decode_joiner(joiner_bytes)
    return joiner.seal_hash, joiner.generation_hash


def invites_lost(before: Chain, after: Chain) -> list[bytes]:
    """Those of before that have ended since, in another way than by use."""
    return [
        invite_id
        for invite_id, known in before.invites.items()
        if known.until == NEVER and (invite := after.invites[invite_id]).until != NEVER and invite.uses_left
    ]


def signed_by(content: bytes) -> bytes:
    """The device that signed an entry which was judged before."""
    return entries.decode_entry(content).device_id


def said_under(content: bytes) -> tuple[bytes, bytes] | None:
    """The epoch and the device that the header of sealed words names. None: it has no such header."""
    try:
        header, _ = split_said(content)
    except MalformedPacket:
        return None
    return header.epoch_id, header.device_id

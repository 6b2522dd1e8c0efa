"""Owns the one function that takes the chain a step further, and the rule of every kind of entry about people.

Not private rooms (`rooms`), and not what only the server checks: pace, clocks, and letters in names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from lanline.chain.reasons import DoesNotHoldError, Reason, require
from lanline.chain.state import KNOWN_LEVEL, NEVER, Account, Chain, Device, Generation, Invite, Place
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import is_good_sign_key, verify
from lanline.errors import MalformedPacket
from lanline.wire.sealing import entries
from lanline.wire.sealing.entries import KEY_SUITE, STUB_SUITE, DeviceKind, Inviters, Joins, Role, SignedEntry
from lanline.wire.sealing.strict import ZEROS

MAX_OPEN_INVITES = 20
MAX_OPEN_INVITES_OF_ADMIN = 200
NO_TAG = bytes(16)
DAMAGED_TAG = b"\xff" * 16
"""Of a stub that is none. With the tag of people entries one could be shown as a stub under the same head."""

T = TypeVar("T")


class EntryAuthor(NamedTuple):
    device_id: bytes
    device: Device
    is_checked: bool
    """The signatures of the entry were verified before, here."""

    @property
    def account_id(self) -> bytes:
        return self.device.account


def follow(chain: Chain, suite: str, content: bytes, *, is_checked: bool = False) -> tuple[Chain, Reason | None]:
    """The chain after this item of its log, and why the item does not hold, if it does not: it takes a height still.

    `is_checked`: this program has seen it hold at this place, and kept it; its signatures are not verified again.
    """
    if chain.level > KNOWN_LEVEL:
        return chain, Reason.PROGRAM_TOO_OLD
    if suite == STUB_SUITE:
        return _follow_stub(chain, content)
    assert suite == KEY_SUITE
    try:
        changed, place = _judge(chain, content, is_checked)
    except DoesNotHoldError as failure:
        return _with_place(chain, chain, Place(b"", NO_TAG, _sha256(content))), failure.reason
    return _with_place(chain, changed, place), None


def read(decode: Callable[[bytes], T], data: bytes) -> T:
    try:
        return decode(data)
    except MalformedPacket as cause:
        raise DoesNotHoldError(Reason.FORM) from cause


def check_signature(public: bytes, signature: bytes, label: bytes, *parts: bytes) -> None:
    require(verify(public, signature, b"".join((label, *parts))), Reason.SIGNATURE)


def _check(author: EntryAuthor, public: bytes, signature: bytes, label: bytes, *parts: bytes) -> None:
    if not author.is_checked:
        check_signature(public, signature, label, *parts)


def check_place(chain: Chain, body: entries.Body, height: int) -> None:
    """That an entry stands at this height of this chain, in this group."""
    require((body.height, body.on) == (height, chain.head_at(height - 1)), Reason.PLACE)
    require(body.group_id == chain.group_id, Reason.GROUP)


def _follow_stub(chain: Chain, content: bytes) -> tuple[Chain, Reason | None]:
    try:
        stub = entries.decode_stub(content)
    except MalformedPacket:
        stub = None
    if chain.height == 0 or stub is None or stub.tag in {NO_TAG, DAMAGED_TAG}:
        return _with_place(chain, chain, Place(b"", DAMAGED_TAG, _sha256(content))), Reason.FORM
    return _with_place(chain, chain, Place(b"", stub.tag, stub.content_hash)), None


def _with_place(before: Chain, changed: Chain, place: Place) -> Chain:
    head = ids.chain_hash_of(before.head, place.tag, place.content_hash)
    return msgspec.structs.replace(
        changed, height=before.height + 1, head=head, places=before.places.with_next(place._replace(head=head))
    )


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _judge(chain: Chain, content: bytes, is_checked: bool) -> tuple[Chain, Place]:
    signed = read(entries.decode_entry, content)
    body = read(entries.decode_people_body, signed.body)
    check_place(chain, body, chain.height + 1)
    author = _author_of(chain, signed, body, is_checked)
    _check(author, author.device.sign_key, signed.signature, ids.KEY_ENTRY, signed.body)
    if not isinstance(body, entries.Join):
        require(signed.use_signature is None, Reason.FORM)
    rule, place = _RULES[type(body)], Place(b"", NO_TAG, _sha256(content))
    changed = rule(chain, author, body, signed)
    if isinstance(body, entries.Found):
        changed = msgspec.structs.replace(changed, group_id=ids.group_id_of(content))
    elif isinstance(body, entries.Remove):
        place = place._replace(removed=body.accounts)
    elif isinstance(body, entries.Turn):
        place = place._replace(turned=author.account_id)
    return changed, place


def _author_of(chain: Chain, signed: SignedEntry, body: entries.PeopleBody, is_checked: bool) -> EntryAuthor:
    """The device that signed: live, of a member. Who founds or joins comes with the entry."""
    if not isinstance(body, entries.Found | entries.Join):
        device = chain.live_device(signed.device_id)
        if device is None:
            raise DoesNotHoldError(Reason.DEVICE)
        return EntryAuthor(signed.device_id, device, is_checked)
    joiner = read(entries.decode_joiner, body.joiner)
    require(ids.device_id_of(joiner.sign_key) == signed.device_id, Reason.DEVICE)
    require(is_good_sign_key(joiner.sign_key), Reason.WEAK_KEY)
    came_by = body.invite_id if isinstance(body, entries.Join) else None
    return EntryAuthor(signed.device_id, _first_device(joiner, came_by, body.height), is_checked)


def _first_device(joiner: entries.Joiner, came_by: bytes | None, height: int) -> Device:
    account_id = ids.account_id_of(joiner.sign_key)
    return Device(
        account_id,
        DeviceKind.DEVICE,
        joiner.sign_key,
        joiner.seal_hash,
        joiner.link_fingerprint,
        came_by,
        height,
    )


# -- coming in


def _found(chain: Chain, _author: EntryAuthor, body: entries.Found, _signed: SignedEntry) -> Chain:
    require(chain.height == 0, Reason.PLACE)
    chain = _with_member(chain, read(entries.decode_joiner, body.joiner), None, Role.ADMIN)
    return msgspec.structs.replace(chain, joins=body.joins, inviters=body.inviters)


def _join(chain: Chain, author: EntryAuthor, body: entries.Join, signed: SignedEntry) -> Chain:
    joiner = read(entries.decode_joiner, body.joiner)
    if body.invite_id is None:
        require(signed.use_signature is None, Reason.FORM)
        require(chain.height > 0 and chain.joins is Joins.ANYONE, Reason.INVITE)
        return _with_member(chain, joiner, None, Role.MEMBER)
    invite = chain.invites.get(body.invite_id)
    if invite is None or invite.until != NEVER or body.time_ms > invite.until_ms:
        raise DoesNotHoldError(Reason.INVITE)
    _check(author, invite.verify_key, signed.use_signature or b"", ids.INVITE_USE, signed.body)
    used = invite._replace(uses_left=invite.uses_left - 1)
    if used.uses_left:
        chain = msgspec.structs.replace(chain, invites={**chain.invites, body.invite_id: used})
    else:
        chain = _with_ended(chain, {body.invite_id: used._replace(used_up_ms=body.time_ms)})
    return _with_member(chain, joiner, body.invite_id, invite.role)


def _admit(chain: Chain, author: EntryAuthor, body: entries.Admit, _signed: SignedEntry) -> Chain:
    joiner = read(entries.decode_joiner, body.joiner)
    require(is_good_sign_key(joiner.sign_key), Reason.WEAK_KEY)
    _check(author, joiner.sign_key, body.request_signature, ids.REQUEST, chain.group_id, body.joiner)
    require(author.account_id in chain.admins, Reason.RIGHTS)
    return _with_member(chain, joiner, None, Role.MEMBER)


def _with_member(chain: Chain, joiner: entries.Joiner, came_by: bytes | None, role: Role) -> Chain:
    device_id, account_id = ids.device_id_of(joiner.sign_key), ids.account_id_of(joiner.sign_key)
    require(device_id not in chain.devices, Reason.KNOWN_ID)
    require(joiner.name not in chain.names, Reason.NAME)
    height = chain.height + 1
    first = Generation(height, joiner.generation_hash, bytes(16), None)
    account = Account(joiner.name, came_by, (device_id,), (first,), height)
    changed = msgspec.structs.replace(
        chain,
        accounts={**chain.accounts, account_id: account},
        devices={**chain.devices, device_id: _first_device(joiner, came_by, height)},
        names={**chain.names, joiner.name: account_id},
        admins=chain.admins | {account_id} if role is Role.ADMIN else chain.admins,
    )
    return _with_heir(changed)


# -- invites


def _make_invite(chain: Chain, author: EntryAuthor, body: entries.MakeInvite, _signed: SignedEntry) -> Chain:
    require(is_good_sign_key(body.verify_key), Reason.WEAK_KEY)
    require(_may_invite(chain, author.account_id, body.role), Reason.RIGHTS)
    invite_id = ids.invite_id_of(body.verify_key)
    require(invite_id not in chain.invites, Reason.KNOWN_ID)
    maker = chain.accounts[author.account_id]
    open_now = sum(chain.invites[each].until_ms >= body.time_ms for each in maker.open_invites)
    most = MAX_OPEN_INVITES_OF_ADMIN if author.account_id in chain.admins else MAX_OPEN_INVITES
    require(open_now < most, Reason.LIMIT)
    invite = Invite(
        body.verify_key,
        body.seal_hash,
        author.account_id,
        author.device_id,
        body.uses,
        body.until_ms,
        body.role,
        body.height,
    )
    maker = maker._replace(open_invites=(*maker.open_invites, invite_id))
    return msgspec.structs.replace(
        chain,
        invites={**chain.invites, invite_id: invite},
        accounts={**chain.accounts, author.account_id: maker},
    )


def _may_invite(chain: Chain, account_id: bytes, role: Role) -> bool:
    return account_id in chain.admins or (chain.inviters is Inviters.MEMBERS and role is Role.MEMBER)


def _drop_invites(chain: Chain, author: EntryAuthor, body: entries.DropInvites, _signed: SignedEntry) -> Chain:
    for invite_id in body.invite_ids:
        invite = chain.invites.get(invite_id)
        if invite is None or invite.until != NEVER:
            raise DoesNotHoldError(Reason.INVITE)
        require(author.account_id in chain.admins or invite.maker == author.account_id, Reason.RIGHTS)
    return _end_invites(chain, body.invite_ids)


def _end_invites(chain: Chain, also: Iterable[bytes] = ()) -> Chain:
    """Ends these, and whatever else has no maker any more who may make it. Each of them is a loss to the group."""
    dropped = set(also)
    ended = {
        invite_id: invite
        for invite_id, invite in chain.invites.items()
        if invite.until == NEVER and (invite_id in dropped or not _has_maker(chain, invite))
    }
    if not ended:
        return chain
    return msgspec.structs.replace(_with_ended(chain, ended), last_loss=chain.height + 1)


def _with_ended(chain: Chain, invites: Mapping[bytes, Invite]) -> Chain:
    ended = {each: invite._replace(until=chain.height + 1) for each, invite in invites.items()}
    makers = {each: chain.accounts[each] for each in {invite.maker for invite in invites.values()}}
    without = {
        each: maker._replace(open_invites=tuple(invite for invite in maker.open_invites if invite not in ended))
        for each, maker in makers.items()
    }
    return msgspec.structs.replace(chain, invites={**chain.invites, **ended}, accounts={**chain.accounts, **without})


def _has_maker(chain: Chain, invite: Invite) -> bool:
    """Judged by the rights after the entry."""
    return chain.devices[invite.maker_device].until == NEVER and _may_invite(chain, invite.maker, invite.role)


# -- rights


def _remove(chain: Chain, author: EntryAuthor, body: entries.Remove, _signed: SignedEntry) -> Chain:
    if body.accounts != (author.account_id,):
        require(author.account_id in chain.admins and author.account_id not in body.accounts, Reason.RIGHTS)
    require(all(chain.is_member(each) for each in body.accounts), Reason.NOT_A_MEMBER)
    height = chain.height + 1
    gone = {each: chain.accounts[each] for each in body.accounts}
    chain = _without_devices(chain, [device_id for account in gone.values() for device_id in account.devices])
    removed = {each: account._replace(until=height, devices=()) for each, account in gone.items()}
    names = {account.name for account in gone.values()}
    chain = msgspec.structs.replace(
        chain,
        accounts={**chain.accounts, **removed},
        names={name: owner for name, owner in chain.names.items() if name not in names},
        admins=chain.admins - gone.keys(),
        last_loss=height,
    )
    return _end_invites(_with_heir(chain), (each.came_by for each in gone.values() if each.came_by))


def _without_devices(chain: Chain, device_ids: Iterable[bytes]) -> Chain:
    ended = {each: chain.devices[each]._replace(until=chain.height + 1) for each in device_ids}
    return msgspec.structs.replace(chain, devices={**chain.devices, **ended})


def _set_role(chain: Chain, author: EntryAuthor, body: entries.SetRole, _signed: SignedEntry) -> Chain:
    require(author.account_id in chain.admins, Reason.RIGHTS)
    require(chain.is_member(body.account), Reason.NOT_A_MEMBER)
    admins = chain.admins | {body.account} if body.role is Role.ADMIN else chain.admins - {body.account}
    return _end_invites(_with_heir(msgspec.structs.replace(chain, admins=admins)))


def _set_policy(chain: Chain, author: EntryAuthor, body: entries.SetPolicy, _signed: SignedEntry) -> Chain:
    require(author.account_id in chain.admins, Reason.RIGHTS)
    require(body.level >= chain.level, Reason.LEVEL)
    return _end_invites(msgspec.structs.replace(chain, joins=body.joins, inviters=body.inviters, level=body.level))


def _with_heir(chain: Chain) -> Chain:
    """Where nobody is admin, who has been a member longest becomes one, and stays one."""
    if chain.admins or not chain.names:
        return chain
    heir = min(chain.names.values(), key=lambda each: chain.accounts[each].since)
    return msgspec.structs.replace(chain, admins=frozenset((heir,)))


# -- devices


def _add_device(chain: Chain, author: EntryAuthor, body: entries.AddDevice, _signed: SignedEntry) -> Chain:
    new = read(entries.decode_device, body.device)
    is_recovery = body.kind is DeviceKind.RECOVERY
    require(not is_recovery or new.link_fingerprint == ZEROS, Reason.FORM)
    require(is_good_sign_key(new.sign_key), Reason.WEAK_KEY)
    account_id, device_id = author.account_id, ids.device_id_of(new.sign_key)
    _check(author, new.sign_key, body.proof, ids.NEW_DEVICE, chain.group_id, account_id, body.device)
    require(device_id not in chain.devices, Reason.KNOWN_ID)
    account = chain.accounts[account_id]
    require(len(account.devices) < entries.MAX_LIVE_DEVICES, Reason.LIMIT)
    if is_recovery and chain.has_recovery_key(account_id):
        require(author.device.kind is DeviceKind.RECOVERY, Reason.RIGHTS)
    device = Device(account_id, body.kind, new.sign_key, new.seal_hash, new.link_fingerprint, None, chain.height + 1)
    return msgspec.structs.replace(
        chain,
        devices={**chain.devices, device_id: device},
        accounts={**chain.accounts, account_id: account._replace(devices=(*account.devices, device_id))},
    )


def _turn(chain: Chain, author: EntryAuthor, body: entries.Turn, _signed: SignedEntry) -> Chain:
    account = chain.accounts[author.account_id]
    require(author.device_id not in body.device_ids, Reason.RIGHTS)
    require(all(each in account.devices for each in body.device_ids), Reason.DEVICE)
    if author.device.kind is not DeviceKind.RECOVERY:
        removed_kinds = {chain.devices[each].kind for each in body.device_ids}
        require(DeviceKind.RECOVERY not in removed_kinds, Reason.RIGHTS)
    require(body.generation == len(account.generations) + 1, Reason.GENERATION)
    generation = Generation(chain.height + 1, body.seal_hash, author.device_id, body.prior)
    stay = tuple(each for each in account.devices if each not in body.device_ids)
    account = account._replace(devices=stay, generations=(*account.generations, generation))
    came_by = [chain.devices[each].came_by for each in body.device_ids]
    chain = _without_devices(chain, body.device_ids)
    chain = msgspec.structs.replace(
        chain, accounts={**chain.accounts, author.account_id: account}, last_loss=chain.height + 1
    )
    return _end_invites(chain, (each for each in came_by if each))


def _add_rsa(chain: Chain, author: EntryAuthor, body: entries.AddRsa, _signed: SignedEntry) -> Chain:
    account = chain.accounts[author.account_id]
    newest = account.generations[-1]
    require(body.generation == len(account.generations) and newest.rsa is None, Reason.GENERATION)
    newest = newest._replace(rsa=(chain.height + 1, body.rsa_hash))
    account = account._replace(generations=(*account.generations[:-1], newest))
    return msgspec.structs.replace(chain, accounts={**chain.accounts, author.account_id: account})


_RULES: Mapping[type[entries.Body], Callable[[Chain, EntryAuthor, Any, SignedEntry], Chain]] = {
    entries.Found: _found,
    entries.MakeInvite: _make_invite,
    entries.DropInvites: _drop_invites,
    entries.Join: _join,
    entries.Admit: _admit,
    entries.Remove: _remove,
    entries.SetRole: _set_role,
    entries.SetPolicy: _set_policy,
    entries.AddDevice: _add_device,
    entries.Turn: _turn,
    entries.AddRsa: _add_rsa,
}

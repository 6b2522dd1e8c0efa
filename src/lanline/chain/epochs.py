"""Owns who reads what at the head of the chain, until when an epoch may be used, and the rule of its statement.

Not the secrets: `crypto/groups/epochs`. A scope is the group, a private room or a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from enum import IntEnum
from typing import NamedTuple

from lanline.chain.reasons import DoesNotHoldError, Reason, require
from lanline.chain.rooms import ChainRoom
from lanline.chain.rules import check_signature, read
from lanline.chain.state import NEVER, Chain, Invite
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import epoch_id_of
from lanline.errors import MalformedPacket
from lanline.wire.sealing.entries import RoomSuite
from lanline.wire.sealing.said import LinkedBack, decode_epoch

MAX_INVITES_SEALED_TO = 200
_READ_BY_ENDED_MS = 24 * 3600 * 1000


class RecipientKind(IntEnum):
    """On the wire, in the info of a box."""

    ACCOUNT = 1
    INVITE = 2
    DEVICE = 3


class Recipient(NamedTuple):
    """For whom a box is: the key is the one with this hash."""

    kind: RecipientKind
    id: bytes
    generation: int
    seal_hash: bytes


class Epoch(NamedTuple):
    """A statement that holds."""

    epoch_id: bytes
    scope: bytes
    commitment: bytes
    height: int
    head: bytes
    author: bytes
    device_id: bytes
    back: tuple[LinkedBack, ...]


def account_recipient(chain: Chain, account_id: bytes) -> Recipient:
    """By the account's newest generation."""
    generations = chain.accounts[account_id].generations
    return Recipient(RecipientKind.ACCOUNT, account_id, len(generations), generations[-1].seal_hash)


def suite_recipient(chain: Chain, account_id: bytes, suite: RoomSuite) -> Recipient | None:
    """None: nothing can be sealed to it in this suite, as its newest generation has no such key yet."""
    recipient = account_recipient(chain, account_id)
    if suite is RoomSuite.HYBRID:
        return recipient
    rsa_hash = chain.rsa_key_at(account_id, chain.height)
    return None if rsa_hash is None else recipient._replace(seal_hash=rsa_hash)


def _recipients(chain: Chain, accounts: Iterable[bytes], suite: RoomSuite) -> list[Recipient]:
    found = (suite_recipient(chain, each, suite) for each in accounts)
    return [each for each in found if each is not None]


def group_readers(chain: Chain, now_ms: int) -> list[Recipient]:
    members = [account_recipient(chain, each) for each in chain.names.values()]
    return members + [
        Recipient(RecipientKind.INVITE, invite_id, 0, invite.seal_hash)
        for invite_id, invite in _invites_to_seal_to(chain, now_ms)
    ]


def _invites_to_seal_to(chain: Chain, now_ms: int) -> list[tuple[bytes, Invite]]:
    """Open, and not past their time by the clock of who asks: those of admins first, then the newest."""
    open_now = [
        (invite_id, invite)
        for invite_id, invite in chain.invites.items()
        if invite.until == NEVER and now_ms <= invite.until_ms
    ]
    open_now.sort(key=lambda each: (each[1].maker not in chain.admins, -each[1].since))
    return open_now[:MAX_INVITES_SEALED_TO]


def room_readers(chain: Chain, room: ChainRoom) -> list[Recipient]:
    return _recipients(chain, room.members, room.suite)


def pair_readers(chain: Chain, one: bytes, other: bytes, suite: RoomSuite = RoomSuite.HYBRID) -> list[Recipient]:
    """None when one of them is gone: then nothing is said any more."""
    if not (chain.is_member(one) and chain.is_member(other)):
        return []
    return _recipients(chain, sorted({one, other}), suite)


def last_loss_of_pair(chain: Chain, one: bytes, other: bytes) -> int:
    """The height of its newest loss: a turn or the end of one of the two, while both were members."""
    accounts = (chain.accounts[one], chain.accounts[other])
    began = max(account.since for account in accounts)
    ended = min(account.until for account in accounts)
    losses = [each.since for account in accounts for each in account.generations if began < each.since <= ended]
    if ended != NEVER and ended > began:
        losses.append(ended)
    return max(losses, default=0)


def is_fresh(named_height: int, last_loss: int) -> bool:
    """Whether a new word may be sealed under the epoch that names this height, in a scope with this last loss."""
    return named_height >= last_loss


def outlived_ms(chain: Chain, epoch: Epoch, since_ms: int) -> int:
    """From when on who speaks begins a new one, of the group: a day after an invite that may open this one was used up
    or was past its time. `since_ms`: since when it is known here. Only a habit of clients: nothing is judged by it.
    """
    invites = chain.invites.values()
    used_up = (each.used_up_ms for each in invites if epoch.height < each.until < NEVER)
    past = (each.until_ms for each in invites if each.until == NEVER and each.until_ms >= since_ms)
    return min((*used_up, *past), default=NEVER) + _READ_BY_ENDED_MS


def scope_named(content: bytes) -> bytes | None:
    """By a statement, whether it holds or not. None: it cannot be read."""
    try:
        return decode_epoch(content)[1].scope
    except MalformedPacket:
        return None


def judge_epoch(
    chain: Chain, scope: bytes, reads_at: Callable[[bytes, int], bool], known: Container[bytes], content: bytes
) -> Epoch | Reason:
    """`scope` is that of the log, `known` has the ids of its epochs, and `reads_at` says who read it at a height."""
    try:
        return _judge_epoch(chain, scope, reads_at, known, content)
    except DoesNotHoldError as failure:
        return failure.reason


def _judge_epoch(
    chain: Chain, scope: bytes, reads_at: Callable[[bytes, int], bool], known: Container[bytes], content: bytes
) -> Epoch:
    signed, body = read(decode_epoch, content)
    require(body.scope == scope, Reason.SCOPE)
    require(body.height <= chain.height, Reason.NOT_YET_THERE)
    require(chain.holds(body.height, body.head), Reason.OTHER_CHAIN)
    device = chain.live_device(signed.device_id, body.height)
    if device is None:
        raise DoesNotHoldError(Reason.DEVICE)
    check_signature(device.sign_key, signed.signature, ids.EPOCH, signed.body)
    require(reads_at(device.account, body.height), Reason.RIGHTS)
    epoch_id = epoch_id_of(body.commitment)
    require(epoch_id not in known, Reason.KNOWN_ID)
    return Epoch(epoch_id, scope, body.commitment, body.height, body.head, device.account, signed.device_id, body.back)

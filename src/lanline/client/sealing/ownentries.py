"""Owns what this device signs: its own entries of the chain, and statements of epochs. Not when."""

from __future__ import annotations

from typing import NamedTuple

from lanline.chain.state import Chain
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.groupcopy import GroupCopy
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import commitment_of, epoch_id_of, seal_back, seed_commitment_of
from lanline.crypto.groups.keys import SealingKey, SigningKey, hash_of_key
from lanline.ids import Entropy
from lanline.model.invites import MEMBERS_TOKEN_BYTES
from lanline.wire.sealing import entries
from lanline.wire.sealing.said import MAX_LINKED_BACK, EpochBody, LinkedBack, SignedEpoch
from lanline.wire.sealing.strict import ZEROS, encode_strictly

INVITE_SECRET_BYTES = 16
HEAD_BYTES = 16


class InviteKeys(NamedTuple):
    """What follows from the secret of a member's invite."""

    id: bytes
    shown: bytes
    signer: SigningKey
    seal: SealingKey

    @classmethod
    def of(cls, secret: bytes) -> InviteKeys:
        shown, sign_seed, seal_seed = ids.InviteSecrets.of(secret)
        signer = SigningKey(sign_seed)
        return cls(ids.invite_id_of(signer.public_bytes), shown, signer, SealingKey(seal_seed))


def shown_of(token: bytes) -> bytes:
    """What the server is shown of the token in a link: of one that it made itself, all of it."""
    return InviteKeys.of(token[:INVITE_SECRET_BYTES]).shown if len(token) == MEMBERS_TOKEN_BYTES else token


class OwnEntries:
    def __init__(self, copy: GroupCopy, device_secret: bytes, link_fingerprint: bytes, entropy: Entropy) -> None:
        self._copy = copy
        self._signer = copy.signer
        self._link_fingerprint = link_fingerprint
        self._entropy = entropy
        self.device_key = SealingKey.of_device(device_secret)

    def joiner(self, name: str, generation_key: SealingKey) -> bytes:
        return encode_strictly(
            entries.Joiner(
                name.encode(),
                self._signer.public_bytes,
                hash_of_key(self.device_key.public_bytes),
                self._link_fingerprint,
                hash_of_key(generation_key.public_bytes),
            )
        )

    def found(self, joiner: bytes, joins: entries.Joins, time_ms: int) -> bytes:
        chance = self._entropy(16)
        body = entries.Found(ZEROS, 1, ZEROS, time_ms, chance, joiner, joins, entries.Inviters.ADMINS)
        return self._signed(body)

    def join(self, joiner: bytes, invite: InviteKeys | None, time_ms: int) -> bytes:
        body = entries.Join(*self._place(time_ms), joiner, None if invite is None else invite.id)
        data = encode_strictly(body)
        use = None if invite is None else invite.signer.sign(ids.INVITE_USE + data)
        return self._signed_bytes(data, use)

    def request(self, joiner: bytes) -> bytes:
        return self._signer.sign(ids.REQUEST + self._copy.chain.group_id + joiner)

    def admit(self, joiner: bytes, request: bytes, time_ms: int) -> bytes:
        return self._signed(entries.Admit(*self._place(time_ms), joiner, request))

    def invite(self, keys: InviteKeys, uses: int, until_ms: int, role: entries.Role, time_ms: int) -> bytes:
        seal_hash = hash_of_key(keys.seal.public_bytes)
        return self._signed(
            entries.MakeInvite(*self._place(time_ms), keys.signer.public_bytes, seal_hash, uses, until_ms, role)
        )

    def drop(self, invite_ids: tuple[bytes, ...], time_ms: int) -> bytes:
        return self._signed(entries.DropInvites(*self._place(time_ms), tuple(sorted(invite_ids))))

    def remove(self, accounts: tuple[bytes, ...], time_ms: int) -> bytes:
        return self._signed(entries.Remove(*self._place(time_ms), tuple(sorted(accounts))))

    def role(self, account_id: bytes, role: entries.Role, time_ms: int) -> bytes:
        return self._signed(entries.SetRole(*self._place(time_ms), account_id, role))

    def rsa(self, generation: int, rsa_hash: bytes, time_ms: int) -> bytes:
        return self._signed(entries.AddRsa(*self._place(time_ms), generation, rsa_hash))

    def entry(self, kind: type[entries.Body], time_ms: int, *fields: object) -> bytes:
        """One of a private room, on the head of the chain."""
        return self._signed(kind(*self._place(time_ms), *fields))

    def _place(self, time_ms: int) -> tuple[bytes, int, bytes, int]:
        chain = self._copy.chain
        return chain.group_id, chain.height + 1, chain.head, time_ms

    def _signed(self, body: entries.Body) -> bytes:
        return self._signed_bytes(encode_strictly(body), None)

    def _signed_bytes(self, data: bytes, use: bytes | None) -> bytes:
        signature = self._signer.sign(ids.KEY_ENTRY + data)
        return entries.encode_entry(data, self._copy.device_id, signature, use)

    # Epochs.

    def epoch(self, of: EpochCopy, secret: bytes) -> tuple[bytes, bytes]:
        """The statement that begins one of this scope at the head of the chain, and its commitment."""
        chain = self._copy.chain
        scope = of.scope.id
        commitment = commitment_of(secret, scope, chain.height, chain.head)
        body = EpochBody(scope, commitment, chain.height, chain.head, _back(of, secret, chain))
        data = encode_strictly(body)
        signature = self._signer.sign(ids.EPOCH + data)
        return encode_strictly(SignedEpoch(data, self._copy.device_id, signature)), commitment


def _back(copy: EpochCopy, secret: bytes, chain: Chain) -> tuple[LinkedBack, ...]:
    """The newest epochs that are open here and that none of the others opens."""
    ends = [epoch for epoch in copy.ends() if epoch.height <= chain.height]
    linked = []
    for epoch in ends[:MAX_LINKED_BACK]:
        earlier = copy.secret(epoch.epoch_id)
        assert earlier is not None
        linked.append(LinkedBack(epoch.epoch_id, seal_back(secret, epoch.scope, epoch.epoch_id, earlier)))
    return tuple(linked)


def seed_box_place(seed_key: SealingKey, maker: bytes) -> tuple[bytes, bytes]:
    """What a box of a seed is for, and the id that stands in place of an epoch's."""
    commitment = seed_commitment_of(hash_of_key(seed_key.public_bytes), maker)
    return commitment, epoch_id_of(commitment)

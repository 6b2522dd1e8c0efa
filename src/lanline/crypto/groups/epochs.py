"""Owns the secrets of epochs and of accounts: what proves them, what follows from them, and what opens those before.

Not who gets them: `lanline.chain`.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.crypto.groups.ids import BACK, COMMIT, PRIOR, ROOM_KEY, digest_of, expand

_ONCE = bytes(12)
"""The nonce of a key that seals one thing only."""


def commitment_of(secret: bytes, scope: bytes, height: int, head: bytes) -> bytes:
    """Proves the secret, and the place in the chain for which its author made it."""
    return expand(secret, COMMIT + scope + height.to_bytes(8, "big") + head)


def epoch_id_of(commitment: bytes) -> bytes:
    return commitment[:16]


def room_key_of(secret: bytes, room_id: bytes) -> bytes:
    return expand(secret, ROOM_KEY + room_id)


def seal_back(secret: bytes, scope: bytes, earlier_id: bytes, earlier: bytes) -> bytes:
    """The secret of an epoch before, for whoever has this one."""
    return AESGCM(expand(secret, BACK + scope + earlier_id)).encrypt(_ONCE, earlier, None)


def open_back(secret: bytes, scope: bytes, earlier_id: bytes, sealed: bytes) -> bytes | None:
    return _open(expand(secret, BACK + scope + earlier_id), sealed)


def seal_prior(seed: bytes, account_id: bytes, generation: int, earlier: bytes) -> bytes:
    """The seed of the generation before, for whoever has that of this one."""
    return AESGCM(_prior_key(seed, account_id, generation)).encrypt(_ONCE, earlier, None)


def open_prior(seed: bytes, account_id: bytes, generation: int, sealed: bytes) -> bytes | None:
    return _open(_prior_key(seed, account_id, generation), sealed)


def seed_commitment_of(seal_hash: bytes, maker: bytes) -> bytes:
    """What a box of an account's seed is for: the key that the chain names, by the device that made it."""
    return digest_of(seal_hash, maker)


def _prior_key(seed: bytes, account_id: bytes, generation: int) -> bytes:
    return expand(seed, PRIOR + account_id + generation.to_bytes(4, "big"))


def _open(key: bytes, sealed: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(_ONCE, sealed, None)
    except InvalidTag:
        return None

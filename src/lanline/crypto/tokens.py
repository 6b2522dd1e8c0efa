"""Keyed hashes that a host makes and later knows again, without keeping anything in between."""

from __future__ import annotations

import hashlib
import hmac

_STAMP_BYTES = 4
_MAC_BYTES = 16
PROOF_LIFETIME_S = 60


class AddressProof:
    """Tokens that only a host which receives at its address can return: no state and no large answer before that."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, address: tuple[str, int], connection_id: bytes, now: float) -> bytes:
        stamp = (int(now) & 0xFFFFFFFF).to_bytes(_STAMP_BYTES, "big")
        return stamp + self._mac(stamp, address, connection_id)

    def check(self, token: bytes, address: tuple[str, int], connection_id: bytes, now: float) -> bool:
        stamp = token[:_STAMP_BYTES]
        age = (int(now) - int.from_bytes(stamp, "big")) & 0xFFFFFFFF
        if age > PROOF_LIFETIME_S:
            return False
        return hmac.compare_digest(token[_STAMP_BYTES:], self._mac(stamp, address, connection_id))

    def _mac(self, stamp: bytes, address: tuple[str, int], connection_id: bytes) -> bytes:
        text = f"{address[0]} {address[1]}".encode()
        return hashlib.blake2s(stamp + connection_id + text, key=self._key, digest_size=_MAC_BYTES).digest()


class ResetTokens:
    """One token for each connection id, the same after a restart, so that a host without memory can end old links."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token_for(self, connection_id: bytes) -> bytes:
        return hashlib.blake2s(connection_id, key=self._key, digest_size=_MAC_BYTES).digest()

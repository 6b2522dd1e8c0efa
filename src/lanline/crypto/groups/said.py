"""Owns how words are sealed, opened and vouched for. Not which epoch they may be sealed under: `lanline.chain`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanline.crypto.groups.ids import DIGEST, SAID, SAID_KEY, SAID_SIGNED, digest_of, expand
from lanline.crypto.groups.keys import SigningKey, verify
from lanline.errors import MalformedPacket
from lanline.wire.sealing.said import (
    COMMON_BYTES,
    HEADER_BYTES,
    NONCE_BYTES,
    Header,
    Words,
    decode_words,
)

CHANCE_BYTES = 32
_SIGNATURE_BYTES = 64
_LENGTH_BYTES = 4
_BEGINS = _SIGNATURE_BYTES + _LENGTH_BYTES
_SMALLEST_STEP = 32


class Where(NamedTuple):
    """Whose words these are and in which conversation: under the seal, so nobody can pass them on as said elsewhere."""

    room_id: bytes
    account_id: bytes
    entry_id: bytes


class RunKeys:
    """Of one run of one device in one conversation and epoch."""

    __slots__ = ("_aead", "_nonce_key", "decrypt", "key")

    def __init__(self, room_key: bytes, device_id: bytes, run: bytes) -> None:
        keys = expand(room_key, SAID_KEY + device_id + run, 64)
        self.key = keys[:32]
        """Opens all of it."""
        self._aead = AESGCM(self.key)
        self.decrypt = self._aead.decrypt
        self._nonce_key = keys[32:]

    def seal(self, header: Header, plain: bytes, ad: bytes, chance: bytes, digest: bytes) -> bytes:
        """The whole content. The nonce differs for other words even where the same chance comes twice."""
        nonce = hmac.digest(self._nonce_key, chance + digest, "sha256")[:NONCE_BYTES]
        return header.without_nonce + nonce + self._aead.encrypt(nonce, plain, ad)


class Opened(msgspec.Struct, frozen=True, gc=False):
    """Believed only when it is vouched for."""

    header: Header
    words: Words
    digest: bytes
    signature: bytes
    said_as: bytes
    """By which account, in which conversation: what its associated data begin with."""


def seal_words(
    keys: RunKeys, signer: SigningKey, header: Header, where: Where, statement: bytes, chance: bytes
) -> tuple[bytes, bytes]:
    """The content and the digest, which the run's next entry names. The nonce of `header` is not used."""
    ad = _ad_of(where, header)
    digest = digest_of(DIGEST, ad, statement)
    plain = signer.sign(SAID_SIGNED + digest) + len(statement).to_bytes(_LENGTH_BYTES, "big") + statement
    return keys.seal(header, plain.ljust(padded_size(len(plain)), b"\0"), ad, chance, digest), digest


class Run:
    """Opens what one run of one device has said in one conversation and epoch: all of it begins alike."""

    __slots__ = ("_decrypt", "header", "key", "said_as")

    def __init__(
        self, decrypt: Callable[[bytes, bytes, bytes], bytes], key: bytes, said_as: bytes, header: Header
    ) -> None:
        self._decrypt = decrypt
        self.key = key
        self.said_as = said_as
        self.header = header

    @classmethod
    def of(cls, keys: RunKeys, room_id: bytes, account_id: bytes, header: Header) -> Run:
        return cls(keys.decrypt, keys.key, SAID + room_id + account_id, header._replace(nonce=b""))

    @classmethod
    def with_key(cls, key: bytes, said_as: bytes, header: Header) -> Run:
        return cls(AESGCM(key).decrypt, key, said_as, header)

    def open(self, entry_id: bytes, content: bytes) -> Opened:
        """Raises MalformedPacket for all that does not open, or is not padded or encoded as everybody does it."""
        ad = self.said_as + entry_id + content[:COMMON_BYTES]
        try:
            plain = self._decrypt(content[COMMON_BYTES:HEADER_BYTES], content[HEADER_BYTES:], ad)
        except InvalidTag as cause:
            raise MalformedPacket("words do not open") from cause
        ends, size = _BEGINS + int.from_bytes(plain[_SIGNATURE_BYTES:_BEGINS], "big"), len(plain)
        if size < _BEGINS or size != padded_size(ends) or plain[ends:] != bytes(size - ends):
            raise MalformedPacket("words are not padded as they should be")
        statement = plain[_BEGINS:ends]
        digest = sha256(DIGEST + ad + statement).digest()
        return Opened(self.header, decode_words(statement), digest, plain[:_SIGNATURE_BYTES], self.said_as)


@lru_cache(maxsize=4096)
def padded_size(size: int) -> int:
    """Up to the next step: an eighth of the power of two below, and never less than 32 bytes."""
    step = max(_SMALLEST_STEP, 1 << max(0, (size >> 3).bit_length() - 1))
    return -(-size // step) * step


def vouched(sign_key_of: Callable[[bytes], bytes], opened: Sequence[Opened], later: bytes | None = None) -> list[bool]:
    """For words of one conversation in the order of their places: whether their author said them.

    One signature vouches for every entry before it in its run that it names by digest. `later` is the `prev` of words
    that are vouched for and follow on these: then a page backwards needs no signature at all.
    """
    expected: dict[tuple[bytes, bytes], bytes] = {}
    result = []
    header, run = None, (b"", b"")
    for each in reversed(opened):
        if each.header is not header:
            header = each.header
            run = header.device_id, header.run
        digest = each.digest
        stands = (
            digest == expected.get(run)
            or digest == later
            or verify(sign_key_of(run[0]), each.signature, SAID_SIGNED + digest)
        )
        if stands:
            expected[run] = each.words.prev
        result.append(stands)
    result.reverse()
    return result


def has_signed(sign_key: bytes, where: Where, without_nonce: bytes, statement: bytes, signature: bytes) -> bool:
    """Of words that are shown without their seal: whether this key signed them, as said there by that account."""
    ad = b"".join((SAID, where.room_id, where.account_id, where.entry_id, without_nonce))
    return verify(sign_key, signature, SAID_SIGNED + digest_of(DIGEST, ad, statement))


def _ad_of(where: Where, header: Header) -> bytes:
    return b"".join((SAID, where.room_id, where.account_id, where.entry_id, header.without_nonce))

"""Keys that seal one direction of a link, renewed every 2^22 packets.

The epoch follows from the packet number, so no bit on the wire announces it. The renewal keeps AES-GCM far below its
limit of 2^23 packets under one key (RFC 9001, 6.6), and forgets old keys.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lanline.errors import MalformedPacket

EPOCH_BITS = 22
SECRET_BYTES = 32
TAG_BYTES = 16

Aead = AESGCM | ChaCha20Poly1305
Suite = Callable[[bytes], Aead]


def _expand(secret: bytes, purpose: bytes, size_bytes: int) -> bytes:
    return HKDFExpand(SHA256(), size_bytes, b"lanline link " + purpose).derive(secret)


class _Epoch:
    __slots__ = ("aead", "number", "salt", "secret")

    def __init__(self, suite: Suite, secret: bytes, number: int) -> None:
        self.secret = secret
        self.number = number
        self.aead = suite(_expand(secret, b"key", 32))
        self.salt = _expand(secret, b"salt", 4)

    def following(self, suite: Suite) -> _Epoch:
        return _Epoch(suite, _expand(self.secret, b"next", SECRET_BYTES), self.number + 1)


class Sealer:
    __slots__ = ("_aead", "_ends_at", "_epoch", "_salt", "_suite")

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite = suite
        self._use(_Epoch(suite, secret, 0))

    @property
    def epoch(self) -> int:
        return self._epoch.number

    @property
    def secret(self) -> bytes:
        """That of the epoch: who has it can open this epoch and every later one, and no earlier one."""
        return self._epoch.secret

    def _use(self, epoch: _Epoch) -> None:
        self._epoch = epoch
        self._aead = epoch.aead
        self._salt = epoch.salt
        self._ends_at = (epoch.number + 1) << EPOCH_BITS

    def seal(self, head: bytes, number: int, payload: bytes) -> bytes:
        """`head`, the number and the sealed payload; all of it authenticated. Numbers only ever rise."""
        if number >= self._ends_at:
            self._use(self._epoch.following(self._suite))
        number_bytes = number.to_bytes(8, "big")
        header = head + number_bytes
        return header + self._aead.encrypt(self._salt + number_bytes, payload, header)

    def seal_run(self, head: bytes, number: int, payloads: list[bytes]) -> list[bytes]:
        """As `seal`, for payloads that take consecutive numbers."""
        if number + len(payloads) >= self._ends_at:
            return [self.seal(head, number + index, payload) for index, payload in enumerate(payloads)]
        encrypt, salt = self._aead.encrypt, self._salt
        sealed: list[bytes] = []
        for payload in payloads:
            number_bytes = number.to_bytes(8, "big")
            header = head + number_bytes
            sealed.append(header + encrypt(salt + number_bytes, payload, header))
            number += 1
        return sealed


class Opener:
    __slots__ = ("_current", "_following", "_previous", "_suite")

    def __init__(self, suite: Suite, secret: bytes, epoch: int = 0) -> None:
        self._suite = suite
        self._current = _Epoch(suite, secret, epoch)
        self._previous: _Epoch | None = None
        self._following: _Epoch | None = None

    def open(self, header: bytes, number: int, sealed: bytes) -> bytes:
        epoch = self._current
        if number >> EPOCH_BITS != epoch.number:
            epoch = self._other_epoch(number >> EPOCH_BITS)
        try:
            payload = epoch.aead.decrypt(epoch.salt + header[8:16], sealed, header)
        except InvalidTag as cause:
            raise MalformedPacket("a packet does not open") from cause
        if epoch is self._following:
            self._previous, self._current, self._following = self._current, epoch, None
        return payload

    def _other_epoch(self, number: int) -> _Epoch:
        """Only the neighbours: a forged number must not make us derive keys without end."""
        if self._previous is not None and number == self._previous.number:
            return self._previous
        if number != self._current.number + 1:
            raise MalformedPacket("a packet is of an epoch that is over or far away")
        if self._following is None:
            self._following = self._current.following(self._suite)
        return self._following

"""Owns how a small file of a home lies under its passphrase, and is opened again. Not which file, nor where it is."""

from __future__ import annotations

import msgspec

from lanline.client.sealing.passphrase import MARK, PASSPHRASE_VARIABLE
from lanline.crypto.passphrase import SALT_BYTES, PassphraseKey, Sealed, key_for
from lanline.errors import MalformedPacket, WrongPassphrase
from lanline.ids import Entropy


class _Locked(msgspec.Struct, frozen=True):
    under_passphrase: Sealed


def is_locked_content(data: bytes) -> bool:
    return MARK in data


class FileLock:
    """The passphrase, in memory; None: there is none."""

    def __init__(self, use: bytes, passphrase: str | None, entropy: Entropy, key: PassphraseKey | None = None) -> None:
        """`use`: what the file is for, so that none stands for another. `key`: where it was made already."""
        self._use = use
        self._passphrase = passphrase
        self._entropy = entropy
        self._key = key
        self._salt = b""

    @property
    def has_passphrase(self) -> bool:
        return self._passphrase is not None

    def opened(self, data: bytes) -> bytes:
        """Raises MalformedPacket, WrongPassphrase."""
        if not is_locked_content(data):
            return data
        try:
            sealed = msgspec.json.decode(data, type=_Locked).under_passphrase
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise MalformedPacket("the file was damaged") from cause
        if self._passphrase is None:
            raise WrongPassphrase(f"It lies under a passphrase: set {PASSPHRASE_VARIABLE}.")
        if self._key is None or self._salt != sealed.salt:
            self._key, self._salt = key_for(sealed, self._passphrase), sealed.salt
        return self._key.open(sealed, self._use)

    def written(self, plain: bytes) -> bytes:
        if self._passphrase is None:
            return plain
        if self._key is None:
            self._salt = self._entropy(SALT_BYTES)
            self._key = PassphraseKey(self._passphrase, self._salt)
        sealed = _Locked(self._key.seal(plain, self._use, self._entropy))
        return msgspec.json.format(msgspec.json.encode(sealed), indent=1)

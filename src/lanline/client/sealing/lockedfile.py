"""Owns how a small file of a home lies under its passphrase, and is opened again. Not which file, nor where it is.

And that the keys of a home come under a passphrase, under another or under none: all of them, or none of them.

What they are to be is written beside them first, whole; then each file is replaced. Whoever opens one of them ends what
a crash has left in the middle, which needs no passphrase.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lanline.client.sealing.passphrase import (
    CHANGE_FILE,
    IDENTITY_FILE,
    IDENTITY_USE,
    KEYS_COPY,
    KEYS_FILE,
    KEYS_USE,
    MARK,
    PASSPHRASE_VARIABLE,
    is_under_passphrase,
)
from lanline.crypto.passphrase import SALT_BYTES, PassphraseKey, Sealed, key_for
from lanline.errors import IdentityProblem, MalformedPacket, WrongPassphrase
from lanline.ids import Entropy
from lanline.wholefile import create_whole, replace_whole, sync_folder


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


_FILES = {IDENTITY_FILE: IDENTITY_USE, KEYS_FILE: KEYS_USE, KEYS_COPY: KEYS_USE}


def change_passphrase(folder: Path, old: str | None, new: str | None, entropy: Entropy) -> None:
    """`new` None: they lie open from now on, for their owner alone. Nobody else uses the home meanwhile.

    Raises WrongPassphrase, IdentityProblem.
    """
    try:
        finish_change(folder)
        key = None if new is None else PassphraseKey(new, entropy(SALT_BYTES))
        written: dict[str, bytes] = {}
        for name, use in _FILES.items():
            plain = _opened(folder / name, FileLock(use, old, entropy))
            if plain is not None:
                written[name] = FileLock(use, new, entropy, key).written(plain)
        if KEYS_FILE in written:
            written[KEYS_COPY] = written[KEYS_FILE]
        create_whole(folder / CHANGE_FILE, msgspec.json.encode(written))
        finish_change(folder)
    except OSError as cause:
        raise IdentityProblem(f"The keys in {folder} cannot be changed: {cause.strerror}.") from cause


def check_passphrase(folder: Path, passphrase: str | None, entropy: Entropy) -> None:
    """Raises WrongPassphrase, IdentityProblem."""
    try:
        _opened(folder / IDENTITY_FILE, FileLock(IDENTITY_USE, passphrase, entropy))
    except OSError as cause:
        raise IdentityProblem(f"The keys in {folder} cannot be read: {cause.strerror}.") from cause


def lies_under(folder: Path, passphrase: str, entropy: Entropy) -> bool:
    """Empty: under none."""
    is_under = is_under_passphrase(folder)
    with contextlib.suppress(WrongPassphrase, IdentityProblem):
        check_passphrase(folder, passphrase or None, entropy)
        return is_under is bool(passphrase)
    return False


def _opened(path: Path, lock: FileLock) -> bytes | None:
    """None: it is not there, or is the damaged copy of a file that is whole."""
    try:
        return lock.opened(path.read_bytes())
    except FileNotFoundError:
        return None
    except WrongPassphrase as problem:
        raise WrongPassphrase("The passphrase is wrong. Nothing was changed.") from problem
    except MalformedPacket as cause:
        if path.name == KEYS_COPY:
            return None
        raise IdentityProblem(f"{path} is damaged. Start lanline once, which says what to do.") from cause


def finish_change(folder: Path) -> None:
    """What was begun and not ended is ended: once, though several programs come here at once."""
    path = folder / CHANGE_FILE
    if not path.exists():
        return
    with contextlib.suppress(FileNotFoundError), _alone(path):
        try:
            written = msgspec.json.decode(path.read_bytes(), type=dict[str, bytes])
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise IdentityProblem(f"{path} is damaged, and no file of keys: remove it, and start again.") from cause
        for name in _FILES:
            if name in written:
                replace_whole(folder / name, written[name])
        path.unlink()
        sync_folder(folder)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Raises FileNotFoundError where another program has just ended it."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.stat()
        yield

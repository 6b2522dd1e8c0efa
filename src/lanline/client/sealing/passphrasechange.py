"""Owns that the keys of a home come under a passphrase, under another or under none: all of them, or none of them.

What they are to be is written beside them first, whole; then each file is replaced. Whoever opens one of them ends what
a crash has left in the middle, which needs no passphrase.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lanline.client.sealing.lockedfile import FileLock
from lanline.client.sealing.passphrase import CHANGE_FILE, IDENTITY_FILE, IDENTITY_USE, KEYS_COPY, KEYS_FILE, KEYS_USE
from lanline.crypto.passphrase import SALT_BYTES, PassphraseKey
from lanline.errors import IdentityProblem, MalformedPacket, WrongPassphrase
from lanline.ids import Entropy
from lanline.wholefile import create_whole, replace_whole, sync_folder

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

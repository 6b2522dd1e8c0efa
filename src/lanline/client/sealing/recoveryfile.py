"""Owns the file of a recovery key: the key under a passphrase, and the group and the server that it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from lanline.client.sealing.recovery import SeenGroup
from lanline.crypto.groups.ids import RECOVERY_BYTES
from lanline.crypto.passphrase import SALT_BYTES, PassphraseKey, Sealed, key_for
from lanline.errors import InvalidInput, MalformedPacket, WrongPassphrase
from lanline.ids import Entropy
from lanline.wholefile import create_whole

_USE = b"lanline recovery file 1\0"
_KIND = "lanline recovery key"
_MAX_FILE_BYTES = 64 * 1024


class RecoveryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chance: Annotated[bytes, msgspec.Meta(min_length=RECOVERY_BYTES, max_length=RECOVERY_BYTES)]
    server: str
    """HOST or HOST:PORT."""
    fingerprint: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    name: str
    group_id: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    height: Annotated[int, msgspec.Meta(ge=1)]
    head: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]

    @property
    def seen(self) -> SeenGroup:
        return SeenGroup(self.group_id, self.height, self.head)


class _OnDisk(msgspec.Struct, frozen=True):
    kind: str
    key: Sealed


def write_recovery_file(path: Path, content: RecoveryFile, passphrase: str, entropy: Entropy) -> None:
    """Never over another file. Raises InvalidInput."""
    sealed = PassphraseKey(passphrase, entropy(SALT_BYTES)).seal(msgspec.json.encode(content), _USE, entropy)
    data = msgspec.json.format(msgspec.json.encode(_OnDisk(_KIND, sealed)), indent=1)
    try:
        is_new = create_whole(path, data)
    except OSError as cause:
        raise InvalidInput(f"{path} cannot be written: {cause.strerror}.") from cause
    if not is_new:
        raise InvalidInput(f"{path} is there already. Choose another name.")


def check_readable(path: Path) -> None:
    """Raises InvalidInput."""
    try:
        path.open("rb").close()
    except OSError as cause:
        raise InvalidInput(f"{path} cannot be read: {cause.strerror}.") from cause


def read_recovery_file(path: Path, passphrase: str) -> RecoveryFile:
    """Raises InvalidInput, WrongPassphrase."""
    try:
        with path.open("rb") as file:
            kept = msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=_OnDisk)
        if kept.kind != _KIND:
            raise InvalidInput(f"{path} is no file of a recovery key.")
        opened = key_for(kept.key, passphrase).open(kept.key, _USE)
        return msgspec.json.decode(opened, type=RecoveryFile)
    except OSError as cause:
        raise InvalidInput(f"{path} cannot be read: {cause.strerror}.") from cause
    except WrongPassphrase as problem:
        text = f"{path} cannot be opened: the passphrase is wrong, or the file was damaged."
        raise WrongPassphrase(text) from problem
    except (msgspec.DecodeError, UnicodeDecodeError, MalformedPacket) as cause:
        raise InvalidInput(f"{path} is no file of a recovery key, or was damaged.") from cause

"""Owns `keys.json` of a home: what this device cannot compute anew from what the server has. Nobody else may read it.

That is the secret of the device, how far it has seen the chain of the group, and who it has once seen end; and until it
is in the group, the invite that it came by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from lanline.errors import IdentityProblem
from lanline.ids import Entropy
from lanline.wholefile import create_whole, replace_whole

FILE_NAME = "keys.json"
_SECRET_BYTES = 32
Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _OnDisk(msgspec.Struct, frozen=True, omit_defaults=True):
    device_secret: Hex32
    group_id: Hex32 | None = None
    height: Annotated[int, msgspec.Meta(ge=0)] = 0
    head: Hex32 = "0" * 64
    ended: tuple[Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32}){1,2}$")], ...] = ()
    invite: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    founds: bool = False


class Keystore:
    """In memory only without a path: for a test, or for who joins and keeps nothing."""

    def __init__(self, path: Path | None, kept: _OnDisk) -> None:
        """`open` and `in_memory` are the ways to one."""
        self._path = path
        self.device_secret = bytes.fromhex(kept.device_secret)
        self.group_id = None if kept.group_id is None else bytes.fromhex(kept.group_id)
        self.height = kept.height
        self.head = bytes.fromhex(kept.head)
        self.ended = {bytes.fromhex(each) for each in kept.ended}
        """Accounts, devices and invites, whatever chain is shown."""
        self.invite = None if kept.invite is None else bytes.fromhex(kept.invite)
        """The token of a member's link, until its use stands in the chain."""
        self.founds = kept.founds
        """The server's first account, until the group stands that it founds."""

    @classmethod
    def open(cls, folder: Path, entropy: Entropy) -> Keystore:
        """Made at first use. Raises IdentityProblem."""
        path = folder / FILE_NAME
        try:
            if not path.exists():
                create_whole(path, msgspec.json.encode(_OnDisk(entropy(_SECRET_BYTES).hex())))
            return cls(path, msgspec.json.decode(path.read_bytes(), type=_OnDisk))
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise IdentityProblem(
                f"The keys in {path} cannot be read. Restore the file from a backup; without it this device cannot "
                "read what is said, and has to be let in anew."
            ) from cause
        except OSError as cause:
            raise IdentityProblem(f"The keys in {path} cannot be used: {cause.strerror}.") from cause

    @classmethod
    def in_memory(cls, device_secret: bytes) -> Keystore:
        return cls(None, _OnDisk(device_secret.hex()))

    def save(self) -> None:
        """Whole, or as it was. Raises IdentityProblem."""
        if self._path is None:
            return
        self._take_in(self._path)
        kept = _OnDisk(
            self.device_secret.hex(),
            None if self.group_id is None else self.group_id.hex(),
            self.height,
            self.head.hex(),
            tuple(sorted(each.hex() for each in self.ended)),
            None if self.invite is None else self.invite.hex(),
            self.founds,
        )
        try:
            replace_whole(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=1))
        except OSError as cause:
            raise IdentityProblem(f"The keys in {self._path} cannot be kept: {cause.strerror}.") from cause

    def _take_in(self, path: Path) -> None:
        """What another program of this home has seen meanwhile is not forgotten."""
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_OnDisk)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return
        self.ended |= {bytes.fromhex(each) for each in kept.ended}
        if kept.height > self.height:
            self.height, self.head = kept.height, bytes.fromhex(kept.head)

"""The client's folder: its identity, and the keys of those it has met."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import msgspec

from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem
from lanline.wholefile import create_whole, replace_whole

_IDENTITY_FILE = "identity.pem"
_PEERS_FILE = "known_peers.json"


class KnownPeer(msgspec.Struct, frozen=True):
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    name: str
    first_met: str


class Home:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as cause:
            raise IdentityProblem(
                f"The folder {folder} cannot be used: {cause.strerror}. Choose one with --home."
            ) from cause
        # A damaged file is told at the start, not when somebody calls.
        self._read_peers()

    def identity(self) -> Identity:
        """The identity that lives here, made at first use."""
        path = self._folder / _IDENTITY_FILE
        try:
            if path.exists():
                return Identity.from_pem(path.read_bytes())
            identity = Identity.generate()
            if create_whole(path, identity.to_pem()):
                return identity
            # Another process was quicker; its key is the one.
            return Identity.from_pem(path.read_bytes())
        except IdentityProblem as problem:
            raise IdentityProblem(
                f"{problem} Restore {path} from a backup, or remove it to begin with a new key."
            ) from problem
        except OSError as cause:
            raise IdentityProblem(f"The key file {path} cannot be used: {cause.strerror}.") from cause

    def known_peer(self, label: str) -> KnownPeer | None:
        return self._read_peers().get(label)

    def remember_peer(self, label: str, fingerprint: bytes, name: str) -> None:
        peers = self._read_peers()
        known = peers.get(label)
        if known is not None and known.fingerprint == fingerprint.hex():
            return
        today = dt.datetime.now(dt.UTC).date().isoformat()
        peers[label] = KnownPeer(fingerprint.hex(), name, today)
        path = self._folder / _PEERS_FILE
        try:
            replace_whole(path, msgspec.json.format(msgspec.json.encode(peers), indent=1))
        except OSError as cause:
            raise IdentityProblem(f"The peer's key cannot be kept in {path}: {cause.strerror}.") from cause

    def _read_peers(self) -> dict[str, KnownPeer]:
        path = self._folder / _PEERS_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, KnownPeer])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise IdentityProblem(
                f"The known keys in {path} cannot be read. Restore the file, or remove it to meet everybody anew."
            ) from cause

"""The client's folder: its identity, the keys of those it has met, and the secret of its watch link."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from lanline.client.sealing.lockedfile import FileLock, finish_change, is_locked_content
from lanline.client.sealing.passphrase import IDENTITY_FILE, IDENTITY_USE, given_passphrase
from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem, MalformedPacket, WrongPassphrase
from lanline.model.watchlinks import SECRET_BYTES
from lanline.wholefile import create_whole, make_folder, replace_whole

_PEERS_FILE = "known_peers.json"
_WATCH_FILE = "watch_secret"


class KnownPeer(msgspec.Struct, frozen=True):
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    name: str
    first_met: str
    secret: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?$")] = ""
    """Of a watch link, where it is a video server."""


class Home:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            make_folder(folder)
        except OSError as cause:
            raise IdentityProblem(
                f"The folder {folder} cannot be used: {cause.strerror}. Choose one with --home."
            ) from cause
        # A damaged file is told at the start, not when somebody calls.
        self._read_peers()

    def identity(self) -> Identity:
        """The identity that lives here, made at first use; under the passphrase of the home, where there is one."""
        path, lock = self._folder / IDENTITY_FILE, FileLock(IDENTITY_USE, given_passphrase(), os.urandom)
        try:
            finish_change(self._folder)
            if path.exists():
                return _read_identity(path, lock)
            identity = Identity.generate()
            if create_whole(path, lock.written(identity.to_pem())):
                return identity
            # Another process was quicker; its key is the one.
            return _read_identity(path, lock)
        except WrongPassphrase as problem:
            raise WrongPassphrase(f"The key of this device in {path} cannot be opened. {problem}") from problem
        except (IdentityProblem, MalformedPacket) as problem:
            text = problem if isinstance(problem, IdentityProblem) else "The key file was damaged."
            raise IdentityProblem(
                f"{text} Restore {path} from a backup, or remove it to begin with a new key."
            ) from problem
        except OSError as cause:
            raise IdentityProblem(f"The key file {path} cannot be used: {cause.strerror}.") from cause

    def watch_secret(self) -> bytes | None:
        """That of this home's own watch link; None when it has served no video yet."""
        path = self._folder / _WATCH_FILE
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise IdentityProblem(
                f"The secret of your watch link in {path} cannot be read: {cause.strerror}."
            ) from cause
        if len(secret) != SECRET_BYTES:
            raise IdentityProblem(f"{path} is damaged. Remove it, and the video server makes a new watch link.")
        return secret

    def make_watch_secret(self, entropy: Callable[[int], bytes], *, anew: bool = False) -> bytes:
        """The one that there is, or a new one; `anew` ends the links that were given out."""
        known = self.watch_secret()
        if known is not None and not anew:
            return known
        secret = entropy(SECRET_BYTES)
        path = self._folder / _WATCH_FILE
        try:
            replace_whole(path, secret)
        except OSError as cause:
            raise IdentityProblem(
                f"The secret of your watch link cannot be kept in {path}: {cause.strerror}."
            ) from cause
        return secret

    def known_peer(self, label: str) -> KnownPeer | None:
        return self._read_peers().get(label)

    def remember_peer(self, label: str, fingerprint: bytes, name: str, secret: bytes = b"") -> None:
        peers = self._read_peers()
        known = peers.get(label)
        if known is not None and (known.fingerprint, known.secret) == (fingerprint.hex(), secret.hex()):
            return
        today = dt.datetime.now(dt.UTC).date().isoformat()
        peers[label] = KnownPeer(fingerprint.hex(), name, today, secret.hex())
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


def _read_identity(path: Path, lock: FileLock) -> Identity:
    """One that lies open is put under the passphrase that is given."""
    data = path.read_bytes()
    pem = lock.opened(data)
    identity = Identity.from_pem(pem)
    if lock.has_passphrase and not is_locked_content(data):
        replace_whole(path, lock.written(pem))
    return identity

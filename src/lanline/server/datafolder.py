"""The folder of a server, all but its database: the keys, the settings, and where the running server is found.

identity.pem      the server's key, whose fingerprint stands in every invite
operator.pem      a client's key that the server obeys: whoever may read this folder may rule the server
lanline.toml      settings, if there are any
running.json      where the server listens, while it runs
last-start, -2     one of the two, touched at each start: see `restored`
lanline.sqlite    everything else; the storage's own
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from pathlib import Path

import msgspec

from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem, StorageDamaged, StorageFull, StorageUnusable
from lanline.wholefile import create_whole, replace_whole, sync_folder

IDENTITY_FILE = "identity.pem"
OPERATOR_FILE = "operator.pem"
UNFINISHED_FILE = "restore-unfinished"
_RUNNING_FILE = "running.json"
_LAST_START_FILES = "last-start", "last-start-2"
_NO_SERVER_YET = "Start the server there first, or choose its folder with --data."


class Running(msgspec.Struct, frozen=True):
    """For commands on the same machine: where to call, and what invites shall say."""

    host: str
    port: int
    public_host: str
    public_port: int
    pid: int


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Nothing begins anew in a folder that was only half restored."""
        if (self.path / UNFINISHED_FILE).exists():
            raise StorageDamaged(
                f"A restore into {self.path} was cut short. Run it again: "
                f"lanline admin restore BACKUP --data {self.path}"
            )

    def exists(self) -> bool:
        """A server was started here once."""
        return (self.path / OPERATOR_FILE).exists()

    def free_bytes(self) -> int:
        """What is left for programs of ordinary users. Where nobody says, the disk does when it is full."""
        try:
            return shutil.disk_usage(self.path).free
        except OSError:
            return sys.maxsize

    def disk_bytes(self) -> int:
        """How large the disk is. Where nobody says, it is large enough."""
        try:
            return shutil.disk_usage(self.path).total
        except OSError:
            return sys.maxsize

    def identity(self, *, is_first: bool) -> Identity:
        """Made at the first start only. Another one later would lock out everybody who has pinned this one."""
        if is_first:
            self._make(IDENTITY_FILE)
        return self._read_key(
            IDENTITY_FILE, "Clients know the server by it: restore it from a backup, or see lanline serve --new-key."
        )

    def operator(self) -> Identity:
        self._make(OPERATOR_FILE)
        return self._read_key(OPERATOR_FILE, "Remove it; the server makes another at its next start.")

    def read_operator(self) -> Identity:
        """For a command. Raises IdentityProblem where no server ever ran."""
        return self._read_key(OPERATOR_FILE, _NO_SERVER_YET)

    def read_fingerprint(self) -> bytes:
        return self._read_key(
            IDENTITY_FILE, "Start the server there first, or choose its folder with --data."
        ).fingerprint

    def write_running(self, running: Running) -> None:
        """Raises StorageError."""
        self._write(_RUNNING_FILE, msgspec.json.encode(running))

    def read_running(self) -> Running | None:
        try:
            return msgspec.json.decode((self.path / _RUNNING_FILE).read_bytes(), type=Running)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None  # of a server that was killed on a full disk, say; the next start writes it anew

    def remove_running(self) -> None:
        """What is left behind is written anew by the next start."""
        with contextlib.suppress(OSError):
            (self.path / _RUNNING_FILE).unlink()

    def last_starts(self) -> dict[bytes, Path]:
        """When a server was started here last, as only these very files know it. Raises StorageError."""
        paths = [self.path / name for name in _LAST_START_FILES]
        try:
            return {_mark(path.stat()): path for path in paths if path.exists()}
        except OSError as cause:
            raise folder_problem(cause, self.path) from cause

    def touch_last_start(self, known: bytes | None = None) -> bytes:
        """On the disk when this returns; the file that the database knows stays as it is. Raises StorageError."""
        kept = self.last_starts().get(known or b"")
        path = next(each for name in _LAST_START_FILES if (each := self.path / name) != kept)
        try:
            with path.open("ab") as file:
                os.utime(file.fileno())
                os.fsync(file.fileno())
                mark = _mark(os.fstat(file.fileno()))
            sync_folder(self.path)
        except OSError as cause:
            raise folder_problem(cause, self.path) from cause
        return mark

    def forget_starts_but(self, mark: bytes) -> None:
        """The database knows this one now. Raises StorageError."""
        try:
            for each, path in self.last_starts().items():
                if each != mark:
                    path.unlink()
        except OSError as cause:
            raise folder_problem(cause, self.path) from cause

    def _make(self, name: str) -> None:
        path = self.path / name
        try:
            if not path.exists():
                create_whole(path, Identity.generate().to_pem())
        except OSError as cause:
            raise folder_problem(cause, self.path) from cause

    def _read_key(self, name: str, remedy: str) -> Identity:
        path = self.path / name
        try:
            return Identity.from_pem(path.read_bytes())
        except IdentityProblem as cause:
            raise IdentityProblem(f"{path} holds no key that can be read. {remedy}") from cause
        except FileNotFoundError as cause:
            raise IdentityProblem(f"There is no key {path}. {remedy}") from cause
        except OSError as cause:
            raise IdentityProblem(
                f"The key {path} cannot be read: {cause.strerror}. Whom does the folder belong to?"
            ) from cause

    def _write(self, name: str, data: bytes) -> None:
        try:
            replace_whole(self.path / name, data)
        except OSError as cause:
            raise folder_problem(cause, self.path) from cause


def folder_problem(cause: OSError, folder: Path) -> StorageUnusable | StorageFull:
    if cause.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"There is no room left for {folder}.")
    return StorageUnusable(f"The folder {folder} cannot be used: {cause.strerror}.")


def _mark(found: os.stat_result) -> bytes:
    return str(found.st_ctime_ns).encode()

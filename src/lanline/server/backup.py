"""A server in one file: its database as it is at one moment, its keys, its settings. Made while the server runs or not.

A tar archive. First comes `manifest.json` with the size and the SHA-256 of every other member, so that an archive that
was cut short or changed is known as one; then the database and the small files. Whoever has it has the server's keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lanline.config import FILE_NAME as CONFIG_FILE
from lanline.errors import InvalidInput, StorageFull, StorageUnusable
from lanline.server.datafolder import IDENTITY_FILE, OPERATOR_FILE, folder_problem
from lanline.storage.api import Database
from lanline.wholefile import give_name, sync_folder

FORMAT = 1
MANIFEST = "manifest.json"
SMALL_FILES = (IDENTITY_FILE, OPERATOR_FILE, CONFIG_FILE)


class BackupFile(msgspec.Struct, frozen=True):
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    lanline_backup: int
    """The format: another number is another format."""
    made_ms: int
    members: dict[str, BackupFile]


def make_backup(database: Database, target: Path) -> Manifest:
    """Raises StorageError, InvalidInput. The file has its name once it is whole and on the disk."""
    if target.exists():
        raise _taken(target)
    target = target.absolute()
    with _room_beside(target) as workshop:
        copy = workshop / database.file_name
        try:
            database.copy(copy)
        except StorageFull as cause:  # where the copy is made, which may be another disk than the server's
            raise _no_room(target) from cause
        sources = {copy.name: copy, **_small_files(database.folder, workshop)}
        manifest = Manifest(FORMAT, time.time_ns() // 1_000_000, {name: _member(sources[name]) for name in sources})
        archive = workshop / "archive"
        _write_archive(archive, manifest, sources)
        if not give_name(archive, target):  # made meanwhile by somebody else
            raise _taken(target)
        sync_folder(target.parent)
    return manifest


def _taken(target: Path) -> InvalidInput:
    return InvalidInput(f"There is a file {target} already. A backup overwrites nothing; choose another name.")


@contextlib.contextmanager
def _room_beside(target: Path) -> Iterator[Path]:
    """A folder for its owner alone, on the same disk; gone afterwards."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".lanline-backup-") as workshop:
            yield Path(workshop)
    except OSError as cause:
        raise _backup_problem(cause, target) from cause


def _backup_problem(cause: OSError, target: Path) -> StorageUnusable | StorageFull:
    problem = folder_problem(cause, target.parent)
    if isinstance(problem, StorageFull):
        return _no_room(target)
    return StorageUnusable(f"The backup {target} cannot be written: {cause.strerror}.")


def _no_room(target: Path) -> StorageFull:
    return StorageFull(f"There is no room for the backup in {target.parent}: it takes twice the database's size.")


def _small_files(folder: Path, workshop: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in SMALL_FILES:
        path = folder / name
        if path.exists():
            found[name] = workshop / name
            found[name].write_bytes(path.read_bytes())  # a settings file may be edited while this runs
    if IDENTITY_FILE not in found:
        raise StorageUnusable(f"The key {IDENTITY_FILE} is missing in {folder}: a backup would be of no use.")
    return found


def _member(path: Path) -> BackupFile:
    with path.open("rb") as stream:
        return BackupFile(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def _write_archive(archive: Path, manifest: Manifest, sources: dict[str, Path]) -> None:
    with os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w") as tar:
            text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            tar.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
            for name, path in sources.items():
                with path.open("rb") as content:
                    tar.addfile(_entry(name, manifest.members[name].size_bytes), content)
        stream.flush()
        os.fsync(stream.fileno())


def _entry(name: str, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size_bytes, 0o600, int(time.time())
    return entry

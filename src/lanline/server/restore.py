"""From a backup back to a folder that a server can be started on. Never over another one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem, StorageDamaged, StorageInUse, StorageNewer, StorageUnusable
from lanline.server.backup import FORMAT, MANIFEST, SMALL_FILES, Manifest
from lanline.server.datafolder import IDENTITY_FILE, UNFINISHED_FILE, folder_problem
from lanline.storage.api import Database
from lanline.wholefile import make_folder, sync_folder

_MAX_MANIFEST_BYTES = 100_000
_PIECE_BYTES = 1024 * 1024


def restore(backup: Path, database: Database) -> Manifest:
    """Raises StorageError; then the folder is as it was."""
    folder = database.folder
    with _opened(backup) as tar:
        manifest = _read_manifest(tar, backup, database)
        with _held(database):
            try:
                _write_members(tar, manifest, backup, folder)
                _check(database)
            except BaseException:
                _sweep(database)
                raise
            (folder / UNFINISHED_FILE).unlink()
            sync_folder(folder)
    return manifest


@contextlib.contextmanager
def _opened(backup: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(backup, "r:") as tar:
            yield tar
    except FileNotFoundError as cause:
        raise StorageUnusable(f"There is no backup {backup}.") from cause
    except tarfile.TarError as cause:
        raise _not_a_backup(backup) from cause
    except EOFError as cause:
        raise _cut_short(backup) from cause
    except OSError as cause:
        raise StorageUnusable(f"The backup {backup} cannot be read: {cause.strerror}.") from cause


def _not_a_backup(backup: Path) -> StorageDamaged:
    return StorageDamaged(f"{backup} is no backup of a Lanline server, or only a piece of one. Nothing was restored.")


def _cut_short(backup: Path) -> StorageDamaged:
    return StorageDamaged(f"The backup {backup} is cut short or damaged. Nothing was restored; take another one.")


def _read_manifest(tar: tarfile.TarFile, backup: Path, database: Database) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _MAX_MANIFEST_BYTES:
        raise _not_a_backup(backup)
    stream = tar.extractfile(first)
    assert stream is not None
    try:
        manifest = msgspec.json.decode(stream.read(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, tarfile.TarError) as cause:
        raise _not_a_backup(backup) from cause
    if manifest.lanline_backup > FORMAT:
        raise StorageNewer(f"The backup {backup} was made by a newer Lanline. Restore it with that one.")
    if not {database.file_name, IDENTITY_FILE} <= set(manifest.members) <= {database.file_name, *SMALL_FILES}:
        raise _not_a_backup(backup)
    return manifest


@contextlib.contextmanager
def _held(database: Database) -> Iterator[None]:
    """Its folder: empty, marked as unfinished, and no other program's."""
    folder = database.folder
    try:
        with _made(folder), _locked(database):
            (folder / UNFINISHED_FILE).touch(mode=0o600)
            sync_folder(folder)
            _sweep(database, keep={UNFINISHED_FILE, database.lock_name})
            yield
    except OSError as cause:
        raise folder_problem(cause, folder) from cause


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """What was not there before goes again when nothing came of it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        make_folder(folder)
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else has put something there
            for path in missing:
                path.rmdir()
        raise


@contextlib.contextmanager
def _locked(database: Database) -> Iterator[None]:
    present = {path.name for path in database.folder.iterdir()}
    if UNFINISHED_FILE not in present and present - {database.lock_name}:
        _refuse(database, present)
    lock = database.lock()
    try:
        yield
    finally:
        lock.release()


def _refuse(database: Database, present: set[str]) -> None:
    folder = database.folder
    if database.file_name not in present:
        raise StorageUnusable(f"The folder {folder} is not empty. A restore overwrites nothing; choose another folder.")
    try:
        database.lock().release()
    except StorageInUse as cause:
        raise StorageInUse(
            f"A server runs on {folder}. A restore overwrites nothing; choose an empty folder."
        ) from cause
    raise StorageUnusable(
        f"There is a server's data in {folder} already. A restore overwrites nothing; choose an empty folder."
    )


def _write_members(tar: tarfile.TarFile, manifest: Manifest, backup: Path, folder: Path) -> None:
    missing = dict(manifest.members)
    while (entry := tar.next()) is not None:
        expected = missing.pop(entry.name, None)
        stream = tar.extractfile(entry) if expected is not None and entry.isreg() else None
        if expected is None or stream is None:
            raise _not_a_backup(backup)
        if entry.size != expected.size_bytes or _copy(stream, folder / entry.name) != expected.sha256:
            raise _cut_short(backup)
    if missing:
        raise _cut_short(backup)


def _copy(stream: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _check(database: Database) -> None:
    database.check()
    try:
        Identity.from_pem((database.folder / IDENTITY_FILE).read_bytes())
    except IdentityProblem as cause:
        raise StorageDamaged("The key in the backup cannot be read. Nothing was restored.") from cause


def _sweep(database: Database, keep: set[str] | None = None) -> None:
    """What a restore that was cut short may have left: it is done again from the beginning."""
    left = {UNFINISHED_FILE, database.lock_name, *SMALL_FILES} - (keep or set())
    for path in database.folder.iterdir():
        if path.name in left or path.name.startswith(database.file_name):
            path.unlink()

"""Backup and restore: what comes back is what was there, and what is not whole does not come back."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from lanline.errors import (
    InvalidInput,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageInUse,
    StorageNewer,
    StorageUnusable,
)
from lanline.server import backup as backup_module
from lanline.server import restore as restore_module
from lanline.server.backup import MANIFEST, make_backup
from lanline.server.datafolder import IDENTITY_FILE, UNFINISHED_FILE, DataFolder
from lanline.server.restore import restore
from lanline.storage.sqlite.connection import FILE_NAME
from lanline.storage.sqlite.database import SqliteDatabase
from storage.shelf import Shelf, new_entry
from unit.server.kept import ENTRIES, contents, furnish


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = furnish(tmp_path / "data")
    yield made
    made.store.close()


@pytest.fixture
def archive(shelf: Shelf, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    make_backup(SqliteDatabase(shelf.folder), path)
    return path


def test_what_is_restored_is_what_was_backed_up(shelf: Shelf, archive: Path, tmp_path: Path) -> None:
    shelf.append([new_entry(1, 10_000, content=b"after the backup")])
    shelf.store.close()
    restored = tmp_path / "deep" / "restored"
    restore(archive, SqliteDatabase(restored))
    before = [row for row in contents(shelf.folder) if row != (ENTRIES + 1, b"after the backup")]
    assert contents(restored) == before
    assert DataFolder(restored).read_fingerprint() == DataFolder(shelf.folder).read_fingerprint()
    assert DataFolder(restored).read_operator().fingerprint == DataFolder(shelf.folder).read_operator().fingerprint


def test_settings_come_along(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.folder / "lanline.toml").write_text("port = 7\n")
    make_backup(SqliteDatabase(shelf.folder), tmp_path / "b.tar")
    restore(tmp_path / "b.tar", SqliteDatabase(tmp_path / "restored"))
    assert (tmp_path / "restored" / "lanline.toml").read_text() == "port = 7\n"


def test_what_is_said_while_a_backup_is_made_is_kept_and_no_writer_waits(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = SqliteDatabase.copy

    def copy_and_write(database: SqliteDatabase, target: Path) -> None:
        shelf.append([new_entry(1, 20_000)])
        really(database, target)
        shelf.append([new_entry(1, 20_001)])

    monkeypatch.setattr(SqliteDatabase, "copy", copy_and_write)
    make_backup(SqliteDatabase(shelf.folder), tmp_path / "b.tar")
    assert len(shelf.entries(1, limit=10_000)) == ENTRIES + 2  # type: ignore[arg-type]
    restore(tmp_path / "b.tar", SqliteDatabase(tmp_path / "restored"))
    assert sum(row[0] == ENTRIES + 1 for row in contents(tmp_path / "restored")) == 1
    assert sum(row[0] == ENTRIES + 2 for row in contents(tmp_path / "restored")) == 0


def test_a_backup_and_all_in_it_is_for_the_owner_alone(archive: Path, tmp_path: Path) -> None:
    restore(archive, SqliteDatabase(tmp_path / "restored"))
    files = [archive, *(tmp_path / "restored").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files if path.name != "in-use"} == {0}
    assert stat.S_IMODE((tmp_path / "restored").stat().st_mode) == 0o700


def test_nothing_but_the_backup_is_left_beside_it(archive: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data"]


def test_a_backup_overwrites_nothing(shelf: Shelf, archive: Path) -> None:
    was = archive.read_bytes()
    with pytest.raises(InvalidInput, match="overwrites nothing"):
        make_backup(SqliteDatabase(shelf.folder), archive)
    assert archive.read_bytes() == was


@pytest.mark.parametrize("links", [True, False])
def test_a_backup_overwrites_nothing_that_was_made_meanwhile(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    target = tmp_path / "b.tar"
    really = SqliteDatabase.copy

    def copy_while_another_writes(database: SqliteDatabase, copy: Path) -> None:
        really(database, copy)
        target.write_text("theirs")

    def link_nothing(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(SqliteDatabase, "copy", copy_while_another_writes)
    if not links:
        monkeypatch.setattr(os, "link", link_nothing)
    with pytest.raises(InvalidInput, match="overwrites nothing"):
        make_backup(SqliteDatabase(shelf.folder), target)
    assert target.read_text() == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def test_a_backup_that_finds_no_room_leaves_nothing(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_module.os, "fsync", fail)
    with pytest.raises(StorageFull, match="no room for the backup"):
        make_backup(SqliteDatabase(shelf.folder), tmp_path / "b.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_backup_names_the_disk_that_is_full_and_not_the_servers(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: SqliteDatabase, _target: Path) -> None:
        raise StorageFull(f"There is no room left for {shelf.folder}.")

    (tmp_path / "stick").mkdir()
    monkeypatch.setattr(SqliteDatabase, "copy", fail)
    with pytest.raises(StorageFull, match=f"no room for the backup in {tmp_path / 'stick'}:"):
        make_backup(SqliteDatabase(shelf.folder), tmp_path / "stick" / "b.tar")


@pytest.mark.parametrize("target", ["missing/b.tar", "data/lanline.sqlite/b.tar"])
def test_a_place_that_cannot_be_written_is_told(shelf: Shelf, tmp_path: Path, target: str) -> None:
    with pytest.raises(StorageUnusable, match=r"The backup .* cannot be written"):
        make_backup(SqliteDatabase(shelf.folder), tmp_path / target)


def test_there_is_no_backup_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageUnusable, match="no server's database"):
        make_backup(SqliteDatabase(tmp_path / "nowhere"), tmp_path / "b.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_without_the_key_is_none(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.folder / IDENTITY_FILE).unlink()
    with pytest.raises(StorageUnusable, match=r"identity\.pem is missing"):
        make_backup(SqliteDatabase(shelf.folder), tmp_path / "b.tar")


# Restoring what is not whole.


def refused(archive: Path, folder: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        restore(archive, SqliteDatabase(folder))
    assert not folder.exists(), list(folder.iterdir())
    return caught.value


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3, 0.9, 1.0])
def test_a_backup_that_was_cut_short_is_noticed(archive: Path, tmp_path: Path, share: float) -> None:
    with tarfile.open(archive) as tar:
        last = tar.getmembers()[-1]
    end = last.offset_data + last.size - 1
    archive.write_bytes(archive.read_bytes()[: int(end * share)])
    assert isinstance(refused(archive, tmp_path / "restored"), StorageDamaged)


def test_a_changed_bit_anywhere_in_what_counts_is_noticed(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        places = [member.offset_data + min(member.size, 5000) // 2 for member in tar.getmembers()]
    data = archive.read_bytes()
    for place in places[1:]:
        archive.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert "cut short or damaged" in str(refused(archive, tmp_path / "restored"))


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"\0" * 10240, b"\x1f\x8b\x08" + b"\0" * 600])
def test_garbage_is_no_backup(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.tar"
    path.write_bytes(content)
    assert "is no backup of a Lanline server" in str(refused(path, tmp_path / "restored"))


def rewritten(archive: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """The archive with its members changed on purpose."""
    target = archive.with_name("rewritten.tar")
    with tarfile.open(archive) as source, tarfile.open(target, "w") as out:
        for member in source.getmembers():
            stream = source.extractfile(member)
            assert stream is not None
            changed = change(member.name, stream.read())
            if changed is not None:
                info = tarfile.TarInfo(changed[0])
                info.size = len(changed[1])
                out.addfile(info, io.BytesIO(changed[1]))
    return target


def test_a_missing_member_is_noticed(archive: Path, tmp_path: Path) -> None:
    for missing in (IDENTITY_FILE, FILE_NAME):
        path = rewritten(archive, lambda name, data, missing=missing: None if name == missing else (name, data))  # type: ignore[misc]
        assert isinstance(refused(path, tmp_path / "restored"), StorageDamaged)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "other", "lanline.sqlite-wal"])
def test_nothing_is_written_that_is_no_member_of_a_backup(archive: Path, tmp_path: Path, name: str) -> None:
    path = rewritten(archive, lambda old, data: (name if old == IDENTITY_FILE else old, data))
    refused(path, tmp_path / "restored")

    def claim(old: str, data: bytes) -> tuple[str, bytes]:
        if old == MANIFEST:
            data = data.replace(b"identity.pem", name.encode())
        return name if old == IDENTITY_FILE else old, data

    refused(rewritten(archive, claim), tmp_path / "restored")
    assert not (tmp_path / "outside").exists()


def test_a_backup_of_a_newer_format_is_told(archive: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name != MANIFEST:
            return name, data
        return name, msgspec.json.encode(msgspec.json.decode(data) | {"lanline_backup": 2})

    assert isinstance(refused(rewritten(archive, change), tmp_path / "restored"), StorageNewer)


def test_a_refused_restore_leaves_no_folder_that_was_not_there_and_keeps_one_that_was(
    archive: Path, tmp_path: Path
) -> None:
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    refused(archive, tmp_path / "deep" / "restored")
    assert not (tmp_path / "deep").exists()
    (tmp_path / "there").mkdir()
    with pytest.raises(StorageDamaged):
        restore(archive, SqliteDatabase(tmp_path / "there"))
    assert list((tmp_path / "there").iterdir()) == []


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert str(refused(tmp_path / "none.tar", tmp_path / "restored")) == f"There is no backup {tmp_path / 'none.tar'}."


# Never over anything.


def test_restore_does_not_overwrite_a_server_that_runs_or_was_stopped(shelf: Shelf, archive: Path) -> None:
    before = {path.name: path.stat().st_size for path in shelf.folder.iterdir()}
    with pytest.raises(StorageInUse, match="A server runs on"):
        restore(archive, SqliteDatabase(shelf.folder))
    assert before == {path.name: path.stat().st_size for path in shelf.folder.iterdir()}
    shelf.store.close()
    was = contents(shelf.folder)
    with pytest.raises(StorageUnusable, match=r"server's data in .* already"):
        restore(archive, SqliteDatabase(shelf.folder))
    assert contents(shelf.folder) == was


def test_restore_touches_no_folder_with_other_things_in_it(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("dear")
    with pytest.raises(StorageUnusable, match="is not empty"):
        restore(archive, SqliteDatabase(tmp_path / "other"))
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_a_restore_that_was_killed_is_done_again_from_the_beginning(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = tmp_path / "restored"

    def die(_: Path, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(restore_module, "_check", die)
        really = restore_module._sweep
        patch.setattr(restore_module, "_sweep", lambda folder, keep=None: really(folder, keep) if keep else None)
        with pytest.raises(SystemExit):
            restore(archive, SqliteDatabase(restored))
    assert (restored / FILE_NAME).exists()
    assert (restored / UNFINISHED_FILE).exists()
    with pytest.raises(StorageDamaged, match="cut short"):
        DataFolder(restored).check()
    restore(archive, SqliteDatabase(restored))
    DataFolder(restored).check()
    assert contents(restored)


def test_everything_is_on_the_disk_before_the_backup_has_its_name(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    really = os.fsync

    def note(handle: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), (tmp_path / "b.tar").exists()))
        really(handle)

    monkeypatch.setattr(os, "fsync", note)
    make_backup(SqliteDatabase(shelf.folder), tmp_path / "b.tar")
    assert synced == [(False, False), (True, True)]

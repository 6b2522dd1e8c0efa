from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lanline.errors import IdentityProblem, LanlineError, StorageDamaged, StorageUnusable
from lanline.server.datafolder import IDENTITY_FILE, OPERATOR_FILE, UNFINISHED_FILE, DataFolder, Running

RUNNING = Running("127.0.0.1", 5265, "192.168.1.20", 5265, 7)


def test_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert not folder.exists()
    identity, operator = folder.identity(is_first=True), folder.operator()
    assert identity.fingerprint != operator.fingerprint
    again = DataFolder(tmp_path)
    assert again.identity(is_first=True).fingerprint == identity.fingerprint == folder.read_fingerprint()
    assert again.operator().fingerprint == operator.fingerprint == folder.read_operator().fingerprint
    assert again.exists()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lost_key_is_not_replaced_behind_peoples_backs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.identity(is_first=True)
    (tmp_path / IDENTITY_FILE).unlink()
    with pytest.raises(IdentityProblem, match=r"There is no key .*restore it from a backup, or see .*--new-key"):
        folder.identity(is_first=False)
    assert not (tmp_path / IDENTITY_FILE).exists()


@pytest.mark.parametrize(
    ("name", "remedy"), [(IDENTITY_FILE, "restore it from a backup"), (OPERATOR_FILE, "Remove it")]
)
def test_a_damaged_key_is_told_with_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    folder = DataFolder(tmp_path)
    (tmp_path / name).write_text("garbage")
    read = {IDENTITY_FILE: lambda: folder.identity(is_first=True), OPERATOR_FILE: folder.operator}[name]
    with pytest.raises(IdentityProblem, match=f"holds no key that can be read.*{remedy}"):
        read()
    assert (tmp_path / name).read_text() == "garbage"


def test_a_folder_where_no_server_ever_ran_has_nothing_to_ask(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "nowhere")
    assert folder.read_running() is None
    for ask in (folder.read_operator, folder.read_fingerprint):
        with pytest.raises(IdentityProblem, match="Start the server there first"):
            ask()


def test_where_the_server_runs_is_kept_while_it_runs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.write_running(RUNNING)
    assert folder.read_running() == RUNNING
    folder.remove_running()
    folder.remove_running()
    assert folder.read_running() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '{"host": 3}', "\udcff"])
def test_damage_to_a_file_that_is_written_anew_at_each_start_is_no_trouble(tmp_path: Path, text: str) -> None:
    (tmp_path / "running.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert DataFolder(tmp_path).read_running() is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "missing")
    for make in (folder.operator, lambda: folder.write_running(RUNNING)):
        with pytest.raises(StorageUnusable, match="cannot be used: No such file or directory"):
            make()


def test_no_server_starts_where_a_restore_was_cut_short(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.check()
    (tmp_path / UNFINISHED_FILE).touch()
    with pytest.raises(StorageDamaged, match=r"cut short\. Run it again: lanline admin restore") as caught:
        folder.check()
    assert isinstance(caught.value, LanlineError)

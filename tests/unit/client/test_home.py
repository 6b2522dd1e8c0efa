from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lanline.client.home import Home
from lanline.errors import IdentityProblem

FINGERPRINT = bytes(range(32))


def test_an_identity_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home")
    first = home.identity()
    assert Home(tmp_path / "new" / "home").identity().fingerprint == first.fingerprint
    assert (tmp_path / "new" / "home" / "identity.pem").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "home").stat().st_mode & 0o077 == 0


def test_two_that_start_at_once_get_one_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quicker = Home(tmp_path).identity()
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert Home(tmp_path).identity().fingerprint == quicker.fingerprint
    assert [each.name for each in tmp_path.iterdir()] == ["identity.pem"]


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_identity_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity.pem"
    path.write_bytes(content)
    with pytest.raises(IdentityProblem, match="Restore"):
        Home(tmp_path).identity()
    assert path.read_bytes() == content


def test_a_peer_is_remembered_until_its_key_changes(tmp_path: Path) -> None:
    Home(tmp_path).remember_peer("here:1", FINGERPRINT, "ann")
    known = Home(tmp_path).known_peer("here:1")
    assert known is not None
    assert (known.fingerprint, known.name) == (FINGERPRINT.hex(), "ann")
    Home(tmp_path).remember_peer("here:1", FINGERPRINT, "anna")
    assert Home(tmp_path).known_peer("here:1") == known
    Home(tmp_path).remember_peer("here:1", bytes(32), "ann")
    assert Home(tmp_path).known_peer("here:1") != known
    assert Home(tmp_path).known_peer("there:1") is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"a":1}', '{"a":{"fingerprint":"zz","name":"x","first_met":"y"}}', "\udcff"]
)
def test_damaged_known_keys_are_told_at_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "known_peers.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(IdentityProblem, match="meet everybody anew"):
        Home(tmp_path)


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(IdentityProblem, match=r"it is a file\. .*--home"):
        Home(tmp_path / "home")


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.remember_peer("here:1", FINGERPRINT, "ann")

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IdentityProblem, match="No space left"):
        home.identity()
    with pytest.raises(IdentityProblem, match="No space left"):
        home.remember_peer("there:1", FINGERPRINT, "bob")
    assert [each.name for each in tmp_path.iterdir()] == ["known_peers.json"]
    assert home.known_peer("here:1") is not None

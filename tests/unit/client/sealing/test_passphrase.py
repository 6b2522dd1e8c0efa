"""The keys of a home under a passphrase: all of them or none, also after a crash; and the wrong one opens nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lanline import wholefile
from lanline.client.home import Home
from lanline.client.sealing import lockedfile
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.lockedfile import change_passphrase
from lanline.client.sealing.passphrase import PASSPHRASE_VARIABLE, is_locked, is_under_passphrase
from lanline.crypto.passphrase import PassphraseKey
from lanline.errors import IdentityProblem, WrongPassphrase

FILES = ("identity.pem", "keys.json", "keys-copy.json")
PASSPHRASES: list[str | None] = [None, "open sesame", "close sesame"]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is takes a second for each step of these tests, and is not what they are about."""
    monkeypatch.setattr(PassphraseKey.__init__, "__defaults__", (1024, 1))
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Home(tmp_path).identity()
    Keystore.open(tmp_path, os.urandom)
    return tmp_path


def opened(home: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, bytes]:
    if passphrase is None:
        monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(PASSPHRASE_VARIABLE, passphrase)
    try:
        return Home(home).identity().fingerprint, Keystore.open(home, os.urandom).device_secret
    finally:
        monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)


@pytest.mark.parametrize("before", PASSPHRASES)
@pytest.mark.parametrize("after", PASSPHRASES)
def test_all_keys_come_under_it_under_another_or_under_none(
    home: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None
) -> None:
    keys = opened(home, None, monkeypatch)
    change_passphrase(home, None, before, os.urandom)
    change_passphrase(home, before, after, os.urandom)
    for name in FILES:
        content = (home / name).read_bytes()
        assert (b"PRIVATE KEY" in content or b"device_secret" in content) is (after is None)
        assert (home / name).stat().st_mode & 0o777 == 0o600
    assert is_locked(home) is is_under_passphrase(home) is (after is not None)
    assert opened(home, after, monkeypatch) == keys
    assert {each.name for each in home.iterdir()} == set(FILES)


def test_the_wrong_one_opens_and_changes_nothing_and_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_passphrase(home, None, "open sesame", os.urandom)
    before = {name: (home / name).read_bytes() for name in FILES}
    for wrong in (None, "close sesame"):
        with pytest.raises(WrongPassphrase) as told:
            change_passphrase(home, wrong, "another one", os.urandom)
        assert str(told.value) == "The passphrase is wrong. Nothing was changed."
        with pytest.raises(WrongPassphrase, match="cannot be opened"):
            opened(home, wrong, monkeypatch)
    assert {name: (home / name).read_bytes() for name in FILES} == before


def test_keys_that_lie_open_come_under_the_passphrase_that_is_given(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = opened(home, None, monkeypatch)
    assert opened(home, "open sesame", monkeypatch) == keys
    assert not [name for name in FILES if b"under_passphrase" not in (home / name).read_bytes()]


def test_a_new_home_lies_under_it_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path, "open sesame", monkeypatch)
    assert not [name for name in FILES if b"under_passphrase" not in (tmp_path / name).read_bytes()]


class Crashed(BaseException):
    pass


@pytest.mark.parametrize(
    ("before", "after"), [(None, "open sesame"), ("open sesame", "close sesame"), ("close sesame", None)]
)
def test_a_crash_at_each_write_leaves_the_one_or_the_other_and_all_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None
) -> None:
    keys = opened(home, None, monkeypatch)
    real_replace, real_create, real_unlink = wholefile.replace_whole, wholefile.create_whole, Path.unlink
    for point in range(20):
        change_passphrase(home, None, before, os.urandom)
        left = point

        def reach() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Crashed

        def replace(path: Path, data: bytes) -> None:
            reach()
            real_replace(path, data)

        def create(path: Path, data: bytes) -> bool:
            reach()
            return real_create(path, data)

        def unlink(path: Path, missing_ok: bool = False) -> None:
            if path.name == "passphrase-change.json":
                reach()
            real_unlink(path, missing_ok)

        has_crashed = False
        with monkeypatch.context() as patched:
            patched.setattr(lockedfile, "replace_whole", replace)
            patched.setattr(lockedfile, "create_whole", create)
            patched.setattr(Path, "unlink", unlink)
            try:
                change_passphrase(home, before, after, os.urandom)
            except Crashed:
                has_crashed = True
        stands = before if point == 0 else after
        assert is_under_passphrase(home) is (stands is not None)
        assert opened(home, stands, monkeypatch) == keys
        assert {each.name for each in home.iterdir()} == set(FILES)
        change_passphrase(home, stands, None, os.urandom)
        if not has_crashed:
            break
    assert (point, has_crashed) == (5, False)


def test_a_damaged_file_is_told_before_anything_is_changed(home: Path) -> None:
    change_passphrase(home, None, "open sesame", os.urandom)
    path = home / "identity.pem"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IdentityProblem, match="damaged"):
        change_passphrase(home, "open sesame", None, os.urandom)
    path.write_bytes(whole)
    (home / "keys-copy.json").write_bytes(b'{"under_passphrase": ')
    change_passphrase(home, "open sesame", None, os.urandom)
    assert (home / "keys-copy.json").read_bytes() == (home / "keys.json").read_bytes()

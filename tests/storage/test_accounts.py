"""Accounts, names and device keys."""

from __future__ import annotations

import msgspec
import pytest

from lanline.errors import NameTaken, RecordExists, RecordMissing
from lanline.model.accounts import Account, AccountId, DeviceId
from storage.shelf import Shelf


def test_account_is_found_by_id_and_by_any_name_that_looks_the_same(shelf: Shelf) -> None:
    bob = shelf.add_account("Bob")
    assert shelf.read(lambda v: v.accounts.by_id(bob.id)) == bob
    for name in ("Bob", "bob", "b0b"):
        assert shelf.read(lambda v, name=name: v.accounts.by_name(name)) == bob
    assert shelf.read(lambda v: v.accounts.by_name("rob")) is None
    assert shelf.read(lambda v: v.accounts.by_id(AccountId(99))) is None


def test_taken_name_and_its_look_alike_are_refused(shelf: Shelf) -> None:
    shelf.add_account("Bob")
    with pytest.raises(NameTaken, match="Bob is taken"):
        shelf.add_account("Bob")
    with pytest.raises(NameTaken, match="looks like Bob"):
        shelf.add_account("B0b")
    assert len(shelf.read(lambda v: v.accounts.all())) == 1


def test_change_keeps_what_it_does_not_name(shelf: Shelf) -> None:
    bob, zoe = shelf.add_account("bob"), shelf.add_account("zoe")
    shelf.write(lambda t: t.accounts.set_password_hash(bob.id, "hash"))
    changed = msgspec.structs.replace(bob, name="Bob", is_admin=True, is_banned=True)
    shelf.write(lambda t: t.accounts.change(changed))
    shelf.reopen()
    assert shelf.read(lambda v: v.accounts.all()) == [changed, zoe]
    assert shelf.read(lambda v: v.accounts.password_hash(bob.id)) == "hash"
    with pytest.raises(NameTaken):
        shelf.write(lambda t: t.accounts.change(msgspec.structs.replace(bob, name="ZOE")))
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.accounts.change(Account(AccountId(99), "new", 1)))
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.accounts.set_password_hash(AccountId(99), "x"))


def test_password_hash_may_be_missing(shelf: Shelf) -> None:
    ann = shelf.write(lambda t: t.accounts.add("ann", 1, is_admin=True, password_hash="one"))
    assert ann.is_admin
    shelf.write(lambda t: t.accounts.set_password_hash(ann.id, None))
    assert shelf.read(lambda v: v.accounts.password_hash(ann.id)) is None
    assert shelf.read(lambda v: v.accounts.password_hash(AccountId(99))) is None


def test_key_belongs_to_one_device_also_after_it_was_revoked(shelf: Shelf) -> None:
    ann, bob = shelf.add_account("ann"), shelf.add_account("bob")
    laptop = shelf.add_device(ann.id, b"laptop")
    phone = shelf.add_device(ann.id, b"phone")
    with pytest.raises(RecordExists):
        shelf.add_device(bob.id, b"laptop")
    shelf.write(lambda t: t.accounts.revoke_device(laptop.id, 7))
    shelf.write(lambda t: t.accounts.revoke_device(laptop.id, 9))
    with pytest.raises(RecordExists):
        shelf.add_device(ann.id, b"laptop")
    revoked = msgspec.structs.replace(laptop, revoked_ms=7)
    assert shelf.read(lambda v: v.accounts.devices(ann.id)) == [revoked, phone]
    assert shelf.read(lambda v: v.accounts.device(laptop.id)) == revoked
    assert shelf.read(lambda v: v.accounts.device_by_fingerprint(laptop.fingerprint)) == revoked
    assert shelf.read(lambda v: v.accounts.device_by_fingerprint(bytes(32))) is None
    assert revoked.is_revoked


def test_device_needs_its_account_and_revoking_a_device(shelf: Shelf) -> None:
    with pytest.raises(RecordMissing):
        shelf.add_device(AccountId(99), b"x")
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.accounts.revoke_device(DeviceId(99), 1))


def test_all_devices_are_listed_also_those_that_were_revoked(shelf: Shelf) -> None:
    devices = [shelf.add_device(shelf.add_account(name).id, name.encode()) for name in ("ann", "bob")]
    shelf.write(lambda t: t.accounts.revoke_device(devices[0].id, 5))
    listed = shelf.read(lambda v: v.accounts.all_devices())
    assert [(device.id, device.is_revoked) for device in listed] == [(devices[0].id, True), (devices[1].id, False)]

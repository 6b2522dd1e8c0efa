"""Blobs and settings."""

from __future__ import annotations

import pytest

from lanline.errors import InvalidInput, RecordMissing
from lanline.model.accounts import AccountId
from lanline.model.blobs import MAX_BLOB_BYTES, BlobId, blob_id
from storage.shelf import Shelf


def test_blob_is_kept_once_and_counted_for_its_first_owner(shelf: Shelf) -> None:
    ann, bob = shelf.add_account("ann").id, shelf.add_account("bob").id
    data = bytes(range(256)) * 100
    blob = shelf.write(lambda t: t.blobs.put(data, ann, 1))
    assert blob == blob_id(data)
    assert shelf.write(lambda t: t.blobs.put(data, bob, 2)) == blob
    shelf.write(lambda t: t.blobs.put(b"", bob, 2))
    shelf.write(lambda t: t.blobs.put(b"abc", ann, 2))
    shelf.reopen()
    assert shelf.read(lambda v: v.blobs.get(blob)) == data
    assert shelf.read(lambda v: v.blobs.get(blob_id(b""))) == b""
    assert shelf.read(lambda v: (v.blobs.size_bytes(ann), v.blobs.size_bytes(bob))) == (len(data) + 3, 0)
    shelf.write(lambda t: t.blobs.drop(blob))
    assert shelf.read(lambda v: v.blobs.get(blob)) is None
    assert shelf.read(lambda v: v.blobs.size_bytes(ann)) == 3


def test_blob_is_small_and_somebodys(shelf: Shelf) -> None:
    ann = shelf.add_account("ann").id
    shelf.write(lambda t: t.blobs.put(bytes(MAX_BLOB_BYTES), ann, 1))
    with pytest.raises(InvalidInput):
        shelf.write(lambda t: t.blobs.put(bytes(MAX_BLOB_BYTES + 1), ann, 1))
    with pytest.raises(RecordMissing):
        shelf.write(lambda t: t.blobs.put(b"x", AccountId(99), 1))
    assert shelf.read(lambda v: v.blobs.get(BlobId(bytes(32)))) is None


def test_setting_is_put_replaced_and_forgotten(shelf: Shelf) -> None:
    assert shelf.read(lambda v: v.settings.get("certificate")) is None
    for value in (b"one", b"", b"two"):
        shelf.write(lambda t, value=value: t.settings.put("certificate", value))
        assert shelf.read(lambda v: v.settings.get("certificate")) == value
    shelf.write(lambda t: t.settings.put("certificate", None))
    assert shelf.read(lambda v: v.settings.get("certificate")) is None


def test_the_sizes_of_all_are_those_of_each(shelf: Shelf) -> None:
    ann, bob, cyd = (shelf.add_account(name).id for name in ("ann", "bob", "cyd"))
    for owner, data in ((ann, b"one"), (ann, b"three"), (bob, b"x"), (cyd, b"x")):
        shelf.write(lambda t, owner=owner, data=data: t.blobs.put(data, owner, 1))  # type: ignore[misc]
    assert shelf.read(lambda v: v.blobs.sizes()) == {ann: 8, bob: 1}

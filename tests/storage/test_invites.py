"""Invites are used up exactly as often as they may be."""

from __future__ import annotations

import msgspec
import pytest

from lanline.errors import InviteUnusable, NameTaken, RecordExists
from lanline.model.accounts import Account, AccountId
from lanline.model.invites import Invite, invite_token_hash
from lanline.storage.api import Transaction
from storage.shelf import Shelf

HASH = invite_token_hash(b"token")


def invite(uses_left: int, expires_ms: int | None = None) -> Invite:
    return Invite(HASH, uses_left, expires_ms, grants_admin=False, creator=None, created_ms=1)


def test_invite_comes_back_as_it_was_made(shelf: Shelf) -> None:
    ann = shelf.add_account("ann").id
    other = Invite(bytes(32), 3, 99, grants_admin=True, creator=ann, created_ms=2)
    shelf.write(lambda t: t.invites.add(invite(1)))
    shelf.write(lambda t: t.invites.add(other))
    shelf.reopen()
    assert shelf.read(lambda v: v.invites.all()) == [invite(1), other]
    assert shelf.read(lambda v: v.invites.by_token_hash(HASH)) == invite(1)
    with pytest.raises(RecordExists):
        shelf.write(lambda t: t.invites.add(invite(5)))
    shelf.write(lambda t: t.invites.drop(HASH))
    assert shelf.read(lambda v: v.invites.by_token_hash(HASH)) is None


def test_invite_ends_with_its_uses(shelf: Shelf) -> None:
    shelf.write(lambda t: t.invites.add(invite(2)))
    assert shelf.write(lambda t: t.invites.use(HASH, 1)) == invite(1)
    assert shelf.write(lambda t: t.invites.use(HASH, 1)) == invite(0)
    with pytest.raises(InviteUnusable, match="used up"):
        shelf.write(lambda t: t.invites.use(HASH, 1))


def test_invite_ends_with_its_time(shelf: Shelf) -> None:
    shelf.write(lambda t: t.invites.add(invite(2, expires_ms=100)))
    shelf.write(lambda t: t.invites.use(HASH, 99))
    with pytest.raises(InviteUnusable, match="expired"):
        shelf.write(lambda t: t.invites.use(HASH, 100))
    with pytest.raises(InviteUnusable, match="knows no such"):
        shelf.write(lambda t: t.invites.use(bytes(32), 1))


def test_many_at_once_use_it_no_more_than_they_may(shelf: Shelf) -> None:
    shelf.write(lambda t: t.invites.add(invite(3)))
    tickets = [shelf.store.write(lambda t: t.invites.use(HASH, 1)) for _ in range(10)]
    shelf.store.flush()
    assert [ticket.problem is None for ticket in tickets] == [True] * 3 + [False] * 7


def test_use_is_given_back_when_what_it_was_for_fails(shelf: Shelf) -> None:
    shelf.write(lambda t: t.invites.add(invite(1)))
    shelf.add_account("ann")

    def enrol(transaction: Transaction, name: str) -> Account:
        transaction.invites.use(HASH, 1)
        return transaction.accounts.add(name, 1, is_admin=False, password_hash=None)

    with pytest.raises(NameTaken):
        shelf.write(lambda t: enrol(t, "ann"))
    assert shelf.read(lambda v: v.invites.by_token_hash(HASH)) == invite(1)
    assert shelf.write(lambda t: enrol(t, "bob")) == Account(AccountId(2), "bob", 1)
    assert shelf.read(lambda v: v.invites.by_token_hash(HASH)) == msgspec.structs.replace(invite(1), uses_left=0)

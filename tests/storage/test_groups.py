"""The head of the chain, boxes each to their reader, keys until something names them, and who asks to be let in."""

from __future__ import annotations

import hashlib

import msgspec

from lanline.model.accounts import AccountId
from lanline.model.groups import FOR_DEVICE, Box, ChainHead, EntryRequest
from lanline.model.logs import LogKind
from storage.shelf import Shelf

SCOPE, OTHER_SCOPE = b"s" * 32, b"t" * 32
EPOCH, NEXT = b"e" * 16, b"f" * 16
BEN = b"b" * 32
ACCOUNT = 1


def box(giver: AccountId, data: bytes = b"sealed", **changes: object) -> Box:
    return msgspec.structs.replace(Box(SCOPE, EPOCH, ACCOUNT, BEN, 1, giver, data), **changes)


def mine(shelf: Shelf, *epoch_ids: bytes, kind: int = ACCOUNT) -> list[bytes]:
    return [each.data for each in shelf.read(lambda v: v.groups.boxes(kind, BEN, SCOPE, epoch_ids or (EPOCH,)))]


def test_the_chain_has_a_log_and_its_head_moves(shelf: Shelf) -> None:
    assert shelf.read(lambda v: v.groups.chain()) is None
    log = shelf.write(lambda t: t.groups.found())
    assert shelf.read(lambda v: v.logs.log(log).kind) is LogKind.CHAIN  # type: ignore[union-attr]
    shelf.write(lambda t: t.groups.move_chain(7, b"h" * 32))
    shelf.reopen()
    assert shelf.read(lambda v: v.groups.chain()) == ChainHead(log, 7, b"h" * 32)


def test_a_box_is_given_out_once_its_statement_stands_and_only_what_the_author_gave(shelf: Shelf) -> None:
    ana, eve = shelf.add_account("ana").id, shelf.add_account("eve").id
    shelf.write(lambda t: t.groups.put_boxes([box(eve, b"squatted"), box(ana, b"true")], 5))
    assert mine(shelf) == []
    assert shelf.read(lambda v: v.groups.recipients(ana, SCOPE, EPOCH)) == {(ACCOUNT, BEN, 1)}
    shelf.write(lambda t: t.groups.add_epoch(SCOPE, EPOCH, 4, ana))
    assert mine(shelf) == [b"true"]
    assert shelf.read(lambda v: v.groups.epoch_height(SCOPE, EPOCH)) == 4
    assert shelf.read(lambda v: v.groups.epoch_height(OTHER_SCOPE, EPOCH)) is None
    assert shelf.read(lambda v: v.groups.epoch_ids(SCOPE)) == {EPOCH}


def test_helpers_boxes_come_after_the_authors_and_can_be_dropped(shelf: Shelf) -> None:
    ana, eve = shelf.add_account("ana").id, shelf.add_account("eve").id
    shelf.write(lambda t: t.groups.add_epoch(SCOPE, EPOCH, 4, eve))
    shelf.write(lambda t: t.groups.put_boxes([box(ana, b"of a helper")], 5))
    shelf.write(lambda t: t.groups.put_boxes([box(eve, b"of the author")], 6))
    assert mine(shelf) == [b"of the author", b"of a helper"]
    shelf.write(lambda t: t.groups.drop_boxes_of_helpers(ACCOUNT, BEN, SCOPE, [EPOCH]))
    assert mine(shelf) == [b"of the author"]


def test_boxes_of_a_seed_need_no_statement(shelf: Shelf) -> None:
    ana = shelf.add_account("ana").id
    shelf.write(lambda t: t.groups.put_boxes([box(ana, b"seed", kind=FOR_DEVICE)], 5))
    shelf.write(lambda t: t.groups.drop_stale(100, 100))
    assert mine(shelf, kind=FOR_DEVICE) == [b"seed"]


def test_of_what_somebody_gave_in_a_scope_the_oldest_can_be_dropped(shelf: Shelf) -> None:
    ana, ben = shelf.add_account("ana").id, shelf.add_account("ben").id
    shelf.write(lambda t: t.groups.put_boxes([box(ana, kind=FOR_DEVICE)], 5))
    shelf.write(lambda t: t.groups.put_boxes([box(ana, kind=FOR_DEVICE, epoch_id=NEXT), box(ben, epoch_id=NEXT)], 6))
    assert shelf.read(lambda v: v.groups.epochs_given(ana, SCOPE)) == [NEXT, EPOCH]
    shelf.write(lambda t: t.groups.drop_given(ana, SCOPE, [NEXT]))
    assert shelf.read(lambda v: v.groups.epochs_given(ana, SCOPE)) == [EPOCH]
    assert shelf.read(lambda v: v.groups.epochs_given(ben, SCOPE)) == [NEXT]


def test_what_waits_for_a_statement_is_dropped_with_the_next_one_or_with_time(shelf: Shelf) -> None:
    ana = shelf.add_account("ana").id
    shelf.write(lambda t: t.groups.put_boxes([box(ana), box(ana, epoch_id=NEXT)], 5))
    shelf.write(lambda t: t.groups.drop_waiting(ana, SCOPE, NEXT))
    assert shelf.read(lambda v: v.groups.recipients(ana, SCOPE, EPOCH)) == set()
    shelf.write(lambda t: t.groups.drop_stale(5, 0))
    assert shelf.read(lambda v: v.groups.recipients(ana, SCOPE, NEXT)) == {(ACCOUNT, BEN, 1)}
    shelf.write(lambda t: t.groups.drop_stale(6, 0))
    assert shelf.read(lambda v: v.groups.recipients(ana, SCOPE, NEXT)) == set()


def test_keys_stay_once_something_names_them(shelf: Shelf) -> None:
    ana = shelf.add_account("ana").id
    one, two = (hashlib.sha256(each).digest() for each in (b"one", b"two"))
    shelf.write(lambda t: t.groups.put_keys({one: b"one", two: b"two"}, ana, 5))
    assert shelf.read(lambda v: v.groups.unnamed_keys(ana)) == 2
    shelf.write(lambda t: t.groups.name_keys([one]))
    shelf.write(lambda t: t.groups.drop_stale(0, 6))
    assert shelf.read(lambda v: v.groups.keys([one, two])) == {one: b"one"}
    assert shelf.read(lambda v: v.groups.unnamed_keys(ana)) == 0


def test_keys_are_named_and_unnamed_by_who_has_put_them(shelf: Shelf) -> None:
    ana, eve = (shelf.add_account(name).id for name in ("ana", "eve"))
    shelf.write(lambda t: t.groups.put_keys({b"1" * 32: b"one"}, ana, 5))
    shelf.write(lambda t: t.groups.name_keys([b"1" * 32], eve))
    assert shelf.read(lambda v: v.groups.unnamed_keys(ana)) == 1
    shelf.write(lambda t: t.groups.name_keys([b"1" * 32], ana))
    shelf.write(lambda t: t.groups.unname_keys([b"1" * 32], eve))
    assert shelf.read(lambda v: v.groups.unnamed_keys(ana)) == 0
    shelf.write(lambda t: t.groups.unname_keys([b"1" * 32], ana))
    assert shelf.read(lambda v: v.groups.unnamed_keys(ana)) == 1


def test_one_request_of_an_account(shelf: Shelf) -> None:
    ana = shelf.add_account("ana").id
    shelf.write(lambda t: t.groups.put_request(EntryRequest(ana, b"old", b"s", 1)))
    shelf.write(lambda t: t.groups.put_request(EntryRequest(ana, b"joiner", b"s", 2)))
    assert shelf.read(lambda v: v.groups.requests()) == [EntryRequest(ana, b"joiner", b"s", 2)]
    shelf.write(lambda t: t.groups.drop_request(ana))
    assert shelf.read(lambda v: v.groups.requests()) == []


def test_a_key_that_the_disk_has_damaged_is_not_there_until_it_is_brought_again(shelf: Shelf) -> None:
    ana = shelf.add_account("ana").id
    key = hashlib.sha256(b"one").digest()
    shelf.write(lambda t: t.groups.put_keys({key: b"onf"}, ana, 5))
    assert shelf.read(lambda v: v.groups.keys([key])) == {}
    shelf.write(lambda t: t.groups.put_keys({key: b"one"}, ana, 6))
    assert shelf.read(lambda v: v.groups.keys([key])) == {key: b"one"}

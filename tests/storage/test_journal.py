"""The journal keeps its entries in order, and forgets the oldest."""

from __future__ import annotations

from lanline.model.accounts import AccountId
from lanline.model.journal import Deed, NewJournalEntry
from storage.shelf import Shelf


def add(shelf: Shelf, time_ms: int, account: int | None = 1, replaces: int | None = None, count: int = 1) -> int:
    number = None if account is None else AccountId(account)
    entry = NewJournalEntry(time_ms, Deed.BANNED, number, "ann", "bob", "#lab", "why", count)
    return shelf.write(lambda t: t.journal.add(entry, replaces))


def test_entries_are_read_on_from_where_one_is(shelf: Shelf) -> None:
    numbers = [add(shelf, time_ms) for time_ms in (10, 20, 30, 40)]
    shelf.reopen()
    assert [each.id for each in shelf.read(lambda v: v.journal.newest(3))] == numbers[1:]
    found = shelf.read(lambda v: v.journal.after(numbers[0], 2))
    assert [each.id for each in found] == numbers[1:3]
    first = found[0]
    assert (first.time_ms, first.deed, first.account, first.by) == (20, "banned", 1, "ann")
    assert (first.whom, first.room, first.detail, first.count) == ("bob", "#lab", "why", 1)


def test_what_counts_more_comes_after_all_others(shelf: Shelf) -> None:
    counted, other = add(shelf, 10), add(shelf, 20)
    again = add(shelf, 30, replaces=counted, count=2)
    assert [(each.id, each.count) for each in shelf.read(lambda v: v.journal.newest(9))] == [(other, 1), (again, 2)]
    assert again > other


def test_an_account_is_counted_from_a_time_on(shelf: Shelf) -> None:
    for time_ms, account in ((10, 1), (20, 1), (30, 1), (30, 2), (30, None)):
        add(shelf, time_ms, account)
    assert shelf.read(lambda v: v.journal.count_since(AccountId(1), 20)) == 2


def test_the_old_and_the_oldest_of_too_many_are_forgotten(shelf: Shelf) -> None:
    numbers = [add(shelf, time_ms) for time_ms in (10, 20, 30, 40)]
    shelf.write(lambda t: t.journal.prune(20, 10))
    assert [each.id for each in shelf.read(lambda v: v.journal.newest(9))] == numbers[1:]
    shelf.write(lambda t: t.journal.prune(0, 2))
    assert [each.id for each in shelf.read(lambda v: v.journal.newest(9))] == numbers[2:]
    assert add(shelf, 50) > numbers[3]

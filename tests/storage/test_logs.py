"""Appending, reading from a place, and cursors."""

from __future__ import annotations

import pytest

from lanline.errors import InvalidInput, RecordMissing
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import Appended, Cursor, Entry, LogId, LogKind
from lanline.storage.api import Transaction
from storage.shelf import Shelf, new_entry


@pytest.fixture
def log(shelf: Shelf) -> LogId:
    ann = shelf.add_account("ann")
    shelf.add_device(ann.id, b"a")
    return shelf.create_room("#lab", ann.id).log


def test_sequence_numbers_are_dense_from_one_in_every_log(shelf: Shelf, log: LogId) -> None:
    other = shelf.create_room("#crew", AccountId(1)).log
    first = shelf.append([new_entry(log, 1), new_entry(other, 2), new_entry(log, 3)])
    second = shelf.append([new_entry(other, 4), new_entry(log, 5)])
    assert [each.sequence for each in first + second] == [1, 1, 2, 2, 3]
    assert shelf.read(lambda v: v.logs.heads([log, other, LogId(99)])) == {log: 3, other: 2}


def test_entry_comes_back_as_it_was_appended(shelf: Shelf, log: LogId) -> None:
    entry = new_entry(log, 7, content=bytes(range(256)))
    shelf.append([entry])
    shelf.reopen()
    kept = Entry(log, 1, entry.entry_id, entry.account, entry.device, 7, "plain", entry.content)
    assert shelf.entries(log) == [kept]
    assert shelf.read(lambda v: v.logs.find(log, entry.account, entry.entry_id)) == kept
    assert shelf.read(lambda v: v.logs.find(log, AccountId(2), entry.entry_id)) is None


def test_the_newest_topic_of_a_log_is_found(shelf: Shelf, log: LogId) -> None:
    other = shelf.create_room("#crew", AccountId(1)).log
    topics = [new_entry(log, number, suite="topic/1", content=b"%d" % number) for number in (2, 4)]
    shelf.append([new_entry(log, 1), topics[0], new_entry(log, 3), topics[1], new_entry(log, 5), new_entry(other, 6)])
    found = shelf.read(lambda v: v.logs.newest_topic(log))
    assert (found.sequence, found.content, found.suite) == (4, b"4", "topic/1")
    assert shelf.read(lambda v: v.logs.newest_topic(other)) is None


def test_repeat_gets_the_place_of_the_first_and_uses_up_no_number(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, 1), new_entry(log, 2)])
    repeat = new_entry(log, 2, content=b"other words under the same id")
    again = shelf.append([repeat, new_entry(log, 3), new_entry(log, 3), new_entry(log, 1)])
    assert again == [Appended(2, 2, True, True), Appended(3, 3), Appended(3, 3, True), Appended(1, 1, True)]
    assert [entry.content for entry in shelf.entries(log)] == [b"hi"] * 3


def test_what_comes_behind_a_repeat_that_says_something_else_can_be_left_out(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, 1)])
    entries = [new_entry(log, 1), new_entry(log, 2), new_entry(log, 1, content=b"something else"), new_entry(log, 3)]
    places = shelf.write(lambda transaction: transaction.logs.append(entries, stops_at_other=True))
    assert places == [Appended(1, 1, True), Appended(2, 2), Appended(1, 1, True, True)]
    assert [entry.sequence for entry in shelf.entries(log)] == [1, 2]


def test_same_id_of_another_sender_or_log_is_another_entry(shelf: Shelf, log: LogId) -> None:
    other = shelf.create_room("#crew", AccountId(1)).log
    appended = shelf.append([new_entry(log, 1, account=1), new_entry(log, 1, account=2), new_entry(other, 1)])
    assert [each.sequence for each in appended] == [1, 2, 1]
    assert not any(each.is_repeat for each in appended)


def test_unknown_log_and_unfit_entry_are_refused_and_leave_nothing(shelf: Shelf, log: LogId) -> None:
    with pytest.raises(RecordMissing):
        shelf.append([new_entry(log, 1), new_entry(99, 2)])
    with pytest.raises(InvalidInput):
        shelf.append([new_entry(log, 1), new_entry(log, 2, content=b"")])
    assert shelf.entries(log) == []
    assert shelf.append([new_entry(log, 3)]) == [Appended(1, 3)]


def test_work_may_go_on_after_a_refused_append(shelf: Shelf, log: LogId) -> None:
    def work(transaction: Transaction) -> int:
        with pytest.raises(InvalidInput):
            transaction.logs.append([new_entry(log, 1), new_entry(log, 2, content=b"")])
        return transaction.logs.append([new_entry(log, 3)])[0].sequence

    assert shelf.write(work) == 2
    assert [entry.sequence for entry in shelf.entries(log)] == [1, 2]


def test_reading_in_pages_meets_every_entry_once(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, number) for number in range(1, 26)])
    seen: list[int] = []
    while page := shelf.entries(log, seen[-1] if seen else 0, 7):
        seen += [entry.sequence for entry in page]
    assert seen == list(range(1, 26))


def test_reading_backwards_gives_the_newest_oldest_first(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, number) for number in range(1, 11)])
    assert [entry.sequence for entry in shelf.read(lambda v: v.logs.before(log, 11, 3))] == [8, 9, 10]
    assert [entry.sequence for entry in shelf.read(lambda v: v.logs.before(log, 3, 5))] == [1, 2]
    assert shelf.read(lambda v: v.logs.before(log, 1, 5)) == []


def test_limit_below_one_reads_nothing(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, 1)])
    assert shelf.entries(log, limit=0) == shelf.entries(log, limit=-1) == []
    assert shelf.read(lambda v: v.logs.before(log, 9, -1)) == []


def test_transaction_reads_what_it_wrote(shelf: Shelf, log: LogId) -> None:
    def work(transaction: Transaction) -> tuple[int, int]:
        transaction.logs.append([new_entry(log, 1), new_entry(log, 2)])
        found = transaction.logs.log(log)
        assert found is not None
        assert found.kind is LogKind.ROOM
        return found.head, len(transaction.logs.after(log, 0, 10))

    assert shelf.write(work) == (2, 2)
    assert shelf.read(lambda v: v.logs.log(LogId(99))) is None


def test_cursor_goes_forward_only_and_not_past_the_head(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, number) for number in range(1, 6)])
    device, other = DeviceId(1), shelf.add_device(AccountId(1), b"b").id
    for move, stands in (
        (Cursor(3, 1), Cursor(3, 1)),
        (Cursor(2, 0), Cursor(3, 1)),
        (Cursor(0, 4), Cursor(4, 4)),
        (Cursor(99, 99), Cursor(5, 5)),
    ):
        assert shelf.write(lambda t, move=move: t.logs.advance(log, device, move)) == stands
        assert shelf.read(lambda v: v.logs.cursor(log, device)) == stands
    shelf.write(lambda t: t.logs.advance(log, other, Cursor(1)))
    shelf.reopen()
    assert shelf.read(lambda v: v.logs.cursors(log)) == {device: Cursor(5, 5), other: Cursor(1)}
    assert shelf.read(lambda v: v.logs.device_cursors(other)) == {log: Cursor(1)}
    assert shelf.read(lambda v: v.logs.cursor(LogId(99), device)) == Cursor()


def test_cursor_of_an_unknown_log_or_device_is_refused(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, 1)])
    for where, who in ((99, 1), (log, 99)):
        with pytest.raises(RecordMissing):
            shelf.write(lambda t, where=where, who=who: t.logs.advance(LogId(where), DeviceId(who), Cursor(1)))


def test_a_read_in_bytes_stops_before_it_is_too_large_and_gives_at_least_one(shelf: Shelf) -> None:
    account = shelf.add_account("ann").id
    log = shelf.create_room("#lab", account).log
    shelf.append([new_entry(log, number, account, content=b"x" * 100) for number in range(1, 11)])

    def after(most_bytes: int) -> list[int]:
        return [entry.sequence for entry in shelf.read(lambda v: v.logs.after(log, 2, 5, most_bytes))]

    def before(most_bytes: int) -> list[int]:
        return [entry.sequence for entry in shelf.read(lambda v: v.logs.before(log, 9, 5, most_bytes))]

    assert [after(size) for size in (0, 299, 300, 10_000)] == [[3], [3, 4], [3, 4, 5], [3, 4, 5, 6, 7]]
    assert [before(size) for size in (0, 299, 300, 10_000)] == [[8], [7, 8], [6, 7, 8], [4, 5, 6, 7, 8]]


def test_a_clock_that_was_far_ahead_does_not_stamp_for_ever(shelf: Shelf, log: LogId) -> None:
    in_2099, now = 4_070_908_800_000, 1_790_000_000_000
    places = shelf.append([new_entry(log, in_2099), new_entry(log, now), new_entry(log, now + 5)])
    assert [each.time_ms for each in places] == [in_2099, now, now + 5]
    assert [each.sequence for each in places] == [1, 2, 3]


def test_a_clock_that_is_set_a_little_back_shows_no_step(shelf: Shelf, log: LogId) -> None:
    places = shelf.append([new_entry(log, 5), new_entry(log, 3)])
    shelf.reopen()
    places += shelf.append([new_entry(log, 4), new_entry(log, 9), new_entry(log, 3)])
    assert [each.time_ms for each in places] == [5, 5, 5, 9, 5]
    assert [each.time_ms for each in shelf.entries(log)] == [5, 5, 5, 9]


def test_what_each_account_has_written_is_counted_once(shelf: Shelf, log: LogId) -> None:
    bob = shelf.add_account("bob").id
    entries = [new_entry(log, 1, content=b"12345"), new_entry(log, 2, account=bob, content=b"1")]
    for _ in range(2):
        shelf.append(entries)
    with pytest.raises(RecordMissing):
        shelf.append([new_entry(99, 3)])
    shelf.reopen()
    assert [shelf.read(lambda v, each=each: v.accounts.message_bytes(each)) for each in (AccountId(1), bob)] == [
        105,
        101,
    ]


def test_when_somebody_last_said_something_is_found_among_the_newest(shelf: Shelf, log: LogId) -> None:
    shelf.add_device(shelf.add_account("bob").id, b"b")
    shelf.append([new_entry(log, 1), new_entry(log, 5), *(new_entry(log, at, account=2, device=2) for at in (6, 7))])
    ann, cyd = AccountId(1), AccountId(3)
    assert shelf.read(lambda v: v.logs.last_said_ms(log, ann, 0, 10)) == 5
    assert shelf.read(lambda v: v.logs.last_said_ms(log, ann, 5, 10)) is None, "not since then"
    assert shelf.read(lambda v: v.logs.last_said_ms(log, ann, 0, 2)) is None, "not among so many"
    assert shelf.read(lambda v: v.logs.last_said_ms(log, cyd, 0, 10)) is None


def test_what_was_brought_once_is_known_in_its_own_log_also_after_a_start(shelf: Shelf, log: LogId) -> None:
    other = shelf.create_room("#crew", AccountId(1)).log
    shelf.write(lambda t: [t.logs.note_carried(log, bytes(16)) for _ in range(2)])
    shelf.reopen()
    assert shelf.read(lambda v: v.logs.has_carried(log, bytes(16)))
    assert not shelf.read(lambda v: v.logs.has_carried(log, b"1" * 16))
    assert not shelf.read(lambda v: v.logs.has_carried(other, bytes(16)))

"""What was handed in is committed together, fails alone, is answered in order, and never before it is on the disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from lanline.errors import InvalidInput, StorageClosed
from lanline.model.accounts import AccountId
from lanline.model.logs import LogId
from lanline.storage.api import Engine, Transaction
from lanline.storage.writer import WriterStore
from storage.shelf import Shelf, new_entry, number_of

LIMIT_S = 60.0


@pytest.fixture
def log(shelf: Shelf) -> LogId:
    return shelf.create_room("#lab", shelf.add_account("ann").id).log


def append(log: LogId, number: int) -> Callable[[Transaction], int]:
    return lambda transaction: transaction.logs.append([new_entry(log, number)])[0].sequence


def test_nothing_is_known_or_seen_before_its_step(shelf: Shelf, log: LogId) -> None:
    ticket = shelf.store.write(append(log, 1))
    batch = shelf.store.collect()
    assert batch is not None
    assert shelf.entries(log) == []
    batch.commit()
    assert len(shelf.entries(log)) == 1
    assert not ticket.is_settled
    with pytest.raises(RuntimeError):
        ticket.result()
    batch.deliver()
    assert ticket.result() == 1
    assert shelf.store.collect() is None


def test_what_comes_during_a_commit_goes_into_the_next(shelf: Shelf, log: LogId) -> None:
    shelf.store.write(append(log, 1))
    batch = shelf.store.collect()
    assert batch is not None
    late = [shelf.store.write(append(log, number)) for number in (2, 3)]
    batch.commit()
    batch.deliver()
    assert not late[0].is_settled
    following = shelf.store.collect()
    assert following is not None
    assert len(following) == 2
    following.commit()
    following.deliver()
    assert [ticket.result() for ticket in late] == [2, 3]


def test_reader_in_the_middle_of_a_transaction_sees_nothing_of_it_and_does_not_wait(shelf: Shelf, log: LogId) -> None:
    def work(transaction: Transaction) -> int:
        transaction.logs.append([new_entry(log, 1)])
        return len(shelf.entries(log))

    assert shelf.write(work) == 0
    assert len(shelf.entries(log)) == 1


def test_view_sees_one_state_while_others_commit(shelf: Shelf, log: LogId) -> None:
    shelf.append([new_entry(log, 1)])
    seen: list[int] = []

    def look(view: object) -> None:
        seen.append(len(view.logs.after(log, 0, 10)))
        shelf.append([new_entry(log, 2)])
        seen.append(len(view.logs.after(log, 0, 10)))

    shelf.read(look)
    assert seen == [1, 1]
    assert len(shelf.entries(log)) == 2


def test_crash_before_the_commit_leaves_nothing_and_after_it_everything(shelf: Shelf, log: LogId) -> None:
    for number, is_committed in ((1, False), (2, True)):
        ticket = shelf.store.write(append(log, number))
        batch = shelf.store.collect()
        assert batch is not None
        if is_committed:
            batch.commit()
        shelf.reopen()
        assert not ticket.is_settled
        assert [entry.time_ms for entry in shelf.entries(log)] == ([number] if is_committed else [])
    assert shelf.write(append(log, 2)) == 1
    assert shelf.write(append(log, 1)) == 2


def test_one_that_fails_fails_alone_and_is_undone(shelf: Shelf, log: LogId) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.logs.append([new_entry(log, 2), new_entry(log, 3)])
        transaction.accounts.add("bob", 1, is_admin=False, password_hash=None)
        raise KeyError("bob")

    works: list[Callable[[Transaction], object]] = [append(log, 1), fail, append(log, 4)]
    tickets = [shelf.store.write(work) for work in works]
    shelf.store.flush()
    assert tickets[0].result() == 1
    assert isinstance(tickets[1].problem, KeyError)
    with pytest.raises(KeyError):
        tickets[1].result()
    assert tickets[2].result() == 2
    assert [entry.time_ms for entry in shelf.entries(log)] == [1, 4]
    assert shelf.read(lambda v: v.accounts.by_name("bob")) is None


def test_answers_come_in_order_and_a_bad_listener_takes_none_away(shelf: Shelf, log: LogId) -> None:
    heard: list[int] = []
    for number in range(1, 6):
        ticket = shelf.store.write(append(log, number))
        if number == 2:
            ticket.when_settled(lambda _: 1 // 0)
        ticket.when_settled(lambda ticket: heard.append(ticket.result()))
    with pytest.raises(ExceptionGroup) as problems:
        shelf.store.flush()
    assert problems.group_contains(ZeroDivisionError)
    assert heard == [1, 2, 3, 4, 5]
    ticket.when_settled(lambda ticket: heard.append(ticket.result()))
    assert heard[-1] == 5


def test_close_writes_what_was_handed_in_and_takes_no_more(shelf: Shelf, log: LogId) -> None:
    ticket = shelf.store.write(append(log, 1))
    shelf.store.close()
    assert ticket.result() == 1
    with pytest.raises(StorageClosed):
        shelf.store.write(append(log, 2))
    with pytest.raises(StorageClosed):
        shelf.entries(log)
    shelf.reopen()
    assert len(shelf.entries(log)) == 1


def test_writer_thread_answers_on_the_event_loop(open_engine: Callable[[Path], Engine], tmp_path: Path) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        store = WriterStore(open_engine(tmp_path), loop.call_soon_threadsafe)
        ann = await store.write(lambda t: t.accounts.add("ann", 1, is_admin=False, password_hash=None))
        log = (await store.write(lambda t: t.rooms.open_direct(ann.id, ann.id))).log
        threads: list[int] = []
        tickets = [store.write(append(log, number)) for number in range(1, 101)]
        tickets[-1].when_settled(lambda _: threads.append(threading.get_ident()))

        async def wait(number: int) -> int:
            return await tickets[number]

        async with asyncio.timeout(LIMIT_S):
            results = await asyncio.gather(*(wait(number) for number in range(100)))
            with pytest.raises(InvalidInput):
                await store.write(lambda t: t.logs.append([new_entry(log, 101, content=b"")]))
        assert threads == [threading.get_ident()]
        assert await tickets[0] == 1
        store.close()
        return results

    assert asyncio.run(main()) == list(range(1, 101))


def test_writer_thread_commits_together_what_came_while_it_was_busy(
    open_engine: Callable[[Path], Engine], tmp_path: Path
) -> None:
    batches: list[int] = []
    done = threading.Event()
    gate, started = threading.Event(), threading.Event()

    def hand_over(deliver: Callable[[], None]) -> None:
        batches.append(len(deliver.__self__))
        deliver()

    def block(transaction: Transaction) -> None:
        started.set()
        assert gate.wait(LIMIT_S)

    store = WriterStore(open_engine(tmp_path), hand_over)
    store.write(block)
    assert started.wait(LIMIT_S)
    for number in range(20):
        store.write(lambda t, number=number: t.settings.put(f"s{number}", b"x"))
    store.write(lambda t: None).when_settled(lambda _: done.set())
    gate.set()
    assert done.wait(LIMIT_S)
    store.close()
    assert batches == [1, 21]


def test_appends_of_many_threads_stand_dense_and_in_their_own_order(
    open_engine: Callable[[Path], Engine], tmp_path: Path
) -> None:
    handed_over: SimpleQueue[Callable[[], None]] = SimpleQueue()
    store = WriterStore(open_engine(tmp_path), handed_over.put)
    store.write(lambda t: t.accounts.add("ann", 1, is_admin=False, password_hash=None))
    opened = store.write(lambda t: t.rooms.open_direct(AccountId(1), AccountId(1)))
    while not opened.is_settled:
        handed_over.get(timeout=LIMIT_S)()
    log = opened.result().log

    def say(account: int) -> None:
        for number in range(100):
            store.write(lambda t, n=number: t.logs.append([new_entry(log, n, account), new_entry(log, n, account)]))
            store.read(lambda v: v.logs.after(log, 0, 10)).result()

    threads = [threading.Thread(target=say, args=(account,)) for account in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    shelf = Shelf(open_engine, tmp_path)
    entries = shelf.entries(log)
    shelf.store.close()
    assert [entry.sequence for entry in entries] == list(range(1, 401))
    for account in range(4):
        assert [number_of(entry) for entry in entries if entry.account == account] == list(range(100))


def test_writer_outlives_a_loop_that_is_gone(
    open_engine: Callable[[Path], Engine], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    store = WriterStore(open_engine(tmp_path), loop.call_soon_threadsafe)
    store.write(lambda t: t.settings.put("a", b"1"))
    store.write(lambda t: t.settings.put("b", b"2"))
    store.close()
    assert "could not be handed over" in caplog.text
    shelf = Shelf(open_engine, tmp_path)
    assert shelf.read(lambda v: (v.settings.get("a"), v.settings.get("b"))) == (b"1", b"2")
    shelf.store.close()

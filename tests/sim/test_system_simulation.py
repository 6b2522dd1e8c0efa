"""Some dozens of seeds; that a seed is one world; and that each promise, broken on purpose, is noticed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lanline.client.chat.history import History, OutboxRow, OutboxRows
from lanline.client.chat.outbox import Outbox
from lanline.core import changes
from lanline.core.appends import Appends
from lanline.gateways.lanline.catchup import CatchUp
from lanline.gateways.lanline.followers import Followers
from lanline.model.accounts import DeviceId
from lanline.model.logs import Appended, Cursor, LogId, NewEntry
from lanline.storage.sqlite.logs import SqliteLogs
from lanline.testing.trace import first_difference
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.entries import LogEntry
from sim.run import run_system_seed
from sim.system.disk import Database
from sim.system.ledger import PromiseBroken
from sim.system.scenario import SystemScenario

SEEDS_IN_CI = 16
SEEDS_TO_NOTICE = 60


@pytest.mark.parametrize("block", range(SEEDS_IN_CI // 8))
def test_no_seed_breaks_a_promise(block: int) -> None:
    problems = [run_system_seed(seed) for seed in range(block * 8, block * 8 + 8)]
    assert [f"seed {seed}: {problem}" for seed, _, problem in problems if problem] == []


def test_the_same_seed_gives_identical_datagrams() -> None:
    first, second = SystemScenario(5, keep_records=True).run(), SystemScenario(5, keep_records=True).run()
    assert first.figures == second.figures
    assert first.figures[0] > 0
    assert first.network.trace.records
    assert first_difference(first.network.trace.records, second.network.trace.records or []) is None


def test_another_seed_gives_other_datagrams() -> None:
    assert SystemScenario(5).run().network.trace.digest() != SystemScenario(6).run().network.trace.digest()


def expect_noticed(words: str, *, first: int) -> None:
    """One fault shows in more than one way: so many stories are told until one shows it in this.

    `first` is the story that soon does.
    """
    others: set[str] = set()
    for seed in range(first, first + SEEDS_TO_NOTICE):
        told = told_of(seed)
        if re.search(words, told):
            return
        others.add(told[:80])
    pytest.fail(f"nobody noticed; but: {sorted(others)}")


def told_of(seed: int) -> str:
    try:
        SystemScenario(seed).run()
    except PromiseBroken as broken:
        return str(broken)
    return ""


def test_an_acknowledgement_before_the_commit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in = Appends._hand_in

    def acknowledge_at_once(appends: Appends) -> None:
        for entry, (author, tag) in zip(appends._waiting.entries, appends._waiting.senders, strict=True):
            author.committed([(tag, Appended(1, entry.time_ms))])
        hand_in(appends)

    monkeypatch.setattr(Appends, "_hand_in", acknowledge_at_once)
    expect_noticed("is said to be", first=4)


def test_a_disk_that_does_not_sync_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    note_synced = Database.note_synced

    def note_once(database: Database) -> None:
        if database._synced[1] == 0:
            note_synced(database)

    monkeypatch.setattr(Database, "note_synced", note_once)
    expect_noticed("after a crash has|was acknowledged|went back|has gone", first=4)


def test_a_repeat_that_is_taken_for_new_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    append, chance = SqliteLogs._append, random.Random(1)

    def forget_the_id(logs: SqliteLogs, entry: NewEntry, *rest: Any) -> Appended:
        return append(logs, msgspec.structs.replace(entry, entry_id=chance.randbytes(16)), *rest)

    monkeypatch.setattr(SqliteLogs, "_append", forget_the_id)
    expect_noticed("twice", first=8)


def test_an_entry_that_one_follower_is_not_sent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Followers.publish

    def skip_one(followers: Followers[object], change: changes.Appended) -> tuple[int, list[object]]:
        live = followers._live.get(change.log)
        if live is None or len(live.sends) < 2:
            return publish(followers, change)
        skipped, send = live.sends.popitem()
        told = publish(followers, change)
        live.sends[skipped] = send
        return told

    monkeypatch.setattr(Followers, "publish", skip_one)
    expect_noticed("after the weather has cleared", first=7)


def test_an_entry_that_a_device_does_not_keep_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    add_entries = History.add_entries

    def lose_one(history: History, log: int, entries: Sequence[LogEntry], *rest: Any) -> None:
        add_entries(history, log, entries[1:] if len(entries) > 2 else entries, *rest)

    monkeypatch.setattr(History, "add_entries", lose_one)
    expect_noticed("and says|after", first=4)


def test_two_appends_in_the_other_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = OutboxRows.waiting
    monkeypatch.setattr(OutboxRows, "waiting", lambda rows, after, limit: waiting(rows, after, limit)[::-1])
    expect_noticed("was typed earlier", first=5)


def test_a_message_that_is_refused_in_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(outbox: Outbox, message: Refused) -> None:
        row = outbox._take(message.request)
        if row is not None:
            outbox._rows.refuse(row.entry_id, message.known_code, "")
            outbox._rows.forget(row.entry_id)

    monkeypatch.setattr(Outbox, "on_refused", drop)
    expect_noticed("has vanished|is said to be|acknowledged and is lost", first=4)


def test_an_outbox_that_never_goes_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "_on_pause_over", lambda outbox: None)
    expect_noticed("messages queued", first=4)


def test_an_outbox_that_forgets_over_a_crash_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep_in_memory(rows: OutboxRows, row: OutboxRow) -> OutboxRow:
        return msgspec.structs.replace(row, position=1)

    monkeypatch.setattr(OutboxRows, "add", keep_in_memory)
    expect_noticed("has vanished", first=1)


def test_a_cursor_that_goes_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = SqliteLogs.advance

    def halve(logs: SqliteLogs, log: LogId, device: DeviceId, cursor: Cursor) -> Cursor:
        moved = advance(logs, log, device, cursor)
        logs._connection.execute("UPDATE cursors SET delivered = delivered / 2 WHERE device != ?", (device,))
        return moved

    monkeypatch.setattr(SqliteLogs, "advance", halve)
    expect_noticed("went back|by nobody", first=1)


def test_a_cursor_that_is_told_before_it_moves_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteLogs, "advance", lambda logs, log, device, cursor: cursor)
    expect_noticed("by nobody", first=1)


def test_a_failure_that_nobody_is_told_of_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CatchUp, "_chunk", lambda catch_up, conversation, position: 1 // 0)
    expect_noticed("complained in its log", first=1)

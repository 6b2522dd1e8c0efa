"""A log that is read from its end, page by page, comes to the same as one that is read from its beginning."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from lanline.chain.reasons import Reason
from lanline.client.chat import following
from lanline.client.chat.catchup import intake
from lanline.client.view.values import Unreadable
from lanline.model.content import Text
from lanline.storage.api import Transaction
from unit.client.chat.sealed.test_sealed_outbox import said, say
from unit.client.chat.village import Home, Process, Village


def log_of(process: Process) -> int:
    track = process.node.conversations.titled("#lobby")
    assert track is not None
    return track.shown.log


def started(village: Village, home: Home) -> Process:
    process = Process(home)
    home.processes = [process]
    if home not in village.homes:
        village.homes.append(home)
    village.rest_until(lambda: process.member.is_settled and process.member.is_current)
    return process


def change(village: Village, work: Callable[[sqlite3.Connection], object]) -> None:
    """By whoever rules the server's disk."""

    def do(transaction: Transaction) -> None:
        work(transaction.groups._connection)  # type: ignore[attr-defined]

    assert village.house.engine.transact([do]) == [None]


def show_again(connection: sqlite3.Connection, log: int, at: int) -> None:
    """At the end of the log."""
    connection.execute("DROP INDEX IF EXISTS ix_entries_entry_id")
    rest = "entry_id, account, device, time_ms, suite, content"
    connection.execute(
        f"INSERT INTO entries SELECT log, (SELECT max(sequence) + 1 FROM entries WHERE log = ?1), {rest} "
        "FROM entries WHERE log = ?1 AND sequence = ?2",
        (log, at),
    )
    connection.execute("UPDATE logs SET head = head + 1 WHERE id = ?", (log,))


def swap(connection: sqlite3.Connection, log: int, one: int, other: int) -> None:
    for before, after in ((one, 0), (other, one), (0, other)):
        connection.execute("UPDATE entries SET sequence = ? WHERE log = ? AND sequence = ?", (after, log, before))


def shown(process: Process) -> list[str]:
    found = process.node.messages(log_of(process), last=1000)
    return [
        each.content.text if isinstance(each.content, Text | Unreadable) else ""
        for each in found
        if isinstance(each.content, Text | Unreadable)
    ]


def test_page_without_its_past_is_judged_the_same(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server shows the words of somebody who has gone above words that say so, and others a second time."""
    ann, ben, _ = (home.processes[0] for home in village.homes)
    eve_home, whole, paged = (village.add_member(name) for name in ("eve", "whole", "paged"))
    say(ann, "#lobby", "hello")
    eve = started(village, eve_home)
    say(eve, "#lobby", "I was here")
    say(eve, "#lobby", "pay eve")
    village.rest_until(lambda: len(said(ben, "#lobby")) == 3)
    eve.crash()
    village.homes.remove(eve_home)
    removed = ann.member.changes.remove([eve_home.account_id])
    village.rest_until(lambda: removed.is_settled)
    say(ann, "#lobby", "eve is out")
    village.rest_until(lambda: len(said(ben, "#lobby")) == 4)
    places = [each.sequence for each in ben.node.messages(log_of(ben), last=1000) if each.is_said]
    hello, _, pay, out = places
    log = log_of(ben)
    for home in village.homes:
        for process in home.processes:
            process.crash()
        home.processes = []
    village.homes.clear()
    change(village, lambda connection: swap(connection, log, pay, out))
    change(village, lambda connection: show_again(connection, log, hello))
    village.restart_server()
    for home in (whole, paged):
        home.path.unlink()
        home.delivered.clear()
    reader = started(village, whole)
    ended, repeated = (_doubted(reason) for reason in (Reason.ENDED, Reason.KNOWN_ID))
    village.rest_until(lambda: len(shown(reader)) == 5)
    judged = ["hello", "I was here", "eve is out", ended, repeated]
    assert shown(reader) == judged
    monkeypatch.setattr(following, "FETCHED_AT_FIRST", 2)
    late = started(village, paged)
    village.rest_until(lambda: shown(late) == ["pay eve", "hello"])
    while (track := late.node.conversations.titled("#lobby")) is not None and track.shown.first:
        first = track.shown.first
        late.node.reader.read_earlier(log, 1)
        village.rest_until(lambda: track.shown.first < first)  # noqa: B023 -- waited for in this turn
    assert shown(late) == judged
    late.crash()
    again = started(village, paged)
    assert shown(again) == judged


def _doubted(reason: Reason) -> str:
    return f"(not shown, for nobody could know whose words these are: {reason.value})"


@pytest.mark.parametrize("at_once", [1, 1000])
@pytest.mark.parametrize("is_kept_back", [False, True])
def test_words_that_cannot_be_read_stand_for_no_others_that_the_server_keeps_back(
    village: Village, monkeypatch: pytest.MonkeyPatch, *, is_kept_back: bool, at_once: int
) -> None:
    """It changes the key that one says it is under, and keeps back another, later one of the same run."""
    late = village.add_member("late")
    ann = village.homes[0].processes[0]
    for number in range(5):
        say(ann, "#lobby", f"ann {number}")
        village.rest_until(lambda number=number: f"ann {number}" in said(ann, "#lobby"))  # type: ignore[misc]
    log, places = log_of(ann), [each.sequence for each in ann.node.messages(log_of(ann), last=1000) if each.is_said]
    for process in village.all_processes():
        process.crash()
    village.homes.clear()
    renamed = "UPDATE entries SET content = CAST(?1 || substr(content, ?2) AS BLOB) WHERE log = ?3 AND sequence = ?4"
    change(village, lambda connection: connection.execute(renamed, (b"\1" + bytes(16), 18, log, places[1])))
    if is_kept_back:
        change(village, lambda connection: connection.execute(renamed, (b"\1" + bytes(48), 50, log, places[3])))
    village.restart_server()
    monkeypatch.setattr(intake, "_TAKEN_AT_ONCE", at_once)
    reader = started(village, late)
    village.rest_until(lambda: len(shown(reader)) == 5)
    village.rest()
    missing = [each for each in late.warnings if "said before in #lobby did not come" in each]
    assert len(missing) == is_kept_back

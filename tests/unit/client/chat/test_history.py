"""The file of a home: crashes between any two steps, several processes, and files that are not what they should be."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from msgspec import structs

from lanline.client.chat.history import History, OutboxRow, Sent
from lanline.client.chat.restored import lost
from lanline.client.view import events
from lanline.errors import CloseCode, HistoryProblem, ProtocolViolation, RefusalCode
from lanline.model.content import Text
from lanline.proto.events import LinkClosed
from lanline.wire.chat.entries import Append, LogEntry
from lanline.wire.chat.offers import MAX_CARRIED_BYTES
from unit.client.chat.stage import ANN, BEN, LAB, Stage, entry, lab, said


class Gone(BaseException):
    pass


def crash_at(history: History, point: str) -> None:
    def reach(reached: str) -> None:
        if reached == point:
            raise Gone

    history.crash_point = reach


@pytest.mark.parametrize(("point", "is_kept"), [("begin", False), ("commit", False), ("committed", True)])
def test_a_crash_while_typing_leaves_all_of_it_or_nothing(point: str, is_kept: bool) -> None:
    stage = Stage()
    stage.connect(lab()).die()
    crash_at(stage.history, point)
    with pytest.raises(Gone):
        stage.say("#lab", Text("hello"))
    stage.restart()
    assert len(stage.connect(lab()).take(Append)) == is_kept


@pytest.mark.parametrize("shown", [
    entry(1, BEN), structs.replace(entry(1, BEN), entry_id=b"m" * 16),
    structs.replace(entry(1, ANN), entry_id=b"m" * 16, suite="doubted"),
])  # fmt: skip
def test_what_is_said_to_stand_where_something_else_stands_stays_in_the_outbox(shown: LogEntry) -> None:
    history = History.in_memory()
    history.outbox.add(OutboxRow(0, b"m" * 16, LAB, "#lab", "plain", b"mine", 1))
    history.add_entries(LAB, [shown], ANN)
    with pytest.raises(ProtocolViolation):
        history.add_sent([Sent(LAB, structs.replace(entry(1, ANN), entry_id=b"m" * 16), None)])
    assert [row.entry_id for row in history.outbox.all()] == [b"m" * 16]


@pytest.mark.parametrize(("point", "delivered"), [("begin", 0), ("commit", 0), ("committed", 3)])
def test_entries_and_their_cursor_are_written_together(point: str, delivered: int) -> None:
    stage = Stage()
    link = stage.connect(lab(head=3))
    crash_at(stage.history, point)
    with pytest.raises(Gone):
        link.say(said(LAB, 1, 2, 3))
    assert not stage.heard(events.EntriesReceived)
    stage.restart()
    assert stage.node.conversations.all[0].delivered == delivered
    assert len(stage.node.messages(LAB)) == delivered


@pytest.mark.parametrize(("point", "waits"), [("begin", 1), ("commit", 1), ("committed", 0)])
def test_a_committed_message_is_in_the_outbox_or_in_the_history_and_never_in_both(point: str, waits: int) -> None:
    stage = Stage()
    link = stage.connect(lab())
    stage.say(LAB, Text("hello"))
    crash_at(stage.history, point)
    with pytest.raises(Gone):
        link.commit(*link.take(Append), after=0)
    stage.restart()
    assert len(stage.node.outbox.messages) == waits
    assert len(stage.node.messages(LAB)) == 1


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    History.open(tmp_path / "chat.db").close()
    assert stat.S_IMODE((tmp_path / "chat.db").stat().st_mode) == 0o600


def test_it_is_synced_at_every_commit(tmp_path: Path) -> None:
    history = History.open(tmp_path / "chat.db")
    read = history.database.read
    assert (read("PRAGMA journal_mode"), read("PRAGMA synchronous")) == ([("wal",)], [(2,)])
    history.close()


def test_positions_are_never_given_twice_over_restarts_and_requeueing(tmp_path: Path) -> None:
    positions = []
    for n in range(3):
        history = History.open(tmp_path / "chat.db")
        positions.append(history.outbox.add(OutboxRow(0, bytes([n]) * 16, None, "#lab", "plain", b"x", 1)).position)
        history.close()
    history = History.open(tmp_path / "chat.db")
    history.outbox.refuse(bytes(16), RefusalCode.MUTED, "no")
    assert history.outbox.requeue(bytes(16))
    row = history.outbox.find(bytes(16))
    assert row is not None
    positions.append(row.position)
    positions.append(history.outbox.add(OutboxRow(0, b"z" * 16, None, "#lab", "plain", b"x", 1)).position)
    assert positions == sorted(set(positions))
    history.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(HistoryProblem, match="newer"):
        History.open(path)


def test_a_damaged_file_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(HistoryProblem, match="damaged"):
        History.open(path)


def test_what_is_told_of_a_file_whose_path_is_no_utf8_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.db")
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(HistoryProblem, match="caf�") as told:
        History.open(path)
    assert str(told.value).encode()


def test_a_folder_in_its_place_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "chat.db").mkdir()
    with pytest.raises(HistoryProblem, match=r"chat\.db"):
        History.open(tmp_path / "chat.db")


def say_often(stage: Stage, text: str) -> None:
    for _ in range(10):
        stage.say(LAB, Text(text))


def test_a_full_disk_refuses_what_is_typed_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    history = History.open(tmp_path / "chat.db")
    stage = Stage(history=history)
    link = stage.connect(lab(head=3))
    pages = history.database.read("PRAGMA page_count")[0][0]
    history.database.read(f"PRAGMA max_page_count = {pages}")
    large = "x" * 50_000
    with pytest.raises(HistoryProblem, match="no room"):
        say_often(stage, large)
    link.say(said(LAB, 1).__class__(LAB, (entry(1, BEN, large),)))
    assert "no room" in stage.heard(events.HistoryFailed)[0].text
    # The server learns nothing of this device's folders.
    assert link.closed == LinkClosed(CloseCode.GOING_AWAY, "", by_peer=False)
    with pytest.raises(HistoryProblem, match="disk is full"):
        history.database.check_room()
    history.database.read("PRAGMA max_page_count = 100000")
    history.database.check_room()
    again = stage.connect(lab(head=3))
    again.say(said(LAB, 1, 2, 3))
    assert [message.sequence for message in stage.node.messages(LAB) if message.sequence] == [1, 2, 3]
    history.close()


def test_of_what_came_sealed_so_many_are_kept_as_they_came_and_none_that_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost, "_MAX_SEALED_KEPT", 3)
    history = History.in_memory()
    sizes = (10, 20, 30, MAX_CARRIED_BYTES + 1, 40)
    came = [structs.replace(entry(at), suite="said/1", content=bytes(size)) for at, size in enumerate(sizes, 1)]
    came.append(structs.replace(entry(6), suite="plain"))
    history.add_entries(LAB, came, 0, None, lost.may_be_brought(came))
    kept = history.database.read("SELECT sequence, length(said) FROM sealed_words ORDER BY position")
    assert kept == [(2, 20), (3, 30), (5, 40)]


def test_what_stands_at_a_place_that_the_server_gave_to_ones_own_is_shown_and_the_own_is_set_aside() -> None:
    """The server was put back and does not say so."""
    history = History.in_memory()
    history.begin(LAB, 0)
    own, other = entry(1, ANN, "mine", b"m" * 16), entry(1, BEN, "theirs", b"t" * 16)
    history.add_sent([Sent(LAB, own)])
    history.add_entries(LAB, [other], ANN)
    assert history.entries(LAB, None, 9) == [other]
    [aside] = lost.LostEntries(history.database).entries()
    assert aside.entry == structs.replace(own, device=own.account)

"""What is written in a thread of its own is on the disk when that is told; what goes wrong there is told too."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lanline.client.chat.catchup.storing import StoringInThread
from lanline.client.chat.history import History
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.asking import Asked
from lanline.client.view import events
from lanline.errors import HistoryProblem
from lanline.model.content import Text
from lanline.wire.chat.conversations import ConversationChanged, ConversationGone
from lanline.wire.chat.entries import Append, Follow, LogEntry, ReadBefore
from unit.client.chat.stage import ANN_AND_BEN, LAB, PlayedLink, Stage, direct, lab, said


def put_fact(name: str) -> Callable[[History], None]:
    return lambda history: history.put_facts(**{name: 1})


def test_what_is_told_as_written_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    mine = History.open(path)

    async def main() -> None:
        storing = StoringInThread(path)
        ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        storing.begin(put_fact("one"), ended.set_result)
        assert await ended is None
        assert mine.facts()["one"] == 1
        told: list[BaseException | None] = []
        storing.begin(put_fact("two"), told.append)
        storing.wait()
        assert told == [None]
        assert mine.facts()["two"] == 1
        await asyncio.sleep(0)
        assert told == [None]
        storing.close()

    asyncio.run(main())
    mine.close()


def test_another_program_that_looks_into_the_file_takes_nothing_of_it_away(tmp_path: Path) -> None:
    """Who closes it as the last one, as SQLite sees it, deletes what is not in the main file yet."""
    path = tmp_path / "chat.db"
    look = f"import sqlite3; sqlite3.connect({str(path)!r}).execute('SELECT * FROM facts').close()"
    mine, of_the_thread = History.open(path), History.open(path)
    mine.put_facts(one=1)
    subprocess.run([sys.executable, "-c", look], check=True)
    mine.put_facts(two=1)
    of_the_thread.put_facts(three=1)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))  # as kill -9 leaves it
    assert {"one", "two", "three"} <= set(History.open(copy / "chat.db").facts())
    mine.close()
    of_the_thread.close()


def test_what_keeps_it_from_the_disk_is_told(tmp_path: Path) -> None:
    async def main() -> list[BaseException | None]:
        storing = StoringInThread(tmp_path / "nowhere" / "chat.db")
        told: list[BaseException | None] = []
        storing.begin(put_fact("one"), told.append)
        storing.wait()
        storing.close()
        return told

    [problem] = asyncio.run(main())
    assert isinstance(problem, HistoryProblem)


class Slow:
    """A disk that the test turns."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.problem: BaseException | None = None
        self.under_way: list[tuple[Callable[[History], None], Callable[[BaseException | None], None]]] = []

    def begin(self, work: Callable[[History], None], on_end: Callable[[BaseException | None], None]) -> None:
        assert not self.under_way
        self.under_way.append((work, on_end))

    def wait(self, problem: BaseException | None = None) -> None:
        problem = problem or self.problem
        for work, on_end in [self.under_way.pop()] if self.under_way else []:
            try:
                if problem is None:
                    work(self.history)
            except HistoryProblem as full:
                problem = full
            on_end(problem)


def behind(head: int) -> tuple[Stage, Slow, PlayedLink]:
    """A node that catches up in a room, and whose disk the test turns."""
    stage = Stage()
    slow = Slow(stage.history)
    stage.node.reader._intake._storing = slow
    link = stage.connect(lab(head))
    stage.told = []
    return stage, slow, link


def numbers(stage: Stage) -> list[int]:
    return [message.sequence for event in stage.heard(events.EntriesReceived) for message in event.messages]


def test_nothing_is_told_before_it_is_written_and_what_came_meanwhile_is_written_together() -> None:
    stage, slow, link = behind(9)
    for places in ((1, 2), (3, 4), (5, 6)):
        link.say(said(LAB, *places))
    assert numbers(stage) == []
    slow.wait()
    assert numbers(stage) == [1, 2]
    assert stage.node.conversations[LAB].shown.delivered == 2
    slow.wait()
    assert numbers(stage) == [3, 4, 5, 6]
    link.say(said(LAB, 7, 8, 9))
    assert not stage.heard(events.CaughtUp)
    slow.wait()
    assert len(stage.heard(events.CaughtUp)) == 1
    assert [each.sequence for each in stage.history.entries(LAB, None, 20)] == list(range(1, 10))


def test_what_was_on_its_way_to_the_disk_arrives_there_when_the_link_ends() -> None:
    stage, _, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3, 4))
    link.die()
    assert numbers(stage) == [1, 2, 3, 4]
    assert stage.node.conversations[LAB].shown.delivered == 4


def test_a_gap_after_what_is_not_written_yet_ends_the_link() -> None:
    stage, _, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 4))
    assert link.closed is not None
    assert numbers(stage) == [1, 2]


def test_a_full_disk_ends_the_link_and_nothing_counts_as_here() -> None:
    stage, slow, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3))
    slow.wait(HistoryProblem("The disk is full."))
    assert link.closed is not None
    assert [event.text for event in stage.heard(events.HistoryFailed)] == ["The disk is full."]
    assert numbers(stage) == []
    assert stage.node.conversations[LAB].shown.delivered == 0


@pytest.mark.parametrize("is_bulk", [True, False])
def test_nothing_is_written_behind_what_could_not_be(is_bulk: bool) -> None:
    """What was dropped would never be asked for again."""
    stage, slow, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3))
    if is_bulk:
        slow.wait(HistoryProblem("The disk is full."))
    slow.problem = HistoryProblem("The disk is full.")
    track = stage.node.conversations[LAB]
    later = list(said(LAB, 4).entries)
    stage.node.reader._intake.take(track, later, later, is_bulk=is_bulk)
    assert link.closed is not None
    assert track.shown.delivered == 0
    assert stage.history.entries(LAB, None, 20) == []


def test_large_pages_are_opened_together_and_soon_where_no_more_comes() -> None:
    stage, slow, link = behind(1000)
    link.say(said(LAB, *range(1, 201)))
    link.say(said(LAB, *range(201, 401)))
    assert not slow.under_way
    stage.clock.turn(0.1)
    slow.wait()
    assert numbers(stage) == list(range(1, 401))
    link.say(said(LAB, *range(401, 1001)))
    stage.clock.turn(0.0)
    slow.wait()
    slow.wait()
    assert len(stage.heard(events.CaughtUp)) == 1


def test_the_small_rest_of_a_page_is_opened_with_what_comes_behind_it_while_others_are_being_opened() -> None:
    stage = Stage()
    link, pages, opened = stage.connect(lab(6000)), stage.node.reader._pages, list[int]()
    open_ahead = pages._open_ahead

    def counted(log: int, entries: Sequence[LogEntry], ahead: Ahead) -> Iterator[Asked | None]:
        opened.append(len(entries))
        return open_ahead(log, entries, ahead)

    pages._open_ahead = counted
    for first, last in ((1, 2000), (2001, 2050), (2051, 2500)):
        link.say(said(LAB, *range(first, last + 1)))
    while len(numbers(stage)) < 2500:
        stage.clock.turn(0.1)
    assert opened == [2000, 500]


def test_what_somebody_says_in_a_long_catch_up_waits_for_no_more_than_a_few_entries() -> None:
    stage = Stage()
    link = stage.connect(lab(6000))
    taken: list[int] = []
    for start in range(1, 6001, 200):
        link.say(said(LAB, *range(start, start + 200)))
    while sum(taken) < 6000:
        stage.say(LAB, Text("hello"))
        assert link.take(Append), "said at once"
        stage.clock.ring_all()
        taken.append(len(numbers(stage)))
    assert max(taken) <= 400


def test_who_comes_back_to_a_room_on_the_same_link_reads_on_behind_what_was_on_its_way() -> None:
    stage = Stage()
    link = stage.connect(lab(2000))
    link.say(said(LAB, *range(1, 1001)))
    link.say(said(LAB, *range(1001, 1501)))
    link.say(ConversationGone(LAB, "left"))
    link.say(ConversationChanged(lab(2000)))
    assert link.take(Follow)[-1] == Follow(LAB, 1500)
    link.say(said(LAB, *range(1501, 2001)))
    stage.clock.turn(0.1)
    assert link.closed is None
    assert numbers(stage) == list(range(1, 2001))


def test_what_waits_to_be_opened_when_the_link_ends_comes_again() -> None:
    stage = Stage()
    link = stage.connect(lab(2000))
    link.say(said(LAB, *range(1, 1001)))
    stage.clock.ring_all()
    stage.clock.ring_all()
    assert 0 < stage.node.conversations[LAB].shown.delivered < 1000
    link.die()
    there = stage.node.conversations[LAB].shown.delivered
    link = stage.connect(lab(2000))
    assert link.take(Follow)[-1] == Follow(LAB, there)
    link.say(said(LAB, *range(there + 1, 2001)))
    stage.clock.turn(0.1)
    assert numbers(stage) == list(range(1, 2001))


def test_what_is_live_in_one_log_waits_for_what_is_under_way_and_not_for_all_that_came_of_others() -> None:
    stage = Stage()
    slow = Slow(stage.history)
    stage.node.reader._intake._storing = slow
    link = stage.connect(lab(9), direct())
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3, 4))
    stage.told = []
    link.say(said(ANN_AND_BEN, 1))
    told = [(event.log, [each.sequence for each in event.messages]) for event in stage.heard(events.EntriesReceived)]
    assert told == [(LAB, [1, 2]), (ANN_AND_BEN, [1])]
    slow.wait()
    assert numbers(stage) == [3, 4]
    link.say(said(LAB, 5, 6, 7))
    link.say(said(LAB, 8, 9))
    slow.wait()
    slow.wait()
    link.say(said(LAB, 10))
    assert [each.sequence for each in stage.history.entries(LAB, None, 20)] == list(range(1, 11))


def test_what_is_live_comes_after_what_came_of_the_same_log_before() -> None:
    stage, slow, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3, 4))
    track = stage.node.conversations[LAB]
    later = list(said(LAB, 5).entries)
    stage.node.reader._intake.take(track, later, later, is_bulk=False)
    assert numbers(stage) == [1, 2, 3, 4, 5]
    assert not slow.under_way


def test_a_full_disk_while_others_wait_leaves_nothing_half_done() -> None:
    stage = Stage()
    slow = Slow(stage.history)
    stage.node.reader._intake._storing = slow
    link = stage.connect(lab(9), direct())
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3, 4))

    def full(point: str) -> None:
        if point == "begin" and not slow.under_way and stage.node.conversations[LAB].shown.delivered == 2:
            raise HistoryProblem("The disk is full.")

    stage.history.crash_point = full
    link.say(said(ANN_AND_BEN, 1))
    assert link.closed is not None
    stage.history.crash_point = None
    again = stage.connect(lab(9), direct(head=1))
    follows = {each.log: each.after for each in again.take(Follow)}
    assert follows[ANN_AND_BEN] == 0
    again.say(said(LAB, *range(follows[LAB] + 1, 10)))
    slow.wait()
    assert [each.sequence for each in stage.history.entries(LAB, None, 20)] == list(range(1, 10))


def test_what_is_on_its_way_to_the_disk_when_the_server_turns_out_to_be_restored_is_compared_too() -> None:
    stage, _, link = behind(9)
    link.say(said(LAB, 1, 2))
    link.say(said(LAB, 3, 4))
    stage.epoch = b"n" * 16
    other = stage.connect(lab(9))
    assert [(asked.log, asked.before) for asked in other.take(ReadBefore)] == [(LAB, 5)]
    assert not other.take(Follow)

"""What was said before is known when it is shown again: on the disk, on its way there, or in the same page."""

from __future__ import annotations

import os
from typing import cast

import msgspec
import pytest

from lanline.client.chat.history import History
from lanline.client.chat.sealed.content import seal
from lanline.client.chat.sealed.opening import StruckWords, _is_for_programs
from lanline.client.sealing.tables import GroupTables
from lanline.client.sealing.words import GroupWords
from lanline.model.content import Content, KnownPerson, Note, Report, Text, Topic
from lanline.wire.chat.entries import LogEntry

LOG = 7


def entry(place: int, entry_id: int, account: int = 1) -> LogEntry:
    return LogEntry(place, entry_id.to_bytes(16, "big"), account, 1, 1, "said/1", b"")


class Shelf:
    def __init__(self) -> None:
        self.history = History.in_memory()
        tables = GroupTables(self.history.database, bytes(32), os.urandom)
        self.struck = StruckWords(self.history.database, tables, cast("GroupWords", None))

    def keep(self, *entries: LogEntry) -> None:
        self.history.add_entries(LOG, entries, 0)
        self.struck.note_kept(LOG, entries[-1].sequence)


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf()
    first = [entry(place, place) for place in range(1, 4)]
    assert made.struck.repeats(LOG, first) == set()
    made.keep(*first)
    return made


def test_in_the_same_page_the_lowest_place_stands(shelf: Shelf) -> None:
    page = [entry(4, 9), entry(5, 9), entry(6, 9, account=2), entry(7, 9)]
    assert shelf.struck.repeats(LOG, page) == {5, 7}


def test_what_is_on_the_disk_stands(shelf: Shelf) -> None:
    assert shelf.struck.repeats(LOG, [entry(4, 2), entry(5, 2, account=2), entry(6, 0), entry(7, 255)]) == {4}


def test_what_is_on_its_way_to_the_disk_stands(shelf: Shelf) -> None:
    assert shelf.struck.repeats(LOG, [entry(4, 9), entry(5, 10)]) == set()
    assert shelf.struck.repeats(LOG, [entry(6, 9)]) == {6}
    shelf.keep(entry(4, 9))
    assert shelf.struck.repeats(LOG, [entry(7, 9), entry(8, 10)]) == {7, 8}


def test_what_is_judged_once_more_is_no_repeat(shelf: Shelf) -> None:
    page = [entry(4, 9), entry(5, 10)]
    for _ in range(2):
        assert shelf.struck.repeats(LOG, page) == set()
    shelf.keep(*page)
    assert shelf.struck.repeats(LOG, page) == set()


def test_another_log_has_its_own(shelf: Shelf) -> None:
    assert shelf.struck.repeats(LOG + 1, [entry(1, 2)]) == set()


def test_of_an_earlier_page_the_lower_place_stands(shelf: Shelf) -> None:
    assert shelf.struck.repeats(LOG, [entry(9, 20)]) == set()
    assert shelf.struck.repeats(LOG, [entry(5, 20), entry(6, 20)]) == {6}


@pytest.mark.parametrize(
    ("content", "is_for_programs"),
    [
        (Text("a topic to talk of"), False),
        (Topic("what to talk of"), True),
        (Topic(""), True),
        (KnownPerson(bytes(32)), True),
        (Report("#lab", "ben", 1, "hello", "rude"), True),
    ],
)
def test_what_is_kept_in_other_bytes_than_it_was_said_in_is_found_among_words(
    content: Content | Note, is_for_programs: bool
) -> None:
    bodies = [seal(each)[1] for each in (Text("hello"), content, Text("hello"))]
    assert _is_for_programs(bodies) is is_for_programs
    longer = {**msgspec.msgpack.decode(bodies[1]), "unknown": 1}
    written_otherwise = msgspec.msgpack.encode(dict(reversed(longer.items())))
    assert _is_for_programs([written_otherwise]) is is_for_programs

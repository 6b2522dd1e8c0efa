from __future__ import annotations

import datetime as dt
import io
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from lanline.client.moments import clock_text, day_text, minute_text, when_text
from lanline.client.view.rendering import action_text, rendered
from lanline.client.view.values import Message, MessageState
from lanline.faces.chat.paint import Paint, has_colours
from lanline.faces.chat.screen import TerminalScreen, shorten
from lanline.model.content import Text
from unit.faces.chat.standin import ANA, View, person

AT = int(dt.datetime(2026, 3, 1, 14, 5, tzinfo=dt.UTC).timestamp() * 1000)


class Written:
    """A screen and what stands on it."""

    def __init__(self, columns: int = 80) -> None:
        self.text = ""
        self.view: Any = View()
        paint = Paint(has_colours=False)
        self.screen = TerminalScreen(self.view, paint, write=self._write, width=lambda: columns, now=lambda: AT)

    def _write(self, text: str) -> None:
        self.text += text

    def says(self, name: str, text: str, **more: Any) -> str:
        self.view.people = (person(ANA, name),)
        message = Message(10, 1, b"x" * 16, ANA, AT, Text(text), MessageState.RECEIVED)
        return self.screen.line(AT, rendered(self.view, message), **more)


def says(name: str, text: str, columns: int = 80, **more: Any) -> str:
    return Written(columns).says(name, text, **more)


@pytest.fixture(autouse=True)
def _zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC-2"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_a_line_has_local_time_name_text_and_mark() -> None:
    assert says("ana", "hello", mark="✓") == "16:05 ana: hello ✓\n"
    assert says("ana", "hello", where="#lab") == "16:05 #lab ana: hello\n"


def test_an_action_is_told_as_one() -> None:
    assert says("ana", action_text("waves")) == "16:05 * ana waves\n"


def test_further_lines_stand_below_the_text_also_after_a_wide_name() -> None:
    assert says("ana", "one\ntwo") == "16:05 ana: one\n" + " " * 11 + "two\n"
    assert says("世界", "one\ntwo").endswith("\n" + " " * 12 + "two\n")


def test_on_a_narrow_screen_further_lines_are_hardly_indented() -> None:
    assert says("ana", "one\ntwo", 30) == "16:05 ana: one\n  two\n"


@given(st.text(), st.text())
def test_nothing_of_others_reaches_the_terminal_as_a_command(name: str, text: str) -> None:
    hostile = f"\x1b]0;title\x07{text}\x9b31m\x1b[2J"
    written = Written()
    written.screen.tell(hostile)
    written.screen.rule(hostile)
    written.screen.tell_trouble(hostile)
    for line in (written.says(name + "\x1b[1m", hostile, where=hostile), written.text):
        assert not set(line.replace("\n", "").replace("\t", "")) & set(map(chr, [*range(32), *range(127, 160)]))


def test_a_forged_second_line_cannot_pass_for_another_person() -> None:
    lines = says("ana", "hi\r\n16:05 bo: I agree\r16:06 bo: yes").splitlines()
    assert len(lines) == 3
    assert all(line.startswith(" " * 11) for line in lines[1:])


@pytest.mark.parametrize("time_ms", [2**63 - 1, -(2**62), 10**17])
def test_an_impossible_time_is_no_error(time_ms: int) -> None:
    assert clock_text(time_ms, AT) == "--:--"
    assert when_text(time_ms, AT) == "--:--"
    assert not day_text(time_ms)


def test_a_time_in_the_future_is_marked() -> None:
    assert clock_text(AT, AT - 60_000) == "16:05"
    assert clock_text(AT, AT - 3_600_000) == "16:05?"
    assert when_text(AT, AT - 3_600_000) == "16:05?"
    assert minute_text(AT, AT - 3_600_000) == "2026-03-01 16:05?"


def test_the_day_is_told_unless_it_is_today() -> None:
    assert when_text(AT, AT + 60_000) == "16:05"
    assert when_text(AT, AT + 10 * 3_600_000) == "2026-03-01 16:05"
    assert day_text(AT) == "Sunday, 2026-03-01"


@given(st.text(), st.integers(5, 60))
def test_what_is_shortened_fits(text: str, columns: int) -> None:
    short = shorten(text, columns)
    assert get_cwidth(short) <= columns
    assert "\n" not in short


def test_names_have_the_same_colour_always_and_not_all_the_same() -> None:
    paint = Paint(has_colours=True)
    assert paint.name("ana") == Paint(has_colours=True).name("ana")
    assert paint.name("Ana").replace("Ana", "ana") == paint.name("ana")
    assert len({paint.name(name).replace(name, "") for name in ("ana", "bo", "carl", "dora", "emil")}) > 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colours_only_where_they_are_wanted(environment: dict[str, str], expected: bool) -> None:
    assert has_colours(Terminal(), environment) is expected
    assert not has_colours(io.StringIO(), environment)


def test_what_the_program_tells_breaks_between_words() -> None:
    written = Written(30)
    written.screen.tell("a sentence that is longer than the screen")
    assert written.text == "* a sentence that is longer\n  than the screen\n"

"""What stands below a picture in a terminal."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lanline.media.api import KEY_DOWN, KEY_UP, Layout, Picture, Size
from lanline.media.sinks.terminal import screen as module
from lanline.media.sinks.terminal.ability import Ability

ROWS = 24
FIGURES, NOTICE = "20.0 fps, 5.0 Mbit/s", "There is no speaker here."


class Paper:
    """A terminal of which only the last text of each row is known."""

    was_away = False

    def __init__(self) -> None:
        self.rows: dict[int, str] = {}
        self.typed = b""

    def cells(self) -> tuple[Size, Size]:
        return Size(80, ROWS), Size(8, 16)

    def write(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if "\x1b[2J" in text:
            self.rows.clear()
        for row, content in re.findall(r"\x1b\[(\d+);1H\x1b\[0m([ -~]*)\x1b\[K", text):
            self.rows[int(row)] = content

    def keys(self) -> bytes:
        return self.typed


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Paper:
    made = Paper()
    monkeypatch.setattr(module, "Tty", lambda: made)
    monkeypatch.setattr(module, "ability", lambda *_, **__: Ability.LETTERS)
    return made


@pytest.fixture
def screen(paper: Paper) -> module.TerminalSink:
    shown = module.TerminalSink()
    shown.show(Picture(np.zeros((72, 64, 3), np.uint8), Layout.RGB, 0))
    return shown


def test_a_notice_and_the_figures_have_a_row_each(paper: Paper, screen: module.TerminalSink) -> None:
    screen.tell(FIGURES)
    screen.notify(NOTICE)
    screen.keys()
    screen.tell(FIGURES)
    assert paper.rows == {ROWS - 1: NOTICE, ROWS: FIGURES}


def test_what_is_said_no_longer_gives_its_row_back(paper: Paper, screen: module.TerminalSink) -> None:
    screen.tell(FIGURES)
    screen.notify(NOTICE)
    screen.keys()
    screen.notify("")
    screen.keys()
    assert paper.rows == {ROWS: FIGURES}


def test_a_key_without_a_letter_is_none_of_the_letters_that_stand_for_it(
    paper: Paper, screen: module.TerminalSink
) -> None:
    paper.typed = b"m\x1bq\x1b1\x1b\x1b[A\x1b[1;3A\x1b[A\x1bOP\x1b[3~\x1bOBq"
    known = {"1", "3", "A", "P", "m", "q", KEY_UP, KEY_DOWN}
    pressed = screen.keys()
    assert [key for key in pressed if key in known] == ["m", KEY_UP, KEY_DOWN, "q"]

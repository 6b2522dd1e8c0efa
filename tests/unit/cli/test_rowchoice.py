"""One of some rows is chosen at a terminal, also where it has fewer lines than there are rows."""

from __future__ import annotations

import os
import re
import tty
from collections.abc import Callable, Iterator

import pytest

from lanline.cli.rowchoice import choose_row

ROWS = [(str(number), f"film {number}") for number in range(1, 41)]
Choose = Callable[[bytes], int | None]


@pytest.fixture(name="choose")
def fixture_choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Choose]:
    person, terminal = os.openpty()
    tty.setcbreak(terminal)  # else a key that ends the input would be lost in the moment before the choice begins
    with os.fdopen(terminal, "r") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setenv("LINES", "10")

        def choose(keys: bytes) -> int | None:
            os.write(person, keys)
            return choose_row(ROWS)

        yield choose
    os.close(person)


def frames(shown: str) -> list[list[str]]:
    """The rows of each drawing, without the line that asks."""
    return [drawn.split("\x1b[?7h")[0].split("\n")[:-1] for drawn in shown.split("\x1b[?7l")[1:]]


def typed(shown: str) -> list[str]:
    return re.findall(r"Enter(?: \([^)]*\))?: ([^\x1b]*)\x1b\[\?7h", shown)


def test_more_rows_than_lines_are_shown_around_the_chosen_one(
    choose: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(b"\x1b[A\x1b[A\x1b[B\x1b[B\r") == 0
    shown = capsys.readouterr().out
    assert "(33-40 of 40)" in shown
    drawn = frames(shown)
    assert {len(rows) for rows in drawn} == {8}
    assert [[row for row in rows if row.startswith(">")] for rows in drawn] == [
        [f"> {number}  film {number}"] for number in (1, 40, 39, 40, 1)
    ]


def test_a_number_of_two_digits_is_typed(choose: Choose) -> None:
    assert choose(b"12\r") == 11


def test_the_beginning_of_a_text_is_typed_and_nonsense_chooses_nothing(choose: Choose) -> None:
    assert choose(b"nonsense\rfilm 7\r") == 6
    assert choose(b"\x04") is None


def test_escape_alone_chooses_nothing(choose: Choose) -> None:
    assert choose(b"\x1b") is None


def test_escape_first_takes_away_what_was_typed(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(b"fi\x1b\x1b\x1b\x1b") is None
    assert typed(capsys.readouterr().out) == ["", "f", "fi", ""]


def test_keys_without_a_letter_are_none(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    choose(b"fi\x1b[1;5C\x1b[3~\x1bx\x04")
    assert typed(capsys.readouterr().out)[-1] == "fi"


@pytest.mark.parametrize("key", [b"\x1b\x1b[A", b"\x1b\x1bOA", b"\x1b[1;3A", b"\x1b\x1b[5~", b"\x1bx"])
def test_alt_with_a_key_does_nothing_and_is_no_escape(
    choose: Choose, capsys: pytest.CaptureFixture[str], key: bytes
) -> None:
    assert choose(b"\x1b[B\x1b[B" + key + b"\r") == 2
    assert choose(b"film 7" + key + b"\r") == 6
    assert typed(capsys.readouterr().out)[-1] == "film 7"


def test_a_letter_of_several_bytes_is_one_letter(choose: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    choose("éü日".encode() + b"\x7f\x04")
    assert typed(capsys.readouterr().out) == ["", "é", "éü", "éü日", "éü"]

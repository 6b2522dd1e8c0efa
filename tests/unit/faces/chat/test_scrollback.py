"""A message that was changed is written anew where it stands; played back by a terminal of a few rows."""

from __future__ import annotations

import re

import pytest

from lanline.faces.chat.scrollback import Scrollback, rows_of

COLUMNS = 20


class Terminal:
    """What a terminal makes of lines, of going up and of clearing below; the prompt is the row after them."""

    def __init__(self, rows: int = 10) -> None:
        self.rows: list[str] = [""]
        self._height = rows
        self._columns = COLUMNS
        self.scrollback = Scrollback(self.write, lambda: self._columns, lambda: min(len(self.rows) - 1, rows - 1))

    def write(self, text: str) -> None:
        for up, line in re.findall(r"\x1b\[(\d+)A\r\x1b\[J|([^\x1b\n]*\n)", text):
            if up:
                count = min(int(up), self._height - 1, len(self.rows) - 1)
                del self.rows[len(self.rows) - 1 - count :]
                self.rows.append("")
            else:
                words = line.removesuffix("\n")
                self.rows[-1:] = [words[at : at + COLUMNS] for at in range(0, max(len(words), 1), COLUMNS)] + [""]

    def widen(self) -> None:
        self._columns += 10


@pytest.fixture(name="terminal")
def _terminal() -> Terminal:
    return Terminal()


def test_a_line_is_changed_where_it_stands_and_what_is_below_stays(terminal: Terminal) -> None:
    for name in ("one", "two", "three"):
        terminal.scrollback.add(f"{name}\n", name.encode())
    assert terminal.scrollback.replace(b"two", lambda _: "2, which is longer than a row\n")
    assert terminal.rows == ["one", "2, which is longer t", "han a row", "three", ""]
    assert terminal.scrollback.replace(b"two", lambda _: "2\n")
    assert terminal.rows == ["one", "2", "three", ""]


def test_it_is_changed_wherever_it_stands(terminal: Terminal) -> None:
    for label in ("here", "again"):
        terminal.scrollback.add("old\n", b"one", (label, ""))
    terminal.scrollback.replace(b"one", lambda label: f"new {label[0]}\n")
    assert terminal.rows == ["new here", "new again", ""]


def test_what_has_scrolled_away_is_left_alone(terminal: Terminal) -> None:
    terminal.scrollback.add("old\n", b"one")
    for number in range(9):
        terminal.scrollback.add(f"{number}\n")
    before = list(terminal.rows)
    assert not terminal.scrollback.replace(b"one", lambda _: "new\n")
    assert terminal.rows == before


@pytest.mark.parametrize("what", ["width", "another program", "picture below"])
def test_nothing_is_touched_where_it_is_not_certain_what_stands_there(terminal: Terminal, what: str) -> None:
    terminal.scrollback.add("old\n", b"one")
    match what:
        case "width":
            terminal.widen()
        case "another program":
            terminal.scrollback.forget()
        case _:
            terminal.scrollback.add("\N{FAMILY}" * 11 + "\n")
    before = list(terminal.rows)
    assert not terminal.scrollback.replace(b"one", lambda _: "new\n")
    assert terminal.rows == before


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("\n", 1),
        ("a" * COLUMNS + "\n", 1),
        ("a" * COLUMNS + "b\n", 2),
        ("\x1b[1;32mname\x1b[0m: hi\n", 1),
        ("a\nb\n", 2),
        ("界" * 10 + "\n", 1),
        ("a" + "界" * 10 + "\n", 2),
        ("a" + "界" * 9 + "a界\n", 2),
        ("\N{THUMBS UP SIGN}\n", 1),
        ("a" * 18 + "\N{THUMBS UP SIGN}\n", 1),
        ("a" * 19 + "\N{THUMBS UP SIGN}\n", 0),
        ("a" * 19 + "\N{CHECK MARK}\n", 1),
    ],
)
def test_rows_are_counted_as_a_terminal_wraps(text: str, rows: int) -> None:
    assert rows_of(text, COLUMNS) == rows

from __future__ import annotations

import pytest

from lanline.errors import MediaProblem
from lanline.media.sinks.terminal.ability import QUESTION, Ability, ability, is_answered

PLAIN = b"\x1b[?62;22c"
SIXEL = b"\x1b[?62;4;22c"
KITTY = b"\x1b_Gi=4207;OK\x1b\\" + PLAIN


def known(environment: dict[str, str], answer: bytes = PLAIN, *, is_utf8: bool = True) -> Ability:
    return ability(environment, is_utf8=is_utf8, ask=lambda question: answer if question == QUESTION else b"")


@pytest.mark.parametrize(
    ("environment", "answer", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, PLAIN, Ability.TRUE_COLOUR),
        ({"TERM": "xterm-direct"}, PLAIN, Ability.TRUE_COLOUR),
        ({"TERM": "xterm-256color"}, PLAIN, Ability.COLOURS_256),
        ({"TERM": "xterm-256color"}, b"", Ability.COLOURS_256),
        ({"TERM": "xterm"}, PLAIN, Ability.LETTERS),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "COLORTERM": "truecolor"}, KITTY, Ability.LETTERS),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, SIXEL, Ability.SIXEL),
        ({"TERM": "xterm-256color"}, KITTY, Ability.KITTY),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, b"", Ability.KITTY),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "TMUX": "x"}, PLAIN, Ability.COLOURS_256),
        ({"TERM": "xterm"}, b"\x1b[?64;14;24;40c", Ability.LETTERS),
        ({}, b"", Ability.LETTERS),
    ],
)
def test_the_best_way_that_the_terminal_has(environment: dict[str, str], answer: bytes, expected: Ability) -> None:
    assert known(environment, answer) is expected


def test_letters_where_the_half_block_cannot_be_written() -> None:
    assert known({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, is_utf8=False) is Ability.LETTERS


@pytest.mark.parametrize("term", ["linux", "vt100", "cons25"])
def test_a_terminal_that_might_print_the_question_is_not_asked(term: str) -> None:
    def ask(_: bytes) -> bytes:
        pytest.fail("it was asked")

    assert ability({"TERM": term}, is_utf8=True, ask=ask) is Ability.LETTERS


def test_a_terminal_that_cannot_place_its_cursor_is_refused() -> None:
    with pytest.raises(MediaProblem, match="TERM=dumb"):
        known({"TERM": "dumb"})


def test_the_answer_is_complete_with_the_attributes() -> None:
    assert not is_answered(b"\x1b_Gi=4207;OK\x1b\\")
    assert is_answered(KITTY)

import pytest

from lanline.errors import InvalidInput
from lanline.model.mail.text import MAX_FIELD_CHARS, checked_line, shown


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1e"])
def test_every_kind_of_line_break_is_refused(ending: str) -> None:
    with pytest.raises(InvalidInput, match="single line"):
        checked_line(f"one{ending}two", "The subject")


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x9b"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(InvalidInput, match="control character"):
        checked_line(f"one{character}two", "The subject")


def test_tabs_emoji_and_right_to_left_text_pass() -> None:
    for text in ("a\tb", "👩‍👩‍👧 family", "שלום", ""):
        assert checked_line(text, "The subject") == text


def test_a_line_over_the_limit_is_refused() -> None:
    assert checked_line("x" * MAX_FIELD_CHARS, "The subject")
    with pytest.raises(InvalidInput, match="limit"):
        checked_line("x" * (MAX_FIELD_CHARS + 1), "The subject")


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        checked_line("caf\udce9", "The subject")


def test_what_is_shown_cannot_move_a_cursor() -> None:
    assert shown("a\x1b[2Jb\n\udce9") == '"a\\x1b[2Jb\\n\\udce9"'
    assert len(shown("x" * 5000)) < 100

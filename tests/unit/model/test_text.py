from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.names import checked_name
from lanline.model.text import MAX_NAME_LENGTH, display_name, safe_line, safe_text

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
BIDI = "\u202e\u2066\u200f\u061c"


def is_safe(text: str) -> bool:
    return not any(unicodedata.category(each) in {"Cc", "Cs"} or each in BIDI for each in text)


@given(ANY_TEXT)
def test_no_text_commands_a_terminal(text: str) -> None:
    assert is_safe(safe_text(text).replace("\n", "").replace("\t", ""))


@given(ANY_TEXT)
def test_safe_text_is_safe_already(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)


@given(ANY_TEXT)
def test_a_safe_line_is_one_line(text: str) -> None:
    assert len(safe_line(text).splitlines()) <= 1


@given(ANY_TEXT)
def test_a_display_name_is_safe_short_and_never_empty(text: str) -> None:
    name = display_name(text)
    assert is_safe(name)
    assert 0 < len(name) <= MAX_NAME_LENGTH
    assert name == name.strip()
    assert display_name(name) == name


@pytest.mark.parametrize("text", ["hello", "Grüße, 你好, שלום", "👩\u200d🚀", "two\nlines\tand a tab", ""])
def test_ordinary_writing_stays_as_it_is(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\ufffd[2Jgone"),
        ("\x9b31mred", "\ufffd31mred"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("a\u2028b\x0bc", "a\nb\nc"),
        ("txt.\u202eexe", "txt.\ufffdexe"),
        ("nul\0bell\a", "nul\ufffdbell\ufffd"),
    ],
)
def test_what_is_no_writing_becomes_visible(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@pytest.mark.parametrize("name", ["", " \n ", "\x1b\x07", "\u202e"])
def test_a_name_of_nothing_is_somebody(name: str) -> None:
    assert display_name(name) == "somebody"


@pytest.mark.parametrize("unseen", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\ufe0f", "\u3164"])
def test_a_name_holds_nothing_that_is_not_seen(unseen: str) -> None:
    assert display_name(f"a{unseen}nn{unseen}") == "ann"
    assert display_name(unseen) == "somebody"
    with pytest.raises(InvalidInput):
        checked_name(f"a{unseen}nn")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from lanline.faces.chat.commands import COMMANDS
from lanline.faces.chat.completion import ChatCompleter

COMPLETER = ChatCompleter(lambda: ["ana", "Anton", "bo"], lambda: ["#lab", "#lobby"])


def offered(typed: str) -> list[str]:
    return [each.text for each in COMPLETER.get_completions(Document(typed), CompleteEvent())]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a", ["ana: ", "Anton: "]),
        ("AN", ["ana: ", "Anton: "]),
        ("hello a", ["ana ", "Anton "]),
        ("see #la", ["#lab "]),
        ("send a", ["ana ", "Anton "]),
        ("send ", ["ana ", "Anton ", "bo ", "#lab ", "#lobby "]),
        ("send ana b", ["bo "]),
        ("cl", ["clients "]),
        ("/j", ["/join "]),
        ("/join ", ["#lab ", "#lobby "]),
        ("/join #lob", ["#lobby "]),
        ("/join #lab a", []),
        ("/msg a", ["ana ", "Anton "]),
        ("/msg ana hi b", ["bo "]),
        ("/kick b", ["bo "]),
        ("/help hi", ["history "]),
        ("/reply a", ["ana ", "Anton "]),
        ("/reply ^3 a", ["ana ", "Anton "]),
        ("/create #lab p", ["private "]),
        ("/nothing a", []),
        ("one\na", ["ana ", "Anton "]),
        ("", []),
        (" ", []),
        ("hello ", []),
    ],
)
def test_tab_offers_what_fits_there(typed: str, expected: list[str]) -> None:
    assert offered(typed) == expected


def test_a_slash_alone_offers_all_commands() -> None:
    assert len(offered("/")) == len(COMMANDS)


@given(st.text(alphabet="/ab# ^\n1send", max_size=20))
def test_whatever_is_typed_tab_does_no_harm(typed: str) -> None:
    offered(typed)

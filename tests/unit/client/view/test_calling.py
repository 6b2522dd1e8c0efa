"""For what a person is called, and when not."""

from __future__ import annotations

import pytest

from lanline.client.view.calling import call_text, is_called_for, is_quiet, told, wanted
from lanline.client.view.values import Notifying
from lanline.errors import InvalidInput
from lanline.model.content import Content, Edit, Reaction
from unit.faces.chat.standin import ANA, ME, Stage

NAMED, OTHER, PRIVATE = "me: look", "meadow", "psst"


@pytest.fixture(name="stage")
def _stage() -> Stage:
    return Stage()


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("", [NAMED, PRIVATE]),
        ("mentions", [NAMED]),
        ("private", [PRIVATE]),
        ("both", [NAMED, PRIVATE]),
        ("all", [NAMED, OTHER, PRIVATE]),
    ],
)
def test_one_is_called_for_what_one_has_asked_for(stage: Stage, typed: str, heard: list[str]) -> None:
    stage.view.notifying = wanted(Notifying(), typed)
    said = [(11, NAMED), (11, OTHER), (20, PRIVATE)]
    called = [
        text
        for log, text in said
        if is_called_for(stage.view, stage.view.conversation(log), stage.hears(log, ANA, text))
    ]
    assert called == heard


@pytest.mark.parametrize("content", [Reaction(b"x" * 16, "me"), Edit(b"x" * 16, "me!")])
def test_nobody_is_called_for_a_correction_or_a_reaction(stage: Stage, content: Content) -> None:
    assert not is_called_for(stage.view, stage.ana, stage.hears(20, ANA, content))


def test_nobody_is_called_by_oneself_or_by_who_is_ignored(stage: Stage) -> None:
    assert not is_called_for(stage.view, stage.lab, stage.hears(11, ME, NAMED))
    assert not is_called_for(stage.view, stage.lab, stage.ignores(stage.hears(11, ANA, NAMED)))


def test_the_call_says_who_where_and_in_one_line(stage: Stage) -> None:
    assert call_text(stage.view, stage.lab, stage.hears(11, ANA, "a\n\x1b[2Jb")) == "ana in #lab: a �[2Jb"
    assert call_text(stage.view, stage.ana, stage.hears(20, ANA, "hi")) == "ana: hi"


@pytest.mark.parametrize(
    ("quiet", "minute", "is_so"),
    [
        ("22:00-07:00", 22 * 60, True),
        ("22:00-07:00", 7 * 60 - 1, True),
        ("22:00-07:00", 7 * 60, False),
        ("12:30-13:00", 12 * 60 + 45, True),
        ("12:30-13:00", 13 * 60, False),
        ("", 0, False),
        ("nonsense", 0, False),
    ],
)
def test_quiet_hours(quiet: str, minute: int, is_so: bool) -> None:
    assert is_quiet(Notifying(quiet=quiet), minute) is is_so


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("off", "You are called for nothing. /notify on changes that."),
        ("ON", "You are called with a bell and a notification for your name and private words."),
        ("bell mentions", "You are called with a bell for your name."),
        (
            "desktop all quiet 9:05-17:30",
            "You are called with a notification for everything that is said; quiet from 09:05 to 17:30.",
        ),
        ("quiet 1:00-2:00 quiet off private", "You are called with a bell and a notification for private words."),
    ],
)
def test_what_is_wanted_is_typed_and_told(typed: str, sentence: str) -> None:
    assert told(wanted(Notifying(), typed)) == sentence


@pytest.mark.parametrize("typed", ["loud", "quiet", "quiet 25:00-07:00", "quiet 7-8", "quiet 07:00-7:00", "on \x1b[2J"])
def test_nonsense_is_refused_with_the_form(typed: str) -> None:
    with pytest.raises(InvalidInput, match=r"written"):
        wanted(Notifying(), typed)

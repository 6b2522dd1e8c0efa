# ruff: noqa: RUF001 -- look-alikes are what these tests are about
"""Which names may be had, and which are one name to the eye."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import InvalidInput
from lanline.model.names import check_new_name, checked_name, checked_room_name, folded_name


@pytest.mark.parametrize(
    "name", ["ann", "Ann-Marie", "bob_2", "J.R", "Зоя", "Ωμέγα", "李雷", "José", "हिंदी", "محمد", "7of9", "x" * 32]
)
def test_ordinary_names_are_kept_as_typed(name: str) -> None:
    assert checked_name(name) == name


def test_letter_and_mark_are_kept_as_one_character() -> None:
    assert checked_name("Jose\u0301") == "José"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 33,
        "#ann",
        "ann smith",
        " ann",
        "an\tn",
        "an\x1b[31mn",
        "an\u202en",
        "an\u200bn",
        "an\u2066n",
        "an\u3164n",
        "an\ufe0fn",
        "an\u034fn",
        "ann!",
        "a/b",
        "a:b",
        "😀",
        "-ann",
        ".",
        "\u0301a",
        "a\u0300\u0301\u0302\u0303",
        "a\ud800",
        "a\ue000",
        "Pаul",  # a Cyrillic a
        "Αnn",  # a Greek capital alpha
    ],
)
def test_unfit_name_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_name(name)
    assert str(refusal.value).isprintable()
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("name", ["all", "ALL", "a11", "Everyone", "everybody", "here", "Me", "bo.", "J.R."])
def test_who_is_called_so_keeps_the_name_and_nobody_new_gets_it(name: str) -> None:
    assert checked_name(name) == name
    with pytest.raises(InvalidInput) as refusal:
        check_new_name(name)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("name", ["ann", "mel", "alla", "there", "J.R", "bo_", "bo-"])
def test_names_that_only_resemble_a_word_are_given_out(name: str) -> None:
    check_new_name(name)


def test_room_name_begins_with_a_hash_and_counts_it() -> None:
    assert checked_room_name("#lab") == "#lab"
    assert checked_room_name("#" + "x" * 31)
    for name in ("lab", "#", "##lab", "#" + "x" * 32, "#a b"):
        with pytest.raises(InvalidInput):
            checked_room_name(name)


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("bob", "BOB"),
        ("bob", "b0b"),
        ("Ivan", "lvan"),
        ("Ivan", "1van"),
        ("Ali", "AlI"),
        ("paul", "раul"),
        ("BOB", "ВОВ"),
        ("CEO", "СЕО"),
        ("tom", "тοм"),
        ("xen", "хеn"),
        ("kate", "ΚΑΤΕ"),
        ("fine", "ﬁne"),
        ("ann", "ａｎｎ"),
        ("strasse", "straße"),
        ("istanbul", "İstanbul"),
        ("bob7", "bob٧"),
        ("José", "Jose\u0301"),
        ("#lab", "#LAB"),
    ],
)
def test_look_alike_is_the_same_name(name: str, alike: str) -> None:
    assert folded_name(name) == folded_name(alike)


@pytest.mark.parametrize(
    ("name", "other"), [("ann", "anna"), ("José", "Jose"), ("bob", "rob"), ("лев", "лес"), ("a-b", "ab")]
)
def test_names_that_can_be_told_apart_stay_apart(name: str, other: str) -> None:
    assert folded_name(name) != folded_name(other)


@given(st.text(max_size=40))
def test_fold_is_case_blind_and_stable(text: str) -> None:
    folded = folded_name(text)
    assert folded_name(folded) == folded


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = checked_name(text)
    except InvalidInput:
        return
    assert 0 < len(name) <= 32
    assert name.isprintable()
    assert checked_name(name) == name

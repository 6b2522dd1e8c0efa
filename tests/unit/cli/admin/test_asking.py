from __future__ import annotations

import pytest

from lanline.cli.admin.asking import day, show_table


def test_a_day_is_told_also_of_what_is_none() -> None:
    """A server may say anything."""
    assert day(1_700_000_000_000).startswith("2023-11-1")
    assert day(2**63 - 1) == "some day"


def test_columns_stand_below_each_other_however_wide_the_letters_are(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("NAME", "WHERE"), [("日本語", "here"), ("o\u0308", "there"), ("ana", "away")], "")
    assert capsys.readouterr().out.splitlines() == [
        "NAME    WHERE",
        "日本語  here",
        "o\u0308       there",
        "ana     away",
    ]

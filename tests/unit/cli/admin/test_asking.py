from __future__ import annotations

from lanline.cli.admin.asking import day


def test_a_day_is_told_also_of_what_is_none() -> None:
    """A server may say anything."""
    assert day(1_700_000_000_000).startswith("2023-11-1")
    assert day(2**63 - 1) == "some day"

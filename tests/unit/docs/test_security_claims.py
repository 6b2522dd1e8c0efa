"""docs/security.md claims nothing without a test, and each that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
TEXT = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
HOLDS = TEXT.split("## What holds")[1].split("## What does not hold")[0]
ROWS = [line for line in HOLDS.splitlines() if line.startswith("| ") and not line.startswith("| who |")]


def test_every_line_that_something_holds_names_a_test_that_exists() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert len(ROWS) > 25
    for row in ROWS:
        named = re.findall(r"`(test_\w+)`", row.rpartition(" | ")[2] if row.endswith("|") else row)
        assert named, row
        assert [each for each in named if f"def {each}(" not in sources] == []


def test_every_test_that_any_page_names_exists() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    pages = {page: page.read_text(encoding="utf-8") for page in (TESTS.parent / "docs").rglob("*.md")}
    named = {(page.name, each) for page, text in pages.items() for each in re.findall(r"`(test_\w+)`", text)}
    assert len(named) > 100
    assert [each for each in sorted(named) if f"def {each[1]}(" not in sources] == []


def test_what_others_do_better_is_said_and_each_of_them_has_sources() -> None:
    beside = TEXT.split("## Beside others")[1].split("\n# ")[0]
    rows = {row.split("**")[1]: row for row in beside.splitlines() if row.startswith("| **")}
    assert set(rows) == {"Lanline", "Signal", "WhatsApp", "Matrix", "Delta Chat", "SimpleX"}
    assert all("](https://" in row for name, row in rows.items() if name != "Lanline")
    assert all("**better**" in rows[name] for name in ("Signal", "WhatsApp", "SimpleX", "Delta Chat"))

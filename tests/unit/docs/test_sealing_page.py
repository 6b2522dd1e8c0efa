"""docs/protocol/sealing.md names tests that exist, and the labels, kinds and refused keys of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from lanline.crypto.groups import ids, keys
from lanline.wire.sealing import entries

TESTS = Path(__file__).resolve().parents[2]
TEXT = (TESTS.parent / "docs" / "protocol" / "sealing.md").read_text(encoding="utf-8")


def test_every_test_that_the_threats_name_exists() -> None:
    rows = [line for line in TEXT.split("### 1.1")[1].split("## 2.")[0].splitlines() if line.startswith("| ")]
    named = {
        name for row in rows for name in re.findall(r"`(test_[a-z0-9_]+|tests/[a-z/_.]+)`", row.rpartition(" | ")[2])
    }
    assert [row for row in rows[1:] if "`test" not in row.rpartition(" | ")[2]] == []
    sources = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    missing = {
        each for each in named if not ((TESTS.parent / each).exists() if "/" in each else f"def {each}(" in sources)
    }
    assert len(named) > 12
    assert missing == set()


def test_the_labels_are_those_of_the_code() -> None:
    on_page = set(re.findall(r'"(lanline [a-z ]+ 1|shown|sign|seal|new|old)\\0"', " ".join(TEXT.split())))
    in_code = {
        value[:-1].decode() for value in vars(ids).values() if isinstance(value, bytes) and value.endswith(b"\0")
    }
    assert on_page == in_code


def test_the_kinds_have_the_fields_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) [a-z ]+ \| ([^|]+) \|", TEXT, re.MULTILINE))
    kinds = {
        str(msgspec.inspect.type_info(each).tag): len(each.__struct_fields__) - len(entries.Body.__struct_fields__)  # type: ignore[union-attr]
        for each in entries.Body.__subclasses__()
    }
    assert {number: 1 + len(re.findall(r",(?! 0 to)", fields)) for number, fields in rows.items()} == kinds


def test_the_refused_keys_are_those_of_the_code() -> None:
    numbers = {int(number) for number in re.findall(r"\b\d{60,}\b", TEXT)}
    assert numbers | {0, 1, 2**255 - 20} == keys._SMALL_ORDER

"""Every benchmark has its section on the page, also those that `make bench` does not write."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs/benchmarks.md").read_text(encoding="utf-8")


PARTS = [
    "fanout",
    "bulk",
    "latency",
    "goodput",
    "idle",
    "handshakes",
    "flood",
    "start",
    "blockedudp",
    "video",
    "videolatency",
    "chat",
    "chatmembers",
    "chatmarks",
    "chatcatchup",
    "chatloss",
    "strangers",
]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_bench_has_its_section(name: str) -> None:
    assert f"<!-- bench {name}: written by bench/run.py -->" in PAGE


def test_mail_has_its_section_and_names_its_command() -> None:
    section = PAGE.partition("\n## SMTP\n")[2]
    assert "bench/smtp.py" in section
    assert "smtp-source -s 1 -d" in section

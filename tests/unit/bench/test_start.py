"""What the start of programs is said to take."""

from __future__ import annotations

import asyncio
from pathlib import Path

from start import _passwords_s, _serve, _table


def test_the_middle_one_counts_and_the_others_are_told() -> None:
    found = {
        "python": [0.02],
        "help": [0.3, 0.1, 0.2],
        "ready, new folder": [0.5, 0.4, 0.9],
        "ready, existing folder": [0.4],
        "second start": [1.2, 1.1, 1.9],
        "password": [0.03, 0.01, 0.09],
    }
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in _table(found, [70.0, 80.0, 71.0]).splitlines()
    ]
    assert lines[2] == ["`python -c pass`, s", "0.02", "0.02 - 0.02", ""]
    assert lines[3] == ["`lanline --help`, s", "0.20", "0.10 - 0.30", "0.25"]
    assert [line[1] for line in lines[2:]] == ["0.02", "0.20", "0.50", "0.40", "1.20", "71", "30"]


def test_a_server_is_waited_for_measured_and_ended(tmp_path: Path) -> None:
    ready_s, resident_bytes = asyncio.run(_serve(tmp_path / "data"))
    assert ready_s > 0
    assert resident_bytes > 10_000_000
    assert (tmp_path / "data" / "identity.pem").exists()


def test_passwords_are_hashed_one_after_the_other() -> None:
    assert all(each > 0 for each in asyncio.run(_passwords_s(2)))

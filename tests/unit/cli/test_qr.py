from __future__ import annotations

import pytest

from lanline.cli.qr import fitting_code, qr_code

INVITE = "lanline://192.168.100.100:5265/#" + "a" * 52 + "." + "b" * 52


def test_a_code_stands_in_lines_that_the_terminal_does_not_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = fitting_code(INVITE).splitlines()
    assert 40 < len(lines[0]) <= 80
    monkeypatch.setenv("COLUMNS", str(len(lines[0])))
    assert fitting_code(INVITE).splitlines() == lines
    monkeypatch.setenv("COLUMNS", str(len(lines[0]) - 1))
    assert fitting_code(INVITE) == ""
    assert qr_code(INVITE) == "The code does not fit here: it needs a wider terminal."


def test_a_code_in_a_file_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    assert len(qr_code(INVITE).splitlines()) > 20

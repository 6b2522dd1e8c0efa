"""docs/video.md tells of every option, with its default, and of none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lanline.cli.commands import app

PAGE = (Path(__file__).parents[3] / "docs/video.md").read_text(encoding="utf-8")
TOLD_IN_PROSE = {"--home", "--help"}


def options(command: str) -> set[str]:
    shown = CliRunner().invoke(app, ["video", command, "--help"], env={"COLUMNS": "200"}).output
    return set(re.findall(r"(?m)^ +(?:-\w, )?(--[a-z-]+)", shown))


@pytest.mark.parametrize("command", ["serve", "watch"])
def test_the_table_of_a_command_has_each_of_its_options_and_no_other(command: str) -> None:
    section = PAGE.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    table = [line.partition(" | ")[0] for line in section.splitlines() if line.startswith("| ")]
    told = {option for row in table for option in re.findall(r"`(--[a-z-]+)`", row)}
    if command == "watch":
        told |= {"--server-host", "--server-port"} & set(re.findall(r"`(--[a-z-]+)`", section))
    assert told | TOLD_IN_PROSE == options(command) | TOLD_IN_PROSE
    assert options(command) <= set(re.findall(r"--[a-z-]+", PAGE)) | {"--help"}


@pytest.mark.parametrize("default", ["0.0.0.0", "6000", "1200", "20", "60", "2.0", "5"])
def test_the_defaults_are_told(default: str) -> None:
    assert re.search(rf"(?<![\d.]){re.escape(default)}(?![\d])", PAGE)

"""docs/chat.md names every command with the form that the program knows, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from lanline.client.view.rendering import MARKS
from lanline.faces.chat.commands import COMMANDS

PAGE = (Path(__file__).parents[3] / "docs" / "chat.md").read_text()


def test_every_command_stands_on_the_page_in_its_form() -> None:
    shown = {form.replace("\\|", "|") for form in re.findall(r"`(/[a-z][^`]*)`", PAGE)}
    assert {command.form for command in COMMANDS} <= shown


def test_the_page_names_no_command_that_there_is_not() -> None:
    known = {f"/{word}" for command in COMMANDS for word in (command.name, *command.aliases)}
    assert set(re.findall(r"`(/[a-z]+)", PAGE)) <= known


def test_every_mark_is_explained() -> None:
    assert all(f"| `{mark}` |" in PAGE for mark in MARKS.values() if mark)

"""Every row of the commands in docs/chat.md is typed once, in a chat at a terminal, and is a command there."""

from __future__ import annotations

import re

from e2e.pages import page
from e2e.square import Square

_ROW = re.compile(r"^\| (`[a-z/!][^|]*(?:\\\|[^|]*)*`) \| ", re.MULTILINE)
ENDING = ("dereg", "!q", "/dereg", "/quit")
WORDS = {
    "#ROOM": "#lab",
    "NICK": "ben",
    "NUMBER": "1",
    "SYMBOL": "+1",
    "TEXT": "some words",
    "COMMAND": "who",
    "N": "5",
    "SECONDS": "off",
}
INSTEAD = {"/create": "/create #den", "/approve": "/approve ABCDE FGHIJ KLMNO PQRST"}
"""What has to be another thing than a word like any."""


def forms() -> list[str]:
    commands = page("chat.md").partition("## What you can type")[2].partition("\n## ")[0]
    found = [form.replace("\\|", "|") for row in _ROW.findall(commands) for form in re.findall(r"`([^`]+)`", row)]
    return [form for form in found if re.match(r"/?[a-z!]+( |$)", form)]


def typed(form: str) -> str:
    """With a word for each that has to be there, the first of those to choose from, and none that may be left out."""
    command, *parameters = re.sub(r" ?\[[^\]]*\]", "", form).split()
    if command in INSTEAD:
        return INSTEAD[command]
    return " ".join([command, *(WORDS.get(each.split("|")[0].lstrip("^"), each.split("|")[0]) for each in parameters)])


def test_every_row_is_a_command_of_the_chat(square: Square) -> None:
    assert square.run("ben", "rooms", "create", "#lab").returncode == 0
    lines = [typed(form) for form in forms()]
    assert len(lines) > 40
    ann = square.enters("ann")
    for number, line in enumerate(line for line in lines if line not in ENDING):
        ann.write(f"{line}\rdone {number}\r")
        ann.wait_out(f"ann: done {number} ✓")
    for trouble in ("There is no command", "no such command", "It is written", "Something is missing", "is too much"):
        assert trouble not in ann.out.text, ann.out.text[: ann.out.text.index(trouble) + 200][-600:]
    for line in (line for line in lines if line in ENDING):
        leaving = square.enters("ben")
        leaving.write(f"{line}\r")
        assert leaving.wait_end() == 0, line

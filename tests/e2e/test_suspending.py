"""Ctrl+Z in a chat, and the shell that it was started from: both have the terminal as they need it."""

from __future__ import annotations

import shlex
import shutil

import pytest

from e2e.program import COMMAND, Program
from e2e.square import Square


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_chat_that_was_suspended_goes_on_with_the_keyboard_and_shows_no_answers_of_the_terminal(
    square: Square,
) -> None:
    shell = Program("--norc", "-i", program=["bash"], at_terminal=True, environment={"NO_COLOR": "1", "PS1": "shell> "})
    try:
        shell.wait_out("shell> ")
        shell.write(shlex.join([*COMMAND, "chat", "--home", str(square.folder / "ann")]) + "\r")
        shell.wait_out("Connected to .* as ann")
        for number in range(1, 4):
            shell.write("\x1a")
            shell.wait_out(rf"(?s)(?:Stopped.*shell> .*){{{number}}}")
            shell.write("fg\r")
            shell.wait_out(rf"(?s)(?:fg.*#lobby>.*){{{number}}}")
        shell.write("back\r")
        shell.wait_out("ann: back ✓")
        shell.write("!q\r")
        shell.wait_out("(?s)ann: back.*shell> ")
        for shown in ("^[", "^Z"):
            assert shown not in shell.out.text, "it stood at the prompt"
    finally:
        shell.dispose()

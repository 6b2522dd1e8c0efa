from __future__ import annotations

import subprocess
import sys

import pytest

from lanline.cli.commands import COMMANDS
from lanline.cli.lazycommand import load_command
from lanline.cli.video.options import needs_libraries
from lanline.errors import InvalidInput

ADMIN = [
    ["admin", *command, "--help"]
    for command in ([], ["users"], ["ban"], ["password"], ["devices"], ["invites"], ["backup"], ["restore"], ["export"])
]
HEAVY = {
    "rich",
    "argon2",
    "prometheus_client",
    "segno",
    "asyncio",
    "cryptography",
    "OpenSSL",
    "prompt_toolkit",
    "uvloop",
    "msgspec",
    "websockets",
    "numpy",
    "av",
    "simplejpeg",
    "sdl2",
}


@pytest.mark.parametrize("name", ["admin", "agent", "devices", "recovery", "rooms", "video"])
def test_a_group_says_of_each_command_in_one_whole_sentence_what_it_does(name: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "lanline", name, "--help"], capture_output=True, text=True, check=True
    )
    commands = shown.stdout.partition("\nCommands:\n")[2]
    assert commands
    assert "..." not in commands


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["peer", "--help"],
        ["chat", "--help"],
        ["serve", "--help"],
        ["invite", "--help"],
        ["video", "--help"],
        ["video", "serve", "-h"],
        ["video", "watch", "-h"],
        *ADMIN,
    ],
)
def test_help_fits_a_terminal(arguments: list[str]) -> None:
    shown = subprocess.run([sys.executable, "-m", "lanline", *arguments], capture_output=True, text=True, check=True)
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert "\\b" not in shown.stdout
    assert "-completion" not in shown.stdout, "it would be of this group alone, under a name that the shell has not"


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, lanline.cli.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_own_help(name: str) -> None:
    place, text = COMMANDS[name]
    assert load_command(place).help.startswith(text.removesuffix("."))


def test_who_lacks_the_libraries_of_video_is_told_what_to_type() -> None:
    with pytest.raises(InvalidInput, match=r"\(av\): .*pipx install --force '\.\[video\]'"), needs_libraries():
        raise ImportError(name="av")

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
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
    "segno",
}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["peer", "--help"], ["video", "--help"], ["video", "serve", "-h"], ["video", "watch", "-h"]],
)
def test_help_fits_a_terminal(arguments: list[str]) -> None:
    shown = subprocess.run([sys.executable, "-m", "lanline", *arguments], capture_output=True, text=True, check=True)
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert "\\b" not in shown.stdout


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, lanline.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)

"""The commands that stand in a page of docs/, and the desk at which somebody types them as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from e2e.house import LIMIT_S, clean_environment
from e2e.nodes import end_nodes

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    """Without the comments behind commands."""
    return [re.sub(r"\s{2,}# .*", "", block) for block in _BLOCK.findall(text)]


class Desk:
    """A home folder of the test's, in which `lanline` is a program. Places of the page are others here."""

    def __init__(self, home: Path, places: Mapping[str, str]) -> None:
        self.home = home
        self.places = dict(places)
        programs = home / "programs"
        programs.mkdir(parents=True)
        self.add_program("lanline", f'exec {sys.executable} -m lanline "$@"')

    def add_program(self, name: str, body: str) -> None:
        program = self.home / "programs" / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def here(self, command: str) -> str:
        for theirs, ours in self.places.items():
            command = command.replace(theirs, ours)
        return command

    @property
    def environment(self) -> dict[str, str]:
        environment = clean_environment(HOME=str(self.home))
        return environment | {"PATH": f"{self.home / 'programs'}:{environment['PATH']}"}

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self.here(command)],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            cwd=self.home,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def begin(self, command: str) -> subprocess.Popen[str]:
        """One that goes on until somebody ends it: see `end`."""
        words = ["bash", "-c", self.here(command)]
        return subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env=self.environment, cwd=self.home, start_new_session=True
        )

    def dispose(self) -> None:
        for folder in (self.home, *self.home.iterdir()):
            end_nodes(folder)

"""Every command in docs/server.md runs as it stands there, one after the other, as an admin would type them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.founded import Founded
from e2e.house import LIMIT_S, READY, Server, clean_environment
from e2e.nodes import end_nodes
from serverhouse.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = ("ufw ", "firewall-cmd ")
"""What changes the machine that the tests run on."""
PROGRAMS = ("lanline", "curl", "jq")


def lines_of_page() -> list[str]:
    """Commands, without their comments; also those that cron runs."""
    found = [line for block in _BLOCK.findall(PAGE) for line in block.splitlines()]
    cron = [line.split(maxsplit=5)[5].replace("\\%", "%") for line in found if re.match(r"([\d*]+ ){5}", line)]
    plain = [re.sub(r"\s{2,}# .*", "", line) for line in found]
    return [line for line in [*plain, *cron] if line.startswith((*PROGRAMS, *NOT_HERE))]


class Admin:
    """Somebody whose home folder, disk and ports are the test's."""

    def __init__(self, folder: Path, founded: Founded) -> None:
        self.home, self.port, self.metrics_port = folder / "ann", free_port(), free_port()
        founded.copy(folder, self.port, "ann")
        self.home.rename(folder / "kept")
        self.home.mkdir()
        (folder / "kept").rename(self.home / ".lanline")
        (folder / "data").rename(self.home / ".lanline-server")
        for name in ("backups", "usb", "srv", "programs"):
            (self.home / name).mkdir()
        program = self.home / "programs" / "lanline"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lanline "$@"\n')
        program.chmod(0o755)
        self._server: Server | None = None

    def serve(self, options: str) -> None:
        if self._server is not None:
            assert self._server.end() == 0
            self._server.dispose()
        words = shlex.split(self._here(options))
        self._server = Server(self.home / ".lanline-server", *words, port=self.port).wait_ready()
        assert READY in self._server.said

    def _here(self, command: str) -> str:
        """Disks and ports are others than an admin's."""
        places = {"/mnt/usb": self.home / "usb", "/srv": self.home / "srv", "9265": self.metrics_port}
        for theirs, ours in places.items():
            command = command.replace(theirs, str(ours))
        return command

    def _environment(self) -> dict[str, str]:
        environment = clean_environment(HOME=str(self.home))
        return environment | {"PATH": f"{self.home / 'programs'}:{environment['PATH']}"}

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self._here(command)],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self._environment(),
            cwd=self.home,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def begin(self, command: str) -> None:
        """One that goes on until somebody ends it: its first line is enough."""
        words = ["bash", "-c", f"exec {command}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=self._environment()) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), command
            process.terminate()
            process.wait(LIMIT_S)

    def dispose(self) -> None:
        end_nodes(self.home)
        if self._server is not None:
            self._server.dispose()


@pytest.fixture
def admin(tmp_path: Path, founded: Founded) -> Iterator[Admin]:
    made = Admin(tmp_path, founded)
    yield made
    made.dispose()


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq")
def test_every_command_of_the_page_runs(admin: Admin) -> None:
    lines = lines_of_page()
    assert len(lines) > 15
    invite = ""
    for line in lines:
        if line.startswith(NOT_HERE):
            continue
        if line.startswith("lanline join"):  # of the example of a first start
            continue
        if line.startswith("lanline serve"):
            admin.serve(line.removeprefix("lanline serve"))
        elif "--follow" in line:
            admin.begin(line)
        elif line.startswith("lanline admin delete"):
            if "mallory" in line:
                admin.run(f"lanline join {invite} --name mallory --home mallory")
            if "#old" in line:
                admin.run("lanline rooms create '#old'")
            admin.run(f"{line} --yes")
        else:
            said = admin.run(line)
            invite = said.split()[0] if line == "lanline invite" else invite

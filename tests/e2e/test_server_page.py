"""Every command in docs/server.md runs as it stands there, one after the other, as an admin would type them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.founded import Founded
from e2e.house import LIMIT_S, READY, Server
from e2e.pages import Desk, blocks, page
from serverhouse.ports import free_port

NOT_HERE = ("ufw ", "firewall-cmd ")
"""What changes the machine that the tests run on."""
PROGRAMS = ("lanline", "curl", "jq")


def lines_of_page() -> list[str]:
    """Also those that cron runs."""
    found = [line for block in blocks(page("server.md")) for line in block.splitlines()]
    cron = [line.split(maxsplit=5)[5].replace("\\%", "%") for line in found if re.match(r"([\d*]+ ){5}", line)]
    return [line for line in [*found, *cron] if line.startswith((*PROGRAMS, *NOT_HERE))]


class Admin(Desk):
    """Somebody whose home folder, disk and ports are the test's."""

    def __init__(self, folder: Path, founded: Founded) -> None:
        self.port = free_port()
        home = folder / "admin"
        super().__init__(home, {"/mnt/usb": f"{home}/usb", "/srv": f"{home}/srv", "9265": str(free_port())})
        founded.copy(folder, self.port, "ann")
        (folder / "ann").rename(home / ".lanline")
        (folder / "data").rename(home / ".lanline-server")
        for name in ("backups", "usb", "srv"):
            (home / name).mkdir()
        self._server: Server | None = None

    def serve(self, options: str) -> None:
        if self._server is not None:
            assert self._server.end() == 0
            self._server.dispose()
        words = shlex.split(self.here(options))
        self._server = Server(self.home / ".lanline-server", *words, port=self.port).wait_ready()
        assert READY in self._server.said

    def follow(self, command: str) -> None:
        """Its first line is enough."""
        with self.begin(command) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), command
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(LIMIT_S)

    def dispose(self) -> None:
        super().dispose()
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
            admin.follow(line)
        elif line.startswith("lanline admin delete"):
            if "mallory" in line:
                admin.run(f"lanline join {invite} --name mallory --home mallory")
            if "#old" in line:
                admin.run("lanline rooms create '#old'")
            admin.run(f"{line} --yes")
        elif line.startswith("lanline admin new-group"):  # for who types the lines that follow
            admin.run(f"{line.replace(' ben ', ' ann ')} --yes")
        else:
            said = admin.run(line)
            invite = said.split()[0] if line == "lanline invite" else invite

"""Every command in docs/client.md, docs/chat.md and docs/json.md runs as it stands there, as a member would type it."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.house import LIMIT_S, House, house
from e2e.pages import Desk, blocks, page
from e2e.program import Program
from e2e.town import words_of_server

COMMANDS = ("lanline", "tail", "echo")
INVITE = "lanline://10.0.0.5:5265/#k7…f2"
CODE = "ABCDE FGHIJ KLMNO PQRST"
NOT_HERE = ("lanline chat --suite rsa",)
"""It changes the suite of a talk for good, and makes RSA keys, which takes seconds: tests of that suite do it."""
needs_tools = pytest.mark.skipif(not all(map(shutil.which, ("bash", "jq"))), reason="needs bash and jq")


def commands(name: str) -> list[str]:
    """A line each; a loop over several lines is one."""
    found = []
    for block in blocks(page(name)):
        joined = re.sub(r"\n(?= |done)", "\n", block)
        lines = [joined.strip()] if "\ndone" in joined else [line.strip() for line in joined.splitlines()]
        found += [line for line in lines if line.startswith(COMMANDS) and not line.startswith(NOT_HERE)]
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """Of a group of ana's, with the rooms of the pages."""
    with house(tmp_path / "house") as made:
        made.folder.mkdir()
        server = made.serve("--open")
        made.join("ana", server.first_invite)
        for room in ("#lab", "#ops", "#ci"):
            assert made.member("ana", "rooms", "create", room).returncode == 0
        yield made


class Member(Desk):
    def __init__(self, home: House, folder: Path) -> None:
        self._house = home
        # Of the page's rooms #lab is there from the beginning.
        places = {"10.0.0.5 ": f"127.0.0.1:{home.servers[0].port} ", "create '#lab'": "create '#vault'"}
        super().__init__(folder, places)
        self._key = f"--accept-key '{words_of_server(home.data)}'"
        self._said = ""
        self._waiting: subprocess.Popen[str] | None = None

    def type(self, command: str) -> None:
        if command.startswith("lanline chat") and "--stay" not in command:
            self.chat(re.split(r"\s{2,}", command)[0])  # behind it the page says what it does
        elif "--follow" in command:
            self.follow(command)
        elif "--stay" in command or command.startswith("tail -f"):
            self.goes_on(command)
        elif INVITE in command and "--name" in command:
            self.run(command.replace(INVITE, self._house.members_invite()))
        elif command.startswith("lanline devices add"):
            self._waiting = self.begin(command)
        elif INVITE in command:
            self.add_device(command)
        elif command.startswith("lanline join"):
            self._said = self.run(f"{command} {self._key} --home third")
        elif CODE in command:
            shown = re.search(r"approve '([A-Z0-9 ]+)'", self._said)
            assert shown, self._said
            self.run(command.replace(CODE, shown[1]))
        else:
            self._said = self.run(command)

    def add_device(self, command: str) -> None:
        """By the link that the other device shows, which waits for it."""
        assert self._waiting is not None
        with self._waiting as waiting:
            assert waiting.stdout is not None
            link = next(line.strip() for line in waiting.stdout if line.strip().startswith("lanline://"))
            self.run(f"{command.replace(INVITE, link)} --home second")
            assert waiting.wait(LIMIT_S) == 0

    def chat(self, command: str) -> None:
        """At a terminal; Ctrl+D leaves."""
        if "--home" in command:
            self.run(f"lanline join {self._house.members_invite()} --name eva --home {command.rsplit(maxsplit=1)[-1]}")
        chat = Program("-c", command, program=["bash"], at_terminal=True, environment=self.environment, cwd=self.home)
        try:
            chat.wait_out("Connected to .* as ")
            chat.write("\x04")
            assert chat.wait_end() == 0
        finally:
            chat.dispose()

    def follow(self, command: str) -> None:
        with self.begin(command) as process:
            try:
                assert process.stdout is not None
                for _ in range(20):  # what is said before it follows is not shown
                    assert self._house.member("ana", "send", "#ops", "it is said").returncode == 0
                    if select.select([process.stdout], [], [], 1.0)[0]:
                        break
                assert process.stdout.readline() == '"ana: it is said"\n'
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(LIMIT_S)

    def goes_on(self, command: str) -> None:
        (self.home / "build.log").write_text("built\n")
        self.add_program("my-bot", "head -n 1 > bot.txt")
        settings = {"environment": self.environment, "cwd": self.home, "start_new_session": True}
        chat = Program("-c", command, program=["bash"], **settings)
        try:
            chat.wait_aside("Connected to")
        finally:
            os.killpg(chat.process.pid, signal.SIGTERM)
            chat.dispose()


@pytest.fixture
def member(home: House, tmp_path: Path) -> Iterator[Member]:
    made = Member(home, tmp_path / "member")
    yield made
    made.dispose()


@needs_tools
def test_every_command_of_the_pages_runs(member: Member) -> None:
    typed = [*commands("client.md"), *commands("json.md"), *commands("chat.md")]
    assert len(typed) > 15
    for number, command in enumerate(typed):
        member.type(command)
        if not number:  # ann is there from now on
            for room in ("#lab", "#ops"):
                member.run(f"lanline rooms join '{room}'")

"""A server as whoever runs it has it: a process with a folder, commands beside it, and members who use the commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.nodes import ENVIRONMENT, end_nodes
from e2e.program import COMMAND

LIMIT_S = 90.0
PASSWORD = "correct horse 7"
READY = "is ready."


def clean_environment(**more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LANLINE_", "PYTHONUNBUFFERED"))}
    return ours | ENVIRONMENT | {"LANLINE_PASSWORD": PASSWORD} | more


def command(*words: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself; a person never sees a traceback. `typed` comes through a pipe."""
    done = subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        input=typed,
        env=clean_environment(**more),
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def well(done: subprocess.CompletedProcess[str]) -> str:
    """What it printed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


class Server:
    def __init__(self, data: Path, *options: str, port: int = 0, **more: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(data), "--host", "127.0.0.1", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=clean_environment(**more),
        )
        self.said = ""
        self.logged = ""
        self._is_ready = threading.Event()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_said, self._read_logged)]
        for reader in self._readers:
            reader.start()

    def _read_said(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "lanline invite" in line:  # the last line of what it tells
                self._is_ready.set()
        self._is_ready.set()

    def _read_logged(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.logged += line

    def wait_ready(self) -> Server:
        assert self._is_ready.wait(LIMIT_S), "it is not ready"
        assert READY in self.said, self.logged
        return self

    @property
    def port(self) -> int:
        return int(json.loads((self.data / "running.json").read_bytes())["port"])

    @property
    def first_invite(self) -> str | None:
        found = re.search(r"lanline://\S+", self.said)
        return found[0] if found else None

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join(LIMIT_S)
        assert "Traceback" not in self.logged, self.logged
        return status

    def dispose(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join(LIMIT_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class House:
    """A folder for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.servers: list[Server] = []
        self._inviter: str | None = None
        """Who has founded the group: members come in by links of theirs."""

    def serve(self, *options: str, data: Path | None = None, port: int = 0, **more: str) -> Server:
        return self.start(*options, data=data, port=port, **more).wait_ready()

    def start(self, *options: str, data: Path | None = None, port: int = 0, **more: str) -> Server:
        server = Server(data or self.data, *options, port=port, **more)
        self.servers.append(server)
        return server

    def admin(self, *words: str, **more: str) -> str:
        """As the operator."""
        done = command(*words, "--data", str(self.data), **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def admin_json(self, *words: str) -> list[dict[str, Any]]:
        """An object a line."""
        return [json.loads(line) for line in self.admin(*words, "--json").splitlines()]

    def invite(self, *options: str) -> str:
        return self.admin("invite", *options).splitlines()[0]

    def join(self, name: str, invite: str | None = None) -> None:
        done = self.member(name, "join", invite or self.members_invite(), "--name", name)
        assert done.returncode == 0, done.stderr
        if "Write these words down" in done.stdout:
            self._inviter = name

    def members_invite(self) -> str:
        """Of a member of the group; where there is none, of the server's machine."""
        if self._inviter is None:
            return self.invite()
        done = self.member(self._inviter, "invite")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    def member(self, name: str, *words: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return command(*words, "--home", str(self.folder / name), typed=typed, **more)

    def say(self, name: str, text: str) -> None:
        done = self.member(name, "send", "#lobby", text)
        assert done.returncode == 0, done.stderr

    def heard(self, name: str, of: str = "#lobby") -> list[str]:
        done = self.member(name, "log", of, "--last", "1000", "--json")
        assert done.returncode == 0, done.stderr
        return [line["text"] for line in map(json.loads, done.stdout.splitlines())]

    def dispose(self) -> None:
        end_nodes(self.folder)
        for server in self.servers:
            server.dispose()


@contextlib.contextmanager
def house(folder: Path) -> Iterator[House]:
    made = House(folder)
    try:
        yield made
    finally:
        made.dispose()

"""A server process and people who run commands against it, each in a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from e2e.house import PASSWORD
from e2e.nodes import ENVIRONMENT, end_nodes
from lanline.crypto.words import fingerprint_words
from lanline.server.datafolder import DataFolder
from programhouse.starting import COMMAND
from serverhouse.ports import free_port

LIMIT_S = 90.0
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith("LANLINE_")} | ENVIRONMENT


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._server: subprocess.Popen[str] | None = None
        self._running: list[subprocess.Popen[str]] = []

    def open(self, data: str = "data") -> None:
        """A server that anybody may join."""
        words = ["serve", "--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.folder / data), "--open"]
        self._server = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True, env=OUTSIDE)
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if "is ready" in line:
                return
        raise AssertionError("the server did not start")

    def close(self, how: int = signal.SIGTERM) -> None:
        if self._server is not None:
            self._server.send_signal(how)
            self._server.communicate(timeout=LIMIT_S)
            self._server = None

    def signal(self, how: int) -> None:
        assert self._server is not None
        self._server.send_signal(how)

    def run(
        self, name: str, *words: str, given: str | bytes = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        data = given.encode() if isinstance(given, str) else given
        done = subprocess.run(
            [*COMMAND, *words, "--home", str(self.folder / name)],
            input=data,
            capture_output=True,
            timeout=LIMIT_S,
            env=OUTSIDE | environment,
            check=False,
        )
        told = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in told.stderr
        return told

    def start(self, name: str, *words: str) -> subprocess.Popen[str]:
        command = [*COMMAND, *words, "--home", str(self.folder / name)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=OUTSIDE)
        self._running.append(process)
        return process

    def join(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            name,
            "join",
            f"127.0.0.1:{self.port}",
            "--name",
            name,
            "--accept-key",
            self.key_words,
            *options,
            LANLINE_PASSWORD=PASSWORD,
        )

    @property
    def key_words(self) -> str:
        """As whoever runs the server reads them."""
        return words_of_server(self.folder / "data")

    def admin(self, *words: str) -> None:
        """As the operator, on the folder of the server."""
        command = [*COMMAND, "admin", *words, "--data", str(self.folder / "data")]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S, env=OUTSIDE)

    def texts(self, name: str, of: str) -> list[str]:
        done = self.run(name, "log", of, "--json", "--last", "1000")
        assert done.returncode == 0, done.stderr
        return [each["text"] for each in map(parsed, done.stdout.splitlines())]

    def dispose(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()
        end_nodes(self.folder)
        self.close(signal.SIGKILL)


def words_of_server(data: Path) -> str:
    return " ".join(fingerprint_words(DataFolder(data).read_fingerprint()))


def parsed(line: str) -> dict[str, Any]:
    value = json.loads(line)
    assert isinstance(value, dict)
    return value

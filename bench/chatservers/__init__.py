"""Chat servers under the same load. A server is one module here, named in `SERVERS`, with four names in it:

    TITLE = "…"           its row in the tables
    CROWD = "irc"         the module of `chatcrowds` that speaks its protocol
    def why_not() -> str | None             why it cannot be measured here
    def serving(folder, members)            a context: the process, while it serves; it may keep files in the folder
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

SERVERS = ("ngircd", "inspircd")
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Serving:
    """One process: all of the server is in it."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """User and system time, of all its threads; the ticks of the clock are 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class ChatServer(Protocol):
    TITLE: str
    CROWD: str

    def why_not(self) -> str | None: ...
    def serving(self, folder: Path, members: int) -> AbstractContextManager[Serving]: ...


def load_server(name: str) -> ChatServer:
    return cast("ChatServer", importlib.import_module(f"chatservers.{name}"))


@contextmanager
def running(command: Sequence[str], port: int, **options: object) -> Iterator[Serving]:
    """The process, once its TCP port answers."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    try:
        _wait_answering(process, port)
        yield Serving(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_answering(process: subprocess.Popen[bytes], port: int) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as cause:
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{process.args!r} does not serve") from cause
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

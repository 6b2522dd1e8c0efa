"""Chat servers under the same load. A server is one module here, named in `SERVERS`, with four names in it:

TITLE = "…"           its row in the tables
CROWD = "irc"         the module of `chatcrowds` that speaks its protocol
def why_not() -> str | None             why it cannot be measured here
def serving(folder, members, place)     a context: the process, while it serves; it may keep files in the folder
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from process import cpu_s_of

SERVERS = ("lanline", "ngircd", "inspircd")
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0


_PROBE = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Place:
    """Where to serve; `prefix` is what enters a network namespace."""

    host: str = "127.0.0.1"
    port: int = field(default_factory=_free_port)
    prefix: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Serving:
    """One process: all of the server is in it."""

    pid: int
    place: Place

    def cpu_s(self) -> float:
        """User and system time, of all its threads; the ticks of the clock are 10 ms."""
        return cpu_s_of(self.pid)

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class ChatServer(Protocol):
    TITLE: str
    CROWD: str

    def why_not(self) -> str | None: ...
    def serving(self, folder: Path, members: int, place: Place) -> AbstractContextManager[Serving]: ...


def load_server(name: str) -> ChatServer:
    return cast("ChatServer", importlib.import_module(f"chatservers.{name}"))


@contextmanager
def running(command: Sequence[str], place: Place) -> Iterator[Serving]:
    """The process, once its TCP port answers."""
    process = subprocess.Popen(
        [*place.prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_answering(process, place)
        yield Serving(process.pid, place)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_answering(process: subprocess.Popen[bytes], place: Place) -> None:
    limit = time.monotonic() + START_LIMIT_S
    probe = [*place.prefix, sys.executable, "-c", _PROBE, place.host, str(place.port)]
    while subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode:
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"{process.args!r} does not serve")

"""`lanline start` of somebody who has started before, timed at a terminal from the command to the prompt."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from lanline.client.node.start import stop_node

LIMIT_S = 60.0
ROWS, COLUMNS = 24, 80
_PROMPT = b"#lobby>"
_PASSWORD_OFFER = b"New password"
_WHERE_IS_THE_CURSOR, _HERE = b"\x1b[6n", b"\x1b[1;1R"
_LEAVE = b"\x04"


class Person:
    """At a machine of their own, with a home and the folder of a server in it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        port = f"--port={_free_port()}"
        self._command = [sys.executable, "-m", "lanline", "start", port, f"--data={folder / 'data'}"]
        self._command += ["--name=ana", f"--home={self.home}"]

    def start_s(self, environment: Mapping[str, str]) -> float:
        """To the prompt; then server, chat and node are ended."""
        start = time.perf_counter()
        with _terminal(self._command, environment) as (process, terminal):
            _read_until(terminal, _PROMPT)
            taken_s = time.perf_counter() - start
            os.write(terminal, _LEAVE)
            if _PASSWORD_OFFER in _read_until(terminal, _PASSWORD_OFFER):
                os.write(terminal, b"\n")
                _read_until(terminal, b"")
            process.wait(LIMIT_S)
        if process.returncode:
            raise RuntimeError(f"lanline start ended with status {process.returncode}")
        stop_node(self.home)
        return taken_s


@contextlib.contextmanager
def starter() -> Iterator[Person]:
    """Somebody who has started once."""
    with tempfile.TemporaryDirectory() as folder:
        yield Person(Path(folder))


@contextlib.contextmanager
def _terminal(command: list[str], environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 -- one system call
        env={**environment, "TERM": "xterm"},
    )
    os.close(inner)
    try:
        yield process, outer
    finally:
        process.kill()
        process.wait()
        os.close(outer)


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """What was shown, to the end where that comes first. It answers, as a terminal does, where the cursor is."""
    shown = b""
    answered = 0
    while not wanted or wanted not in shown:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # its program has ended
            break
        shown += piece
        while shown.count(_WHERE_IS_THE_CURSOR) > answered:
            answered += 1
            os.write(terminal, _HERE)
    return shown


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

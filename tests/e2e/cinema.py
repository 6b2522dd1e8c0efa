"""`lanline video` as a person runs it: processes at pipes or at a terminal, read with a limit; the plain format made
of nothing but `struct` and a socket, as somebody else would write it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from e2e.program import COMMAND, LIMIT_S, Watched
from lanline.media import framenumber
from lanline.media.api import Layout, Picture
from lanline.media.colours import as_picture

HEADER = struct.Struct("!IHHI")
TRIES = 6
"""What is live leaves pictures out on a machine that is busy with other things; but not each time."""


class Program:
    def __init__(self, *arguments: str, terminal: tuple[int, int] | None = None, **environment: str) -> None:
        command = [*COMMAND, "video", *arguments]
        env = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TMUX", "SSH_CONNECTION"}}
        env |= environment
        self.terminal = -1
        self._answered = 0
        if terminal is None:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
            )
            assert self.process.stdout is not None
            assert self.process.stderr is not None
            self.out, self.aside = Watched(self.process.stdout.fileno()), Watched(self.process.stderr.fileno())
            return
        self.terminal, self.inner = pty.openpty()
        rows, columns = terminal
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * 8, rows * 16))
        self.process = subprocess.Popen(
            command, stdin=self.inner, stdout=self.inner, stderr=self.inner, env=env, start_new_session=True
        )
        self.out = self.aside = Watched(self.terminal)

    def pump(self, until: Callable[[], object], what: str) -> None:
        limit = time.monotonic() + LIMIT_S
        while not until():
            assert time.monotonic() < limit, f"no {what} in {self.out.text[-2000:]!r} / {self.aside.text[-2000:]!r}"
            self.take_ready(0.05)

    def take_ready(self, wait_s: float = 0.0) -> bool:
        open_ones = {each.descriptor: each for each in {self.out, self.aside} if not each.is_over}
        ready = select.select(list(open_ones), [], [], wait_s)[0] if open_ones else []
        for descriptor in ready:
            open_ones[descriptor].take()
        return bool(ready)

    def wait_out(self, pattern: str) -> re.Match[str]:
        return self._wait(self.out, pattern)

    def wait_aside(self, pattern: str) -> re.Match[str]:
        return self._wait(self.aside, pattern)

    def _wait(self, where: Watched, pattern: str) -> re.Match[str]:
        self.pump(lambda: re.search(pattern, where.text) or self.process.poll() is not None, pattern)
        while self.process.poll() is not None and self.take_ready():
            pass
        found = re.search(pattern, where.text)
        assert found, f"no {pattern} in {where.text[-2000:]!r}; beside it {self.aside.text[-2000:]!r}"
        return found

    def press(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait_end()

    def wait_end(self) -> int:
        self.pump(lambda: self.process.poll() is not None, "end")
        while self.take_ready():
            pass
        assert "Traceback" not in self.aside.text
        return int(self.process.returncode)

    def dispose(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.terminal >= 0:
            os.close(self.terminal)
            os.close(self.inner)


class Cinema:
    """Starts programs and ends them."""

    def __init__(self) -> None:
        self._programs: list[Program] = []

    def serve(self, *options: str, source: str = "test", port: int = 0) -> tuple[Program, int]:
        """Running, and the port that it took."""
        program = self.run("serve", "--host", "127.0.0.1", "--port", str(port), "--source", source, *options)
        return program, int(program.wait_out(r"on UDP port (\d+)")[1])

    def watch(self, port: int, *options: str, terminal: tuple[int, int] | None = None, **environment: str) -> Program:
        return self.run(
            "watch", "--plain", "--server-host", "127.0.0.1", "--server-port", str(port), *options,
            terminal=terminal, **environment,
        )  # fmt: skip

    def run(self, *arguments: str, terminal: tuple[int, int] | None = None, **environment: str) -> Program:
        program = Program(*arguments, terminal=terminal, **environment)
        self._programs.append(program)
        return program

    def dispose(self) -> None:
        for program in self._programs:
            program.dispose()


@contextlib.contextmanager
def cinema() -> Iterator[Cinema]:
    made = Cinema()
    try:
        yield made
    finally:
        made.dispose()


@contextlib.contextmanager
def udp_socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        made.bind(("127.0.0.1", 0))
        made.settimeout(LIMIT_S)
        yield made


def whole_frames(viewer: socket.socket) -> Iterator[tuple[int, bytes, list[int]]]:
    """Number, picture, and the sizes of its datagrams, of each that arrives whole."""
    chunks: dict[int, dict[int, bytes]] = {}
    while True:
        datagram = viewer.recv(65_536)
        frame_id, total, index, size = HEADER.unpack_from(datagram)
        payload = datagram[HEADER.size :]
        assert len(payload) == size
        parts = chunks.setdefault(frame_id, {})
        parts[index] = payload
        if len(parts) == total:
            ordered = [parts[number] for number in range(total)]
            yield frame_id, b"".join(ordered), [len(part) + HEADER.size for part in ordered]


def unbroken(frames: Iterator[tuple[int, bytes, list[int]]], count: int) -> list[tuple[int, bytes, list[int]]]:
    """So many of them one after the other: a server's numbers and the painted ones each go on by one."""
    run: list[tuple[int, bytes, list[int]]] = []
    for frame in itertools.islice(frames, TRIES * count):
        if run and not _follows(run[-1], frame):
            run = []
        run.append(frame)
        if len(run) == count:
            return run
    raise AssertionError("each time some were left out, which is more than a busy machine")


def _follows(earlier: tuple[int, bytes, list[int]], later: tuple[int, bytes, list[int]]) -> bool:
    return (later[0], painted_number(later[1])) == (earlier[0] + 1, painted_number(earlier[1]) + 1)


def is_whole(numbers: list[int], least: int) -> bool:
    return len(numbers) >= least and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def cut(frame_id: int, picture: bytes, room: int = 1000) -> list[bytes]:
    pieces = [picture[start : start + room] for start in range(0, len(picture), room)]
    return [HEADER.pack(frame_id, len(pieces), index, len(piece)) + piece for index, piece in enumerate(pieces)]


def painted_picture(number: int, width: int = 640, height: int = 360) -> bytes:
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    framenumber.paint(pixels, number)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=80))


def painted_number(jpeg: bytes) -> int:
    return framenumber.read(Picture(simplejpeg.decode_jpeg(jpeg), Layout.RGB, 0))


def numbers_in(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [framenumber.read(as_picture(frame, Layout.YUV, 0)) for frame in container.decode(video=0)]


LINUX = sys.platform.startswith("linux")


@pytest.fixture(name="house")
def cinema_house() -> Iterator[Cinema]:
    with cinema() as made:
        yield made

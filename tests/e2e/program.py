"""`lanline` as a person or a script runs it: a process at pipes or at a terminal, read with a limit."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from e2e.nodes import ENVIRONMENT
from programhouse.starting import COMMAND, take_terminal

LIMIT_S = 60.0


class Watched:
    """What a descriptor gives, kept as it comes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.data = b""
        self.is_over = False

    def take(self) -> None:
        try:
            piece = os.read(self.descriptor, 65_536)
        except OSError:  # a terminal whose program has ended
            piece = b""
        self.data += piece
        self.is_over = not piece

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class Program:
    """`out` is what others said, `aside` what the program tells; at a terminal both are the screen."""

    def __init__(
        self,
        *arguments: str,
        at_terminal: bool = False,
        cursor_row: int = 1,
        cursor_answers: int = 1_000_000,
        environment: Mapping[str, str] = {},
        program: Sequence[str] = COMMAND,
        **settings: Any,
    ) -> None:
        command = [*program, *arguments]
        self._terminal = -1
        self._answered = 0
        self._cursor_row = cursor_row
        """Of 40, as the terminal says when it is asked."""
        self._cursor_answers = cursor_answers
        """So many times it says it, as one that is slow later on."""
        if at_terminal:
            self._terminal, inner = pty.openpty()
            fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
            self.process = subprocess.Popen(
                command,
                stdin=inner,
                stdout=inner,
                stderr=inner,
                start_new_session=True,
                preexec_fn=take_terminal,  # noqa: PLW1509 -- one system call
                env=os.environ | ENVIRONMENT | {"TERM": "xterm"} | environment,
                **settings,
            )
            os.close(inner)
            self.out = self.aside = Watched(self._terminal)
            self._input = self._terminal
        else:
            settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
            self.process = subprocess.Popen(command, bufsize=0, env=os.environ | ENVIRONMENT | environment, **settings)
            self.out, self.aside = (
                Watched(stream.fileno() if stream else -1) for stream in (self.process.stdout, self.process.stderr)
            )
            self._input = self.process.stdin.fileno() if self.process.stdin else -1

    def _watched(self) -> list[Watched]:
        return [each for each in {self.out, self.aside} if each.descriptor >= 0 and not each.is_over]

    def pump(self, until: Callable[[], object], what: str = "", writes: bytes = b"") -> None:
        """Read, and write meanwhile, until the condition holds."""
        limit = time.monotonic() + LIMIT_S
        while writes or not until():
            remaining = limit - time.monotonic()
            assert remaining > 0, f"no {what} in {self.out.text[-2000:]!r} / {self.aside.text[-2000:]!r}"
            ready, writable, _ = select.select(
                [each.descriptor for each in self._watched()], [self._input] if writes else [], [], min(remaining, 0.05)
            )
            for each in self._watched():
                if each.descriptor in ready:
                    each.take()
                    if not writes:  # or it would stand in the middle of what is pasted
                        self._answer_for_terminal()
            if writable:
                writes = writes[os.write(self._input, writes[:4096]) :]

    def take_ready(self) -> bool:
        """Read what is there now."""
        watched = self._watched()
        ready, _, _ = select.select([each.descriptor for each in watched], [], [], 0) if watched else ([], [], [])
        for each in watched:
            if each.descriptor in ready:
                each.take()
        return bool(ready)

    def _answer_for_terminal(self) -> None:
        """Where the cursor is: a terminal that does not say so is shown less."""
        asked = self.out.data.count(b"\x1b[6n")
        due = min(asked, self._cursor_answers) - self._answered
        if self._terminal >= 0 and due > 0:
            self._answered += due
            os.write(self._terminal, f"\x1b[{self._cursor_row};1R".encode() * due)

    def wait_out(self, pattern: str) -> re.Match[str]:
        return self._wait(lambda: self.out, pattern)

    def wait_aside(self, pattern: str) -> re.Match[str]:
        return self._wait(lambda: self.aside, pattern)

    def _wait(self, where: Callable[[], Watched], pattern: str) -> re.Match[str]:
        self.pump(lambda: re.search(pattern, where().text), pattern)
        found = re.search(pattern, where().text)
        assert found
        return found

    def write(self, text: str | bytes) -> None:
        self.pump(lambda: True, writes=text.encode() if isinstance(text, str) else text)

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait_end(self) -> int:
        self.pump(lambda: self.process.poll() is not None, "end")
        while self.take_ready():
            pass
        assert "Traceback" not in self.aside.text
        return self.process.returncode

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def close_terminal(self) -> None:
        os.close(self._terminal)
        self._terminal = -1
        self.out.is_over = True

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def dispose(self) -> None:
        self.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self._terminal >= 0:
            os.close(self._terminal)

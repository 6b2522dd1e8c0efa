"""The terminal itself: its size, its keys, its answers, and its state as it was found. Knows nothing of pictures."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable

from lanline.errors import MediaProblem
from lanline.media.api import Size

_USUAL_CELL = Size(8, 16)
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = b"\x1b[0m\x1b[?2026l\x1b[?25h\x1b[?1049l"
_FAREWELL_S = 1.0
_POLL_S = 0.1
_SUSPEND, _QUIT = b"\x1a", b"\x1c"


class Tty:
    """On descriptors of its own: what is set on them does not reach the shell that started us."""

    def __init__(self) -> None:
        if sys.stdout is None or not sys.stdout.isatty():
            raise MediaProblem("The output is no terminal. Use another --sink: window, or the name of a file.")
        self._out = os.open(os.ttyname(sys.stdout.fileno()), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._found = termios.tcgetattr(self._out)
        self._is_open = True
        self.was_away = False
        """The shell has had the terminal meanwhile: whoever draws begins anew, and takes this back."""
        atexit.register(self.close)
        self._quieten()
        self.write(_ENTER)

    def _quieten(self) -> None:
        """Keys come at once, unseen. Ctrl+C still interrupts. Ctrl+Z and Ctrl+backslash come as keys: by themselves
        they would leave the wrong screen to the shell.
        """
        quiet = termios.tcgetattr(self._out)
        quiet[3] &= ~(termios.ICANON | termios.ECHO)
        quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
        quiet[6][termios.VSUSP] = quiet[6][termios.VQUIT] = b"\0"
        termios.tcsetattr(self._out, termios.TCSANOW, quiet)

    def cells(self) -> tuple[Size, Size]:
        """How many there are, and what one measures in pixels."""
        packed = fcntl.ioctl(self._out, termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("HHHH", packed)
        cells = Size(columns or 80, rows or 24)
        if width and height:
            return cells, Size(max(1, width // cells.width), max(1, height // cells.height))
        return cells, _USUAL_CELL

    def ask(self, question: bytes, wait_s: float, is_answered: Callable[[bytes], bool]) -> bytes:
        self.write(question)
        answer = b""
        limit = time.monotonic() + wait_s
        while not is_answered(answer) and (remaining := limit - time.monotonic()) > 0:
            if select.select([self._out], [], [], remaining)[0]:
                answer += self._read()
        return answer

    def keys(self) -> bytes:
        """Ctrl+Z lends the terminal to the shell until the program goes on; Ctrl+backslash is a wish to leave."""
        read = self._read() if self._is_open else b""
        if _SUSPEND in read:
            self._suspend()
        return read.replace(_SUSPEND, b"").replace(_QUIT, b"q")

    def _suspend(self) -> None:
        self.write(_LEAVE, _FAREWELL_S)
        termios.tcsetattr(self._out, termios.TCSANOW, self._found)
        os.killpg(0, signal.SIGTSTP)
        self._quieten()
        self.write(_ENTER)
        self.was_away = True

    def _read(self) -> bytes:
        try:
            return os.read(self._out, 1024)
        except OSError:
            return b""

    def write(self, data: bytes, limit_s: float | None = None) -> None:
        """Waits for a slow line; gives up when it is closed meanwhile, or gone."""
        view = memoryview(data)
        limit = None if limit_s is None else time.monotonic() + limit_s
        while view and self._is_open and (limit is None or time.monotonic() < limit):
            try:
                view = view[os.write(self._out, view) :]
            except BlockingIOError:
                select.select([], [self._out], [], _POLL_S)
            except OSError as cause:
                raise MediaProblem("The terminal is gone.") from cause

    def close(self) -> None:
        """Whatever happened: the screen, the cursor and the keys as they were."""
        if not self._is_open:
            return
        with contextlib.suppress(MediaProblem):
            self.write(_LEAVE, _FAREWELL_S)
        self._is_open = False
        atexit.unregister(self.close)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._out, termios.TCSANOW, self._found)
        os.close(self._out)

"""Owns how a person is called at a terminal: the bell, and a notification of the desktop by whichever way there is.

`notify-send` where the desktop is that of this machine; otherwise the escape sequence that the terminal makes one of:
OSC 777 for urxvt, foot and those of VTE, OSC 9 for the others. A terminal that knows neither leaves it out.
"""

from __future__ import annotations

import contextlib
import html
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum

from lanline.client.view.calling import is_quiet
from lanline.client.view.view import View
from lanline.model.text import safe_line

_LEAST_APART_S = 2.0
_PROGRAM_S = 10.0
_TITLE = "Lanline"


class NotificationWay(Enum):
    NONE = "none"
    PROGRAM = "notify-send"
    OSC_9 = "OSC 9"
    OSC_777 = "OSC 777"


def way_of(environment: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> NotificationWay:
    has_desktop = environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY")
    if has_desktop and not environment.get("SSH_CONNECTION") and which("notify-send"):
        return NotificationWay.PROGRAM
    terminal = environment.get("TERM", "dumb")
    if terminal.startswith(("rxvt", "foot")) or environment.get("VTE_VERSION"):
        return NotificationWay.OSC_777
    if terminal.startswith(("xterm", "tmux", "screen", "alacritty", "wezterm", "ghostty")):
        return NotificationWay.OSC_9
    return NotificationWay.NONE


class Attention:
    def __init__(
        self,
        view: View,
        *,
        environment: Mapping[str, str] = os.environ,
        write: Callable[[str], object] | None = None,
        run: Callable[[list[str]], object] | None = None,
        now: Callable[[], float] = time.monotonic,
        minute: Callable[[], int] = lambda: time.localtime().tm_hour * 60 + time.localtime().tm_min,
    ) -> None:
        self._view = view
        self._way = way_of(environment)
        self._is_in_tmux = bool(environment.get("TMUX"))
        self._write = write or _write_out
        self._run = run or _run
        self._now = now
        self._minute = minute
        self._called_at = float("-inf")

    def call(self, text: str) -> None:
        """Not more often than a person can hear."""
        wants, now = self._view.notifying, self._now()
        if is_quiet(wants, self._minute()) or now < self._called_at + _LEAST_APART_S:
            return
        self._called_at = now
        if wants.has_bell:
            self._write("\a")
        if wants.has_desktop:
            self._notify(safe_line(text))

    def _notify(self, text: str) -> None:
        match self._way:
            case NotificationWay.PROGRAM:
                # Its text is a kind of HTML.
                self._run(["notify-send", "--app-name", _TITLE, "--", _TITLE, html.escape(text)])
            case NotificationWay.OSC_9:
                self._write(self._passed(f"\x1b]9;{text}\a"))
            case NotificationWay.OSC_777:
                self._write(self._passed(f"\x1b]777;notify;{_TITLE};{text.replace(';', ',')}\a"))
            case NotificationWay.NONE:
                pass

    def _passed(self, sequence: str) -> str:
        """Through tmux, where it lets such through."""
        return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if self._is_in_tmux else sequence


def _write_out(text: str) -> None:
    """At once and past the line that is typed: it moves no cursor."""
    stream = sys.__stdout__
    if stream is not None:
        stream.write(text)
        stream.flush()


def _run(command: list[str]) -> None:
    """Nobody waits for it."""

    def run() -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(  # noqa: S603 -- words of our own, and a text
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PROGRAM_S,
                check=False,
            )

    threading.Thread(target=run, daemon=True).start()

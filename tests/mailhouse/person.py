"""Somebody at a shell or a terminal, who runs the command as a process."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from mailhouse.certificates import Authority

ENVELOPE = ["--from-addr", "ann@example.org", "--to-addr", "bob@example.org"]


# Tests may run where Ctrl+C or a hang-up is ignored, as in the background; their children would ignore it too.
_LISTENING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " signal.signal(signal.SIGHUP, signal.SIG_DFL)"
)
_AT_TERMINAL = f"import fcntl, os, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); {_LISTENING}"


class Person:
    """Somebody at a shell, with an outbox of their own and no SMTP variables."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.outbox = folder / "outbox"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SMTP_")}
        self.environment |= {"LANLINE_OUTBOX": str(self.outbox)}
        self.ca = ["--ca-file", str(authority.ca_file)]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "lanline", "smtp", *words]

    def bootstrapped(self, preamble: str, *words: str) -> list[str]:
        return [sys.executable, "-c", f"{preamble}\nfrom lanline.cli.main import main\nmain()", "smtp", *words]

    def run(self, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        if "input" not in settings:
            settings.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=60,
            **settings,
        )

    def send(self, port: int, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        return self.run("send", "--smtp-host", "localhost", "--smtp-port", str(port), *self.ca, *words, **settings)

    def start(self, *words: str, **settings: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.bootstrapped(_LISTENING, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            **settings,
        )

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.outbox.glob("*.json"))]


def is_a_sentence(run: subprocess.CompletedProcess[str], status: int) -> bool:
    return (
        run.returncode == status and "Traceback" not in run.stderr and run.stderr.startswith(("lanline: ", "Usage: "))
    )


def at_terminal(person: Person, words: list[str], typed: bytes, prompt: bytes) -> tuple[int, bytes]:
    """Runs the command on a terminal of its own, types once the prompt is there, and returns what was on the screen."""
    master, slave = pty.openpty()

    process = subprocess.Popen(
        person.bootstrapped(_AT_TERMINAL, *words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=person.environment,
    )
    os.close(slave)
    screen = b""
    while select.select([master], [], [], 60)[0]:
        try:
            read = os.read(master, 4096)
        except OSError:  # nobody holds the other side any more
            break
        screen += read
        if prompt in screen and typed:
            os.write(master, typed)
            typed = b""
    os.close(master)  # which also ends a command that still waits for somebody to type
    return process.wait(60), screen

"""Real `lanline` processes that can be killed, stopped and let go on at any moment, and what they printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from e2e.nodes import ENVIRONMENT

LANLINE = (sys.executable, "-m", "lanline")
_PASSWORD = "correct horse battery"


class Program:
    """Its standard output goes to a file, which outlives it; the last line may be torn by a kill."""

    def __init__(self, words: Sequence[str], output: Path, *, is_talked_to: bool = False) -> None:
        self.output = output
        self.was_killed = False
        self._lock = threading.Lock()
        with output.open("ab") as out, output.with_suffix(".err").open("ab") as err:
            self._process = subprocess.Popen(
                list(words),
                stdin=subprocess.PIPE if is_talked_to else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=os.environ | {"LANLINE_PASSWORD": _PASSWORD, "PYTHONUNBUFFERED": "1"} | ENVIRONMENT,
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def say(self, line: str) -> bool:
        """False when nobody listens any more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def end_input(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self, limit_s: float) -> int | None:
        """Its exit status; None when it still runs after so long."""
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None

    # ---- what is done to it ----

    def kill(self) -> bool:
        with self._lock:
            if not self.is_running:
                return False
            self.was_killed = True
            self._process.kill()
        self._process.wait()
        return True

    def stop(self) -> bool:
        return self._signal(signal.SIGSTOP)

    def go_on(self) -> bool:
        return self._signal(signal.SIGCONT)

    def ask_to_end(self) -> bool:
        return self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> bool:
        with self._lock:
            if not self.is_running:
                return False
            self._process.send_signal(number)
            return True

    def printed(self) -> list[str]:
        """The whole lines; what a kill has torn is not one."""
        text = self.output.read_text(encoding="utf-8", errors="replace")
        return text.split("\n")[:-1]

    def complaints(self) -> str:
        return self.output.with_suffix(".err").read_text(encoding="utf-8", errors="replace")


class Stable:
    """All programs that run now, so that somebody may strike one of them, and none outlives the run."""

    def __init__(self, folder: Path, command: Sequence[str] = LANLINE) -> None:
        self.folder = folder
        self._command = command
        self._programs: set[Program] = set()
        self._lock = threading.Lock()
        self._count = 0

    def start(self, *words: str, is_talked_to: bool = False) -> Program:
        with self._lock:
            self._count += 1
            number = self._count
        program = Program(
            [*self._command, *words], self.folder / f"{number:05d}-{words[0]}.out", is_talked_to=is_talked_to
        )
        with self._lock:
            self._programs = {each for each in self._programs if each.is_running} | {program}
        return program

    def running(self) -> list[Program]:
        with self._lock:
            return sorted((each for each in self._programs if each.is_running), key=lambda each: each.output)

    def clear(self) -> None:
        for program in self.running():
            program.kill()

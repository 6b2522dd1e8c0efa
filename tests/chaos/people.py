"""Who uses the server meanwhile: one who sends line by line, one who chats through a pipe, one who follows the log.

Each has a home of its own, and notes in the ledger what it typed before it types it, and what it was told.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path

from chaos.programs import Program, Stable
from sim.system.ledger import Ledger

ROOM = "#lobby"
_PATIENCE_S = 180.0


class Person:
    """Does one thing after the other until it is told to end."""

    def __init__(self, name: str, stable: Stable, ledger: Ledger, homes: Path, seed: int) -> None:
        self.name = name
        self.home = homes / name
        self.stable = stable
        self.ledger = ledger
        self.rng = random.Random(f"{name} {seed}")
        self.problems: list[str] = []
        self.runs: list[list[str]] = []
        """What each program printed that shows the log."""
        self._count = 0
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._is_ending.set()

    def join(self) -> None:
        self._thread.join()

    @property
    def is_ending(self) -> bool:
        return self._is_ending.is_set()

    def pause(self, longest_s: float) -> None:
        self._is_ending.wait(self.rng.uniform(0.0, longest_s))

    def _run(self) -> None:
        while not self.is_ending:
            try:
                self.act()
            except Exception as problem:  # noqa: BLE001 -- told at the end; the others go on
                self.problems.append(f"{self.name}: {problem!r}")
                return

    def act(self) -> None:
        raise NotImplementedError

    def program(self, *words: str, is_talked_to: bool = False) -> Program:
        return self.stable.start(*words, "--home", str(self.home), is_talked_to=is_talked_to)

    def next_text(self) -> str:
        self._count += 1
        text = f"{self.name} {self._count} {'x' * self.rng.randint(0, 200)}".rstrip()
        self.ledger.type(self.name, self.name, ROOM, text)
        return text


class Sender(Person):
    """`lanline send`: its exit status 0 is an acknowledgement."""

    def act(self) -> None:
        text = self.next_text()
        program = self.program("send", ROOM, text)
        status = program.wait(_PATIENCE_S)
        typed = self.ledger.typed[text]
        if status == 0:
            typed.was_sent = True
        elif status is None:
            program.kill()
            self.problems.append(f"{self.name}: `lanline send` neither sent nor gave up in {_PATIENCE_S:.0f} s")
        # Killed before it had kept what it was given, it can know nothing of it; gave it up, it keeps it.
        typed.may_vanish = program.was_killed
        self.pause(0.2)


class Chatter(Person):
    """`lanline chat` at a pipe: it ends by itself with status 0 when all that it was told is acknowledged."""

    def act(self) -> None:
        program = self.program("chat", ROOM, "--json", is_talked_to=True)
        told = []
        for _ in range(self.rng.randint(1, 60)):
            if self.is_ending:
                break
            text = self.next_text()
            self.ledger.typed[text].may_vanish = True
            told.append(text)
            if not program.say(text):
                break
            self.pause(0.1)
        program.end_input()
        status = program.wait(_PATIENCE_S)
        if status == 0:
            for text in told:
                self.ledger.typed[text].was_sent = True
        elif status is None:
            program.kill()
            self.problems.append(f"{self.name}: `lanline chat` did not end in {_PATIENCE_S:.0f} s")
        self.runs.append(program.printed())


class Follower(Person):
    """`lanline log --follow --json`."""

    def act(self) -> None:
        program = self.program("log", ROOM, "--follow", "--json")
        while program.is_running and not self.is_ending:
            self.pause(0.5)
        if self.is_ending:
            program.ask_to_end()
            program.wait(_PATIENCE_S)
            program.kill()
        self.runs.append(program.printed())

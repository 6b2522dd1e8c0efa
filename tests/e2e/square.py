"""A town whose people chat, at terminals and at pipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.program import Program
from e2e.town import PASSWORD, Town


class Square(Town):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._chats: list[Program] = []

    def chat(self, name: str, *options: str, **settings: Any) -> Program:
        environment = settings.pop("environment", {})
        home = ("--home", str(self.folder / name))
        program = Program("chat", *home, *options, environment={"NO_COLOR": "1"} | environment, **settings)
        self._chats.append(program)
        return program

    def at_terminal(self, name: str, *options: str, **settings: Any) -> Program:
        program = self.chat(name, *options, at_terminal=True, **settings)
        program.wait_out(f"Connected to .* as {name}")
        return program

    def enters(self, name: str) -> Program:
        """Joined, and sitting there."""
        if (self.folder / name).exists():
            return self.at_terminal(name)
        options = ("--server", f"127.0.0.1:{self.port}", "--name", name)
        program = self.chat(name, *options, at_terminal=True, environment={"LANLINE_PASSWORD": PASSWORD})
        program.wait_out("Are they the same")
        program.write("yes\r")
        program.wait_out(f"Connected to .* as {name}")
        return program

    def dispose(self) -> None:
        for program in self._chats:
            program.dispose()
        super().dispose()

"""Owns a conversation of two at a terminal.

A typed line shows up in the conversation when the other side has shown it, with a mark; until then it stands below the
prompt as not delivered.
"""

from __future__ import annotations

import sys

from prompt_toolkit.patch_stdout import patch_stdout

from lanline.client.peer.chat import PeerChat
from lanline.errors import InvalidInput
from lanline.faces.peer.face import PeerFace, shorten
from lanline.faces.prompt import TypedLines
from lanline.model.text import safe_text

_GOODBYE_S = 3.0


class TerminalPeerFace(PeerFace):
    def __init__(self, chat: PeerChat) -> None:
        super().__init__(chat)
        self._lines = TypedLines(self._tell, self._toolbar)

    async def run(self) -> None:
        with patch_stdout():
            await super().run()

    def _toolbar(self) -> str:
        waiting = self._chat.undelivered
        if not waiting:
            return ""
        return f"not delivered yet ({len(waiting):,}): {shorten(waiting[0])}"

    def _tell(self, line: str) -> None:
        sys.stdout.write(f"* {line}\n")

    async def _show_text(self, name: str, text: str) -> None:
        self._write_text(name, text)

    def _write_text(self, name: str, text: str) -> None:
        indented = text.replace("\n", "\n" + " " * (len(name) + 2))
        sys.stdout.write(f"{name}: {indented}\n")

    def _show_delivered(self, text: str) -> None:
        self._write_text(self._chat.name, safe_text(text) + " ✓")
        self._lines.refresh()

    async def _take_input(self) -> None:
        self._tell("Type, and press Enter. ✓ means it was shown there. Ctrl+D or Ctrl+C leaves.")
        while (line := await self._lines.next_line()) is not None:
            if line.strip():
                try:
                    self._chat.say(line)
                except InvalidInput as problem:
                    self._tell(str(problem))
        if self._chat.undelivered and self._chat.is_connected:
            self._tell(f"Waiting {_GOODBYE_S:.0f} s for what is not delivered yet. Ctrl+C leaves at once.")
        await self._wait_delivered(_GOODBYE_S if self._chat.is_connected else 0.0)

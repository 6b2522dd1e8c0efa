"""The output of a running video server: lines that stay, and figures that overwrite the ones before, so that on a
terminal the link above them stays in view. In a file each is a line of its own.
"""

from __future__ import annotations

import shutil
import sys

from lanline.cli.video.options import say_aside


class Board:
    def __init__(self) -> None:
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._rows = 0
        """Of the figures that stand below everything else."""

    def say(self, line: str) -> None:
        self._rows = 0
        say_aside(line)

    def show(self, text: str) -> None:
        if not self._is_terminal:
            say_aside(text)
            return
        room = shutil.get_terminal_size()
        rows = [row[: room.columns - 1] for row in text.split("\n")][: max(1, room.lines // 2)]
        back = f"\x1b[{self._rows}A\x1b[J" if self._rows else ""
        say_aside(back + "\n".join(rows))
        self._rows = len(rows)

"""Owns how the chat writes to a terminal: lines of what people said, sentences of the program, and lines between days.

All text is made safe here, whatever it passed before.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable

from prompt_toolkit.utils import get_cwidth

from lanline.client.moments import clock_text, day_text
from lanline.client.view.rendering import MARKS, Rendered, rendered
from lanline.client.view.values import Conversation, Message
from lanline.client.view.view import View
from lanline.faces.chat.listings import waiting_lines
from lanline.faces.chat.paint import Paint
from lanline.faces.chat.scrollback import Scrollback
from lanline.model.text import safe_line, safe_text

NARROW_COLUMNS = 50
_SHORT_COLUMNS = 40


def now_ms() -> int:
    return int(time.time() * 1000)


def columns() -> int:
    return shutil.get_terminal_size().columns


def shorten(text: str, max_columns: int = _SHORT_COLUMNS) -> str:
    """One line of at most so many columns; wide characters count twice."""
    line = safe_line(text[: 4 * max_columns])
    if get_cwidth(line) <= max_columns and len(text) <= 4 * max_columns:
        return line
    while line and get_cwidth(line) > max_columns - 1:
        line = line[:-1]
    return line.rstrip() + "…"


def _write_out(text: str) -> None:
    """Looked up each time: while a line is typed, standard output is another one."""
    sys.stdout.write(text)


class TerminalScreen:
    def __init__(
        self,
        view: View,
        paint: Paint,
        *,
        write: Callable[[str], object] | None = None,
        rows_above: Callable[[], int] = lambda: 0,
        width: Callable[[], int] = columns,
        now: Callable[[], int] = now_ms,
    ) -> None:
        """`rows_above`: how many rows above the prompt stand on the screen; they can be written anew."""
        self._view = view
        self._paint = paint
        self._width = width
        self._scrollback = Scrollback(write or _write_out, width, rows_above)
        self._write = self._scrollback.add
        self.forget_lines = self._scrollback.forget
        self._now = now
        self._day = day_text(now())

    # What people said.

    def say(self, message: Message, *, where: str = "", number: str = "") -> None:
        """`where`: another conversation than the open one."""
        if rule := self._day_rule(message):
            self._write(rule)
        self._scrollback.add(self._line_of(message, (where, number)), message.entry_id, (where, number))

    def amend(self, message: Message) -> bool:
        """Shows it as it is now, where it stands on the screen; False: it stands there no more."""
        return self._scrollback.replace(message.entry_id, lambda label: self._line_of(message, label))

    def _line_of(self, message: Message, label: tuple[str, str]) -> str:
        mark, (where, number) = MARKS[message.state], label
        return self.line(message.time_ms, rendered(self._view, message), mark=mark, where=where, number=number)

    def line(self, time_ms: int, said: Rendered, *, mark: str = "", where: str = "", number: str = "") -> str:
        stamp = "".join(f"{part} " for part in (number, clock_text(time_ms, self._now()), safe_line(where)) if part)
        opening, end = ("* ", " ") if said.is_action else ("", ": ")
        painted = f"{opening}{self._paint.name(said.name)}{end}"
        body = self._indented(
            safe_line(said.front) + safe_text(said.text), get_cwidth(f"{stamp}{opening}{said.name}{end}")
        )
        ending = self._paint.faint(safe_line(said.behind) + (f" {mark}" if mark else ""))
        return f"{self._paint.faint(stamp)}{painted}{body}{ending}\n"

    def _day_rule(self, message: Message) -> str:
        day = day_text(message.time_ms)
        if not day or day == self._day:
            return ""
        self._day = day
        return self._rule(day)

    def _indented(self, text: str, columns: int) -> str:
        return text.replace("\n", "\n" + " " * (2 if self._width() < NARROW_COLUMNS else columns))

    # What the program tells.

    def tell(self, text: str) -> None:
        self._write(self._paint.faint(self._wrapped(text)) + "\n")

    def tell_trouble(self, text: str) -> None:
        self._write(self._paint.trouble(self._wrapped(text)) + "\n")

    def rule(self, text: str) -> None:
        self._write(self._rule(text))

    def table(self, lines: Iterable[str]) -> None:
        """As they stand: their author is this program, with names made safe."""
        self._write("".join(f"{line}\n" for line in lines))

    def tell_waiting(self, waiting: list[tuple[Conversation, list[Message]]]) -> None:
        """For who comes back: what is unread."""
        self.table(waiting_lines(self._view, waiting, self._now()))

    def _wrapped(self, text: str) -> str:
        """Between words; what people say is left to the terminal, so that it can be copied whole."""
        width = max(20, self._width() - 1)
        return textwrap.fill(safe_line(text), width, initial_indent="* ", subsequent_indent="  ") or "*"

    def _rule(self, text: str) -> str:
        line = f"── {safe_line(text)} "
        return self._paint.faint(line + "─" * max(2, min(self._width(), 60) - get_cwidth(line))) + "\n"

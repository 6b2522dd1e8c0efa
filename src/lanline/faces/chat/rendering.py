"""What was said, as lines for a screen. All text is made safe here, whatever it passed before."""

from __future__ import annotations

import datetime as dt
import textwrap

from prompt_toolkit.utils import get_cwidth

from lanline.faces.chat.paint import Paint
from lanline.model.text import display_name, safe_line, safe_text

NARROW_COLUMNS = 50
_QUOTE_CHARACTERS = 40
_ACTION = "/me "
"""How an action is said on the wire: as text that begins so, as in XEP-0245; who does not know it still understands."""


def moment(time_ms: int) -> dt.datetime | None:
    """Local time; None for what is none: a server may say anything."""
    try:
        return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def clock_text(time_ms: int) -> str:
    at = moment(time_ms)
    return at.strftime("%H:%M") if at else "--:--"


def day_text(time_ms: int) -> str:
    at = moment(time_ms)
    return at.strftime("%A, %Y-%m-%d") if at else ""


def when_text(time_ms: int, now_ms: int) -> str:
    """The time, and the day as well unless it is today."""
    at, now = moment(time_ms), moment(now_ms)
    if at is None or now is None:
        return "--:--"
    return at.strftime("%H:%M") if at.date() == now.date() else at.strftime("%Y-%m-%d %H:%M")


def utc_text(time_ms: int) -> str | None:
    """For programs."""
    at = moment(time_ms)
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def shorten(text: str, most_columns: int = _QUOTE_CHARACTERS) -> str:
    """One line of at most so many columns; wide characters count twice."""
    line = safe_line(text[: 4 * most_columns])
    if get_cwidth(line) <= most_columns and len(text) <= 4 * most_columns:
        return line
    while line and get_cwidth(line) > most_columns - 1:
        line = line[:-1]
    return line.rstrip() + "…"


class Speech:
    """Writes what people said, for a screen of a certain width."""

    def __init__(self, paint: Paint, columns: int = 80) -> None:
        self._paint = paint
        self.columns = columns

    def line(
        self, time_ms: int, name: str, text: str, *, mark: str = "", where: str = "", front: str = "", number: str = ""
    ) -> str:
        """`where` names another conversation than the open one; `front` stands between the name and the text."""
        shown = display_name(name)
        stamp = "".join(f"{part} " for part in (number, clock_text(time_ms), safe_line(where)) if part)
        if text.startswith(_ACTION):
            opening, painted = f"* {shown} ", f"* {self._paint.name(shown)} "
            text = text.removeprefix(_ACTION)
        else:
            opening, painted = f"{shown}: ", f"{self._paint.name(shown)}: "
        body = self._indented(safe_line(front) + safe_text(text), get_cwidth(stamp + opening))
        ending = self._paint.faint(f" {mark}") if mark else ""
        return f"{self._paint.faint(stamp)}{painted}{body}{ending}\n"

    def _indented(self, text: str, columns: int) -> str:
        return text.replace("\n", "\n" + " " * (2 if self.columns < NARROW_COLUMNS else columns))

    def aside(self, text: str) -> str:
        """What is told by the program, not by a person."""
        return self._paint.faint(self._wrapped(text)) + "\n"

    def trouble(self, text: str) -> str:
        return self._paint.trouble(self._wrapped(text)) + "\n"

    def _wrapped(self, text: str) -> str:
        """Between words; what people say is left to the terminal, so that it can be copied whole."""
        width = max(20, self.columns - 1)
        return textwrap.fill(safe_line(text), width, initial_indent="* ", subsequent_indent="  ") or "*"

    def rule(self, text: str) -> str:
        line = f"── {safe_line(text)} "
        return self._paint.faint(line + "─" * max(2, min(self.columns, 60) - get_cwidth(line))) + "\n"


def action_text(text: str) -> str:
    return _ACTION + text

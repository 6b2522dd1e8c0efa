"""A terminal as a sink: pictures in the best way that it knows; below them, each in a row, what there is to say, and
the statistics. `q` leaves.
"""

from __future__ import annotations

import os
import re
import sys

from lanline.media.api import KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_UP, Layout, Picture, Size
from lanline.media.colours import Colours
from lanline.media.sinks.terminal.ability import ASK_S, Ability, ability, is_answered
from lanline.media.sinks.terminal.canvas import Area, Canvas
from lanline.media.sinks.terminal.cells import HalfBlocks, Letters
from lanline.media.sinks.terminal.kitty import Kitty
from lanline.media.sinks.terminal.sixel import Sixel
from lanline.media.sinks.terminal.tty import Tty

_WIDEST, _WIDEST_FAR = 640, 320
"""Pixels of a picture that is sent as one; less over ssh, where it would be late."""
_KEY = re.compile(r"\x1b{1,2}\[[0-?]*[ -/]*[@-~]|\x1b{1,2}O.|\x1b.|.", re.DOTALL)
"""Of Alt and another key comes an Esc, and what that key gives."""
_ARROWS = {
    f"\x1b{before}{letter}": key
    for before in "[O"
    for letter, key in zip("ABCD", (KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT), strict=True)
}
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
"""What stands between is shown at once; terminals that do not know it pass over it."""


class TerminalSink:
    def __init__(self) -> None:
        self._tty = Tty()
        try:
            self.ability = ability(
                os.environ,
                is_utf8=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
                ask=lambda question: self._tty.ask(question, ASK_S, is_answered),
            )
        except BaseException:
            self._tty.close()
            raise
        self._canvas = _canvas(self.ability)
        self._colours = Colours()
        self._area: Area | None = None
        self._fitted = Size(0, 0)
        self._line = ""
        self._notice = ""
        self._picture: Picture | None = None

    def show(self, picture: Picture) -> None:
        self._picture = picture
        area, cleared = self._measured()
        size = _fitted(picture.size, *self._canvas.grid(area))
        if size != self._fitted:
            self._fitted = size
            cleared = cleared or self._cleared()
        rgb = self._colours.change(picture, Layout.RGB, size)
        self._tty.write(_BEGIN + cleared + self._canvas.draw(rgb.pixels, area) + _END)

    def _measured(self) -> tuple[Area, bytes]:
        area = self._area_now()
        if area == self._area and not self._tty.was_away:
            return area, b""
        self._tty.was_away = False
        self._area = area
        return area, self._cleared()

    def _area_now(self) -> Area:
        cells, cell = self._tty.cells()
        return Area(Size(cells.width, max(1, cells.height - len(self._foot()))), cell)

    def _foot(self) -> list[str]:
        return [line for line in (self._notice, self._line) if line] or [""]

    def _cleared(self) -> bytes:
        self._canvas.forget()
        return self._canvas.erase() + b"\x1b[0m\x1b[2J" + self._status()

    def tell(self, line: str) -> None:
        self._line = line
        self._tty.write(self._status())

    def notify(self, line: str) -> None:
        self._notice = line
        self._tty.write(self._status())

    def _status(self) -> bytes:
        cells, _ = self._tty.cells()
        foot = [line.encode("ascii", "replace")[: cells.width - 1] for line in self._foot()]
        first = cells.height - len(foot) + 1
        return b"".join(b"\x1b[%d;1H\x1b[0m%b\x1b[K" % (first + row, text) for row, text in enumerate(foot))

    def keys(self) -> list[str]:
        if self._picture is not None and self._has_changed():
            self.show(self._picture)  # none may follow for a long time
        return [_ARROWS.get(key, key) for key in _KEY.findall(self._tty.keys().decode("ascii", "replace"))]

    def _has_changed(self) -> bool:
        return self._tty.was_away or self._area_now() != self._area

    def close(self) -> None:
        self._tty.write(self._canvas.erase())
        self._tty.close()


def _canvas(known: Ability) -> Canvas:
    widest = _WIDEST_FAR if os.environ.get("SSH_CONNECTION") else _WIDEST
    match known:
        case Ability.KITTY:
            return Kitty(widest)
        case Ability.SIXEL:
            return Sixel(widest)
        case Ability.TRUE_COLOUR | Ability.COLOURS_256:
            return HalfBlocks(true_colour=known is Ability.TRUE_COLOUR)
        case Ability.LETTERS:
            return Letters()


def _fitted(size: Size, grid: Size, square: float) -> Size:
    """As large as the grid allows, in the proportion of the picture, though the pixels of the grid may be oblong."""
    scale = min(grid.width * square / size.width, grid.height / size.height)
    width = min(grid.width, max(2, round(size.width * scale / square)))
    return Size(width, min(grid.height, max(2, round(size.height * scale)) & ~1))

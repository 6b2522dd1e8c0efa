"""Owns colours, where the terminal has them and the person wants them. Others: `scrollback`, `attention`."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from typing import TextIO

_NAME_COLOURS = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)
"""Neither red, which is for trouble, nor what one of the usual backgrounds swallows."""


class Paint:
    def __init__(self, *, has_colours: bool) -> None:
        self._has_colours = has_colours

    def name(self, name: str) -> str:
        """A name has the same colour everywhere and always."""
        return self._in(f"1;{_NAME_COLOURS[zlib.crc32(name.casefold().encode()) % len(_NAME_COLOURS)]}", name)

    def faint(self, text: str) -> str:
        return self._in("2", text)

    def trouble(self, text: str) -> str:
        return self._in("31", text)

    def _in(self, codes: str, text: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self._has_colours and text else text


def has_colours(screen: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """NO_COLOR as https://no-color.org has it: set, and not empty."""
    if environment.get("NO_COLOR") or environment.get("TERM", "dumb") in {"dumb", ""}:
        return False
    return screen.isatty()

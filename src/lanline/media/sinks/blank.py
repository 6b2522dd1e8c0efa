"""No picture at all: for measuring, and for machines without a screen."""

from __future__ import annotations

from collections.abc import Callable

from lanline.media.api import Picture


class Blank:
    """Statistics go to `say`, a line at a time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, picture: Picture) -> None:
        """The decoder has done its work; that is all there is to it."""

    def tell(self, line: str) -> None:
        self._say(line)

    def notify(self, line: str) -> None:
        if line:
            self._say(line)

    def keys(self) -> list[str]:
        return []

    def close(self) -> None:
        pass

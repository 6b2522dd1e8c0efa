"""Owns pastes of any size at a terminal: they are gathered in pieces, and beyond the limit only counted.

prompt_toolkit searches all that was pasted so far at every read, which takes half a minute for ten megabytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

_START, _END = "\x1b[200~", "\x1b[201~"


class PasteParser(Vt100Parser):
    """Gives a paste as one key, like its base. One over the limit comes empty, with its size in `refused_bytes`."""

    def __init__(self, feed_key_callback: Callable[[KeyPress], None], limit_bytes: int) -> None:
        super().__init__(feed_key_callback)
        self._limit_bytes = limit_bytes
        self._pieces: list[str] | None = None
        self._size_bytes = 0
        self._last = ""
        self.refused_bytes = 0

    def feed(self, data: str) -> None:
        if self._pieces is None:
            before, mark, data = data.partition(_START)
            if before:
                super().feed(before)
            if not mark:
                return
            self._pieces, self._size_bytes, self._last = [], 0, ""
        # The end mark may be cut between two reads.
        window = self._last + data
        content, mark, rest = window.partition(_END)
        if mark:
            self._gather(content)
            self._finish()
            self.feed(rest)
        else:
            self._gather(window[: 1 - len(_END)])
            self._last = window[1 - len(_END) :]

    def _gather(self, piece: str) -> None:
        assert self._pieces is not None
        self._size_bytes += len(piece.encode("utf-8", "replace"))
        if self._size_bytes <= self._limit_bytes:
            self._pieces.append(piece)

    def _finish(self) -> None:
        assert self._pieces is not None
        is_refused = self._size_bytes > self._limit_bytes
        self.refused_bytes = self._size_bytes if is_refused else 0
        content = "" if is_refused else "".join(self._pieces)
        self._pieces = None
        self.feed_key_callback(KeyPress(Keys.BracketedPaste, content))


def input_with_pastes(limit_bytes: int) -> tuple[Input, PasteParser | None]:
    """The terminal's input; where it has no such parser, as on Windows, it stays the library's."""
    terminal = create_input()
    base = getattr(terminal, "vt100_parser", None)
    if not isinstance(base, Vt100Parser):
        return terminal, None
    parser = PasteParser(base.feed_key_callback, limit_bytes)
    terminal.vt100_parser = parser  # type: ignore[attr-defined]
    # While something is printed above the line, the library lets the terminal handle keys by itself, and a Ctrl+D of
    # that moment is lost. Nothing here needs that: printing works in raw mode too.
    terminal.cooked_mode = contextlib.nullcontext  # type: ignore[method-assign]
    return terminal, parser

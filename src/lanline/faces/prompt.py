"""Typed lines at a terminal. What is printed meanwhile appears above the line being typed, which stays whole."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from lanline.faces.paste import input_with_pastes
from lanline.model.text import MAX_TEXT_BYTES


class TypedLines:
    def __init__(self, tell: Callable[[str], None], toolbar: Callable[[], str] | None = None) -> None:
        self._tell = tell
        terminal, self._pastes = input_with_pastes(MAX_TEXT_BYTES)
        self._session: PromptSession[str] = PromptSession(
            erase_when_done=True, bottom_toolbar=toolbar, key_bindings=self._bindings(), input=terminal
        )

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            size = (
                self._pastes.refused_bytes if self._pastes is not None else len(event.data.encode("utf-8", "replace"))
            )
            if size > MAX_TEXT_BYTES:
                self._tell(f"Not taken: the paste has {size:,} bytes, and one message holds {MAX_TEXT_BYTES:,}.")
            else:
                event.current_buffer.insert_text(event.data.replace("\r\n", "\n").replace("\r", "\n"))

        return bindings

    async def next_line(self) -> str | None:
        """None when the person leaves, by Ctrl+C or Ctrl+D."""
        try:
            return await self._session.prompt_async("> ", handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None

    def refresh(self) -> None:
        self._session.app.invalidate()

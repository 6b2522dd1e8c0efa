"""Owns the line that is typed at a terminal. What is printed meanwhile appears above it, and it stays whole."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import Completer
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyBindingsBase, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.renderer import CPR_Support, HeightIsUnknownError

from lanline.faces.paste import input_with_pastes
from lanline.model.text import MAX_TEXT_BYTES

_ANSWER_S = 0.3


class TypedLines:
    def __init__(
        self,
        tell: Callable[[str], None],
        toolbar: Callable[[], AnyFormattedText] | None = None,
        *,
        prompt: Callable[[], str] = lambda: "> ",
        completer: Completer | None = None,
        bindings: KeyBindingsBase | None = None,
        limit_bytes: int = MAX_TEXT_BYTES,
        on_suspend: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_suspend`: other programs will write to the terminal."""
        self._on_suspend = on_suspend
        self._rows_above = 0
        self._tell = tell
        self._prompt = prompt
        self._limit_bytes = limit_bytes
        self._terminal, self._pastes = input_with_pastes(limit_bytes)
        self.was_interrupted = False
        """By Ctrl+C, which leaves without another question."""
        self._session: PromptSession[str] = PromptSession(
            erase_when_done=True,
            bottom_toolbar=toolbar,
            key_bindings=merge_key_bindings([self._bindings(), bindings or KeyBindings()]),
            input=self._terminal,
            completer=completer,
            complete_while_typing=False,
        )
        self._session.app.after_render += lambda _app: self._note_rows_above()

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            size = (
                self._pastes.refused_bytes if self._pastes is not None else len(event.data.encode("utf-8", "replace"))
            )
            if size > self._limit_bytes:
                self._tell(f"Not taken: the paste has {size:,} bytes, and one message holds {self._limit_bytes:,}.")
            else:
                event.current_buffer.insert_text(event.data.replace("\r\n", "\n").replace("\r", "\n"))

        @bindings.add(Keys.ControlZ)
        def _(_event: KeyPressEvent) -> None:
            self._on_suspend()
            run_in_terminal(self._suspend)

        @bindings.add(Keys.Vt100MouseEvent)
        def _(_event: KeyPressEvent) -> None:
            """No mouse is asked for: it is an escape sequence in typed text, and the library stumbles over it."""

        return bindings

    def _suspend(self) -> None:
        """Returns when this job goes on. The shell has set the terminal as it likes it meanwhile."""
        if hasattr(signal, "SIGTSTP"):
            from prompt_toolkit.input.vt100 import cooked_mode  # noqa: PLC0415 -- not where there is no such signal

            with cooked_mode(self._terminal.fileno()):
                os.kill(0, signal.SIGTSTP)

    async def next_line(self) -> str | None:
        """None when the person leaves, by Ctrl+C or Ctrl+D."""
        try:
            return await self._session.prompt_async(self._prompt, handle_sigint=False)
        except KeyboardInterrupt:
            self.was_interrupted = True
            return None
        except EOFError:
            return None

    async def ask(self, question: str, *, is_secret: bool = False) -> str | None:
        """The answer to one question, which is no line of the conversation and is not offered again."""
        session: PromptSession[str] = PromptSession(
            is_password=is_secret, key_bindings=self._bindings(), input=self._terminal
        )
        try:
            return await session.prompt_async(question, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the keyboard between lines too: a Ctrl+D in the moment before the next prompt would be lost."""
        with self._terminal.raw_mode():
            yield
            self._drop_answer()

    def _drop_answer(self) -> None:
        """Of the terminal, where the cursor is: one that is still on its way would stand at the shell's prompt."""
        renderer = self._session.app.renderer
        if renderer.waiting_for_cpr and renderer.cpr_support is CPR_Support.SUPPORTED:
            ready, _, _ = select.select([self._terminal.fileno()], [], [], _ANSWER_S)
            if ready:
                os.read(self._terminal.fileno(), 4096)

    def leave(self) -> bool:
        """As if the person had left; the line they were typing goes. False when nothing is being typed."""
        if not self._session.app.is_running:
            return False
        self._session.app.exit(exception=EOFError())
        return True

    def rows_above(self) -> int:
        """How many rows of the screen stand above the line that is typed; while the terminal has not answered yet, as
        it was last known. 0 where it does not answer at all.
        """
        self._note_rows_above()
        return self._rows_above

    def _note_rows_above(self) -> None:
        with contextlib.suppress(HeightIsUnknownError):
            self._rows_above = self._session.app.renderer.rows_above_layout

    def refresh(self) -> None:
        self._session.app.invalidate()

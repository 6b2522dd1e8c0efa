"""Owns the chat at a terminal: what happens is written above the line being typed, and what is typed is carried out."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator

from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from lanline.client.firstof import first_of
from lanline.client.node.face import Face
from lanline.client.view.incoming import Incoming
from lanline.client.view.places import Places
from lanline.client.view.transcript import Transcript
from lanline.client.view.view import Change
from lanline.errors import InvalidInput, LanlineError
from lanline.faces.chat.attention import Attention
from lanline.faces.chat.completion import ChatCompleter
from lanline.faces.chat.grammar import Order, parse_line
from lanline.faces.chat.paint import Paint, has_colours
from lanline.faces.chat.runner import CommandRunner, Leaving
from lanline.faces.chat.screen import TerminalScreen, columns
from lanline.faces.chat.statusbar import StatusBar
from lanline.faces.chat.unsent import check_sent, queued, telling_queued, wait_sent
from lanline.faces.prompt import TypedLines
from lanline.model.content import MAX_SAID_BYTES

_WELCOME = "What you type is said here. /help lists the commands; Ctrl+D or Ctrl+C leaves, Ctrl+Z waits."
_GOODBYE_S = 3.0
_ANSWER_S = 10.0
"""What is typed behind a command that goes elsewhere, or says something, waits for it; not for ever."""
_MOVES = {"join", "create", "part", "query", "switch"}
_SAYS = {"say", "me", "msg", "reply", "edit", "delete", "react", "again", "topic"}


@contextlib.contextmanager
def screen() -> Iterator[None]:
    """Raw, because the colours are ours: what others wrote was made safe before."""
    with patch_stdout(raw=True):
        yield


class TerminalChat:
    def __init__(self, face: Face, here: str) -> None:
        self._face = face
        self._view = face.view
        paint = Paint(has_colours=has_colours(sys.stdout))
        self._screen = TerminalScreen(face.view, paint, rows_above=self._rows_above)
        self._transcript = Transcript(face.view, self._screen)
        self._places = Places(face.view, here)
        self._bar = StatusBar(face.view, self._places)
        self._runner = CommandRunner(face, self._places, self._transcript, self._screen)
        self._incoming = Incoming(
            face.view, self._places, self._transcript, self._screen, face.said_here, Attention(face.view).call
        )
        self._lines = TypedLines(
            self._screen.tell,
            self._toolbar,
            prompt=lambda: f"{self._places.here}> ",
            completer=ChatCompleter(
                lambda: [person.name for person in self._view.people],
                lambda: [title for title in self._places.titles if title.startswith("#")],
            ),
            bindings=self._keys(),
            limit_bytes=MAX_SAID_BYTES,
            on_suspend=self._screen.forget_lines,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: LanlineError | None = None
        self._has_left = False

    def _rows_above(self) -> int:
        return self._lines.rows_above()

    @property
    def was_interrupted(self) -> bool:
        """The person has left by Ctrl+C, and wants no more questions."""
        return self._lines.was_interrupted

    def tell(self, sentence: str) -> None:
        self._screen.tell(sentence)

    async def run(self) -> None:
        """Until the person leaves, or it cannot go on, which raises the reason. Raises StillQueued in the end."""
        with telling_queued(lambda: queued(self._view)):
            await self._talk()
        check_sent(queued(self._view))

    async def _talk(self) -> None:
        with screen():
            try:
                with self._lines.held():
                    self._screen.tell(_WELCOME)
                    # With a connection the notice of what is kept comes first, and then the words.
                    self._runner.go(self._places.here, is_shown=not self._view.is_connected)
                    await first_of(self._show_changes(), self._take_input(), self._watch_end())
                if self._end is not None and not self._has_left:  # the server also ends the link of who left by `dereg`
                    raise self._end
                await self._say_goodbye()
            finally:
                for task in self._tasks:
                    task.cancel()

    async def _watch_end(self) -> None:
        """What ends it for good first takes the prompt off the screen, or the reason would stand behind it."""
        try:
            await self._face.wait_ended()
        except LanlineError as problem:
            self._end = problem
            if self._lines.leave():
                await asyncio.Event().wait()

    # What is shown.

    def _toolbar(self) -> AnyFormattedText:
        return self._bar.fragments(columns())

    async def _show_changes(self) -> None:
        while True:
            change = await self._face.next_change()
            self._incoming.on_change(change)
            self._refresh(change)

    def _refresh(self, change: Change | None = None) -> None:
        for sentence in self._incoming.refusals(change):
            self._screen.tell_trouble(sentence)
        self._bar.refresh()
        self._lines.refresh()

    # What is typed.

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        for number in range(1, 10):
            keys.add("escape", str(number))(lambda _, number=number: self._go_to(number))

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            """A line that is half typed goes first."""
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt())

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        return keys

    def _go_to(self, number: int) -> None:
        try:
            self._runner.go(self._places.numbered(number))
        except InvalidInput as problem:
            self._screen.tell_trouble(str(problem))
        self._refresh()

    async def _take_input(self) -> None:
        """Typing goes on while a command waits for its answer; what was typed behind one that moves waits for it."""
        typed: asyncio.Queue[str | None] = asyncio.Queue()
        await first_of(self._type(typed), self._carry_out(typed))

    async def _type(self, typed: asyncio.Queue[str | None]) -> None:
        while (line := await self._lines.next_line()) is not None:
            typed.put_nowait(line)
        typed.put_nowait(None)
        await asyncio.Event().wait()

    async def _carry_out(self, typed: asyncio.Queue[str | None]) -> None:
        try:
            while (line := await typed.get()) is not None:
                try:
                    await self._on_line(line)
                except LanlineError as problem:
                    self._screen.tell_trouble(str(problem))
                self._refresh()
        except Leaving:
            self._has_left = True

    async def _on_line(self, line: str) -> None:
        parsed = parse_line(line, self._view.name)
        if parsed is None:
            return
        if not isinstance(parsed, Order) or parsed.command.name in {"quit", "dereg"}:
            await self._runner.carry_out(parsed)
            return
        task = asyncio.create_task(self._runner.carry_out(parsed))
        self._tasks.add(task)
        task.add_done_callback(self._on_carried_out)
        if parsed.command.name in _MOVES | _SAYS:
            await asyncio.wait([task], timeout=_ANSWER_S)

    def _on_carried_out(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "A command failed.", "exception": problem})
        self._refresh()

    async def _say_goodbye(self) -> None:
        if waiting := queued(self._view):
            if not self._view.is_connected:
                return
            self._screen.tell(f"Waiting {_GOODBYE_S:.0f} s to send {len(waiting):,}. Ctrl+C leaves at once.")
            await wait_sent(self._face, limit_s=_GOODBYE_S)

"""The chat at a pipe: every line is said, what arrives is printed, and the end comes when all of one's own is safe."""

from __future__ import annotations

import asyncio
import json

from lanline.client.chat.client import ChatClient
from lanline.client.chat.events import CopyParted, EntriesReceived, MessageStateChanged, NodeEvent
from lanline.client.chat.values import Conversation, Message, MessageState
from lanline.errors import InvalidInput, LanlineError, StillQueued
from lanline.faces.chat.goodbye import Unsent, check_sent, still_queued
from lanline.faces.chat.listings import unread_of
from lanline.faces.chat.rendering import utc_text
from lanline.faces.chat.tidings import Tidings
from lanline.faces.chat.utterances import name_of, words_of
from lanline.faces.firstof import first_of
from lanline.faces.lines import InputLines, OutputLines, tell_aside
from lanline.model.content import Reaction, Text
from lanline.model.text import safe_text

_AHEAD = 256
"""So many lines may be queued before the next is read: a pipe is faster than any disk."""


class NotSaid(LanlineError):
    """Some lines were refused; each was told when it was."""


class PipedChat:
    def __init__(self, client: ChatClient, here: str, *, as_json: bool, stays: bool, wait_s: float) -> None:
        self._client = client
        self._node = client.node
        self._here = here
        self._as_json = as_json
        self._stays = stays
        self._wait_s = wait_s
        self._input = InputLines()
        self._output = OutputLines()
        self._tidings = Tidings(client.node)
        self._printed: dict[int, int] = {}
        self._own: set[bytes] = set()
        self._unsent = Unsent(client)
        self._not_taken = 0

    async def run(self) -> None:
        """Raises StillQueued when something of its own could not be sent in time."""
        try:
            await first_of(self._show_events(), self._take_input(), self._client.wait_ended())
        except asyncio.CancelledError:
            check_sent(self._unsent.messages())
            raise
        except LanlineError as problem:
            if waiting := still_queued(self._unsent.messages()):
                raise StillQueued(f"{problem} {waiting}") from problem
            raise
        self._check_all_sent()

    # What arrives.

    async def _show_events(self) -> None:
        for conversation in self._node.conversations:
            await self._print(conversation, unread_of(self._node, conversation))
        while True:
            await self._show(await self._client.next_event())

    async def _show(self, event: NodeEvent) -> None:
        match event:
            case EntriesReceived(log, messages):
                if (conversation := self._node.conversation(log)) is not None:
                    await self._print(conversation, messages)
            case CopyParted(log, through):
                if log in self._printed:
                    self._printed[log] = min(through, self._printed[log])
            case MessageStateChanged(entry_id=entry_id, state=MessageState.REFUSED, problem=problem):
                if entry_id in self._own:
                    self._not_taken += 1
                    tell_aside(f"Not taken by the server: {problem}")
            case _:
                for line in self._tidings.of(event):
                    tell_aside(line)

    async def _print(self, conversation: Conversation, messages: tuple[Message, ...] | list[Message]) -> None:
        after = self._printed.get(conversation.log, conversation.read)
        new = [message for message in messages if message.sequence > after]
        lines = [self._line(conversation, each) for each in new if each.entry_id not in self._own]
        if text := "".join(lines):
            await self._output.write(text)
        if new:
            self._printed[conversation.log] = new[-1].sequence
            self._node.mark_read(conversation.log, new[-1].sequence)

    def _line(self, conversation: Conversation, message: Message) -> str:
        name = name_of(self._node, message)
        if self._as_json:
            return _json_line(conversation.title, name, message)
        front = f"{conversation.title} {name}: "
        words = safe_text(words_of(message))
        return "".join(f"{front}{line}\n" for line in words.split("\n")) if words else ""

    # What is said.

    async def _take_input(self) -> None:
        while True:
            try:
                line = await self._input.next_line()
                if line is None:
                    break
                if line.strip():
                    await self._unsent.wait_below(_AHEAD, self._wait_s, only_connected=True)
                    self._say(line)
            except InvalidInput as problem:
                self._not_taken += 1
                tell_aside(str(problem))
        if self._stays:
            await asyncio.Event().wait()
        await self._unsent.wait_below(1, self._wait_s)

    def _say(self, line: str) -> None:
        message = self._node.say(self._here, Text(line))
        self._own.add(message.entry_id)
        self._unsent.add(message)

    def _check_all_sent(self) -> None:
        sentences = [
            still_queued(self._unsent.messages()),
            "The input was not read to its end." if self._input.has_unread else "",
        ]
        if missing := " ".join(filter(None, sentences)):
            raise StillQueued(missing)
        if self._not_taken:
            raise NotSaid(f"{self._not_taken:,} of the lines could not be said.")


def _json_line(title: str, name: str, message: Message) -> str:
    """ASCII only, so that whatever is in it reaches no terminal as a command; and exactly what was said."""
    row: dict[str, object] = {
        "conversation": title,
        "from": name,
        "kind": type(message.content).__name__.lower(),
        "text": words_of(message),
        "time": utc_text(message.time_ms),
        "sequence": message.sequence,
        "id": message.entry_id.hex(),
    }
    if (target := getattr(message.content, "target", None)) is not None:
        row["target"] = target.hex()
    if isinstance(message.content, Reaction):
        row |= {"symbol": message.content.symbol, "is_withdrawn": message.content.is_withdrawn}
    return json.dumps(row) + "\n"

"""Owns the chat at a pipe: every line is said, what arrives is printed, and it ends when all of one's own is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lanline.client.firstof import first_of
from lanline.client.node.face import Face
from lanline.client.view.events import (
    ConversationOpened,
    CopyParted,
    EntriesOpened,
    EntriesReceived,
    MessageStateChanged,
    Warned,
)
from lanline.client.view.notices import Notices
from lanline.client.view.rendering import alarm_json, message_json, rendered
from lanline.client.view.values import Conversation, Message, MessageState
from lanline.client.view.view import Change, Snapshot, held_through
from lanline.errors import InvalidInput, LanlineError, StillQueued
from lanline.faces.chat.unsent import queued, still_queued, telling_queued, wait_sent
from lanline.faces.lines import InputLines, OutputLines, tell_aside
from lanline.model.content import Text

_AHEAD = 256
"""So many lines may be queued before the next is read: a pipe is faster than any disk."""
_AT_ONCE = 500


class NotSaid(LanlineError):
    """Some lines were refused; each was told when it was."""


class PipedChat:
    def __init__(self, face: Face, here: str, *, as_json: bool, stays: bool, wait_s: float) -> None:
        self._face = face
        self._view = face.view
        self._here = here
        self._as_json = as_json
        self._stays = stays
        self._wait_s = wait_s
        self._input = InputLines()
        self._output = OutputLines()
        self._notices = Notices(face.view)
        self._begun: dict[int, int] = {}
        self._printed: dict[int, int] = {}
        """By log: after which message it began, and the last one printed."""
        self._refused: set[bytes] = set()
        self._not_taken = 0

    async def run(self) -> None:
        """Raises StillQueued when something of its own could not be sent in time."""
        with telling_queued(self._own_queued):
            await first_of(self._show_changes(), self._take_input(), self._face.wait_ended())
        self._check_all_sent()

    def _own_queued(self) -> list[Message]:
        return [message for message in queued(self._view) if message.entry_id in self._face.said_here]

    # What arrives.

    async def _show_changes(self) -> None:
        while True:
            await self._show(await self._face.next_change())

    async def _show(self, change: Change) -> None:
        match change:
            case EntriesReceived(log, messages):
                if (conversation := self._view.conversation(log)) is not None:
                    await self._print_through(conversation, list(messages))
            case EntriesOpened(log, messages):
                await self._print_opened(log, messages)
            case CopyParted(log, through):
                self._forget_after(log, through)
            case MessageStateChanged(entry_id=entry_id, state=MessageState.REFUSED, problem=problem):
                self._tell_refused(entry_id, problem)
            case Warned() if self._as_json:
                await self._output.write(alarm_json(change) + "\n")
            case _:
                for line in self._notices.of(change):
                    tell_aside(line)
                await self._begin_new(change)

    def _tell_refused(self, entry_id: bytes, problem: str) -> None:
        if entry_id in self._face.said_here and entry_id not in self._refused:
            self._refused.add(entry_id)
            self._not_taken += 1
            tell_aside(f"Not taken by the server: {problem}")

    def _tell_all_refused(self, outbox: Iterable[Message]) -> None:
        """Also those of which no change was told: the node has ended, or this program was too slow."""
        for message in outbox:
            if message.state is MessageState.REFUSED:
                self._tell_refused(message.entry_id, message.problem)

    async def _begin_new(self, change: Change) -> None:
        if isinstance(change, ConversationOpened):
            self._begin(change.conversation)
        elif isinstance(change, Snapshot):
            for conversation in change.conversations:
                self._begin(conversation)
                self._forget_after(conversation.log, held_through(self._view, conversation))
                await self._print_through(conversation, [])
            self._tell_all_refused(change.outbox)

    def _begin(self, conversation: Conversation) -> None:
        """After what was read when it was first heard of: other programs go on reading."""
        begun = self._begun.setdefault(conversation.log, max(conversation.read, conversation.first))
        self._printed.setdefault(conversation.log, begun)

    def _forget_after(self, log: int, through: int) -> None:
        """A restored server gives these numbers to others."""
        if log in self._printed:
            self._printed[log] = min(through, self._printed[log])

    async def _print_through(self, conversation: Conversation, arrived: list[Message]) -> None:
        """What follows on what was printed: what has just arrived, or what the node has kept meanwhile."""
        log = conversation.log
        after = self._printed.setdefault(log, arrived[0].sequence - 1 if arrived else conversation.delivered)
        new = [message for message in arrived if message.sequence > after]
        while not new or new[0].sequence > after + 1:
            if after >= conversation.delivered:
                return
            kept = [each for each in await self._face.read(log, _AT_ONCE, after=after) if each.sequence > after]
            if not kept:
                break
            await self._print(conversation, kept)
            after = kept[-1].sequence
            new = [message for message in new if message.sequence > after]
        if new:
            await self._print(conversation, new)

    async def _print_opened(self, log: int, messages: tuple[Message, ...]) -> None:
        """What was printed as not to be read."""
        conversation, begun = self._view.conversation(log), self._begun.get(log)
        if conversation is None or begun is None:
            return
        printed = [each for each in messages if begun < each.sequence <= self._printed[log]]
        if text := "".join(self._line(conversation, each) for each in printed if each.is_said):
            await self._output.write(text)

    async def _print(self, conversation: Conversation, messages: list[Message]) -> None:
        if missed := messages[0].sequence - self._printed[conversation.log] - 1:
            tell_aside(f"{missed:,} messages in {conversation.title} came before these, and are not on this device.")
        shown = [each for each in messages if each.is_said and each.entry_id not in self._face.said_here]
        lines = [self._line(conversation, each) for each in shown]
        if text := "".join(lines):
            await self._output.write(text)
        self._printed[conversation.log] = messages[-1].sequence
        self._view.mark_read(conversation.log, messages[-1].sequence)

    def _line(self, conversation: Conversation, message: Message) -> str:
        if self._as_json:
            return message_json(self._view, message) + "\n"
        first, *others = str(said := rendered(self._view, message)).split("\n")
        front = f"{conversation.title} "
        return "".join([f"{front}{first}\n", *(f"{front}{said.name}: {line}\n" for line in others)])

    # What is said.

    async def _take_input(self) -> None:
        while True:
            try:
                line = await self._input.next_line()
                if line is None:
                    break
                if line.strip():
                    await self._wait_room()
                    await self._face.say(self._here, Text(line))
            except InvalidInput as problem:
                self._not_taken += 1
                tell_aside(str(problem))
        if self._stays:
            await asyncio.Event().wait()
        await wait_sent(self._face, self._face.said_here, limit_s=self._wait_s)

    async def _wait_room(self) -> None:
        """Where there is no connection that they could leave by, all lines are kept."""

        def has_room() -> bool:
            return not self._view.is_connected or len(self._own_queued()) < _AHEAD

        await self._face.wait_until(has_room, self._wait_s)

    def _check_all_sent(self) -> None:
        self._tell_all_refused(self._view.outbox)
        sentences = [
            still_queued(self._own_queued()),
            "The input was not read to its end." if self._input.has_unread else "",
        ]
        if missing := " ".join(filter(None, sentences)):
            raise StillQueued(missing)
        if self._not_taken:
            raise NotSaid(f"{self._not_taken:,} of the lines could not be said.")

"""Decides what of the news is shown, where, and when: at once, or as unread; and after an absence, all in order.

While the conversations catch up, nothing said is shown: first comes the notice of how much is kept, then the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lanline.client.chat.events import (
    CaughtUp,
    ConnectionLost,
    ConversationClosed,
    ConversationOpened,
    CopyParted,
    EarlierReceived,
    EntriesReceived,
    MemberChanged,
    MessageQueued,
    MessageStateChanged,
    NodeEvent,
    SignedIn,
    Synchronized,
)
from lanline.client.chat.node import ChatNode
from lanline.client.chat.values import Conversation, Message
from lanline.faces.chat.listings import waiting_lines
from lanline.faces.chat.places import Places
from lanline.faces.chat.rendering import shorten
from lanline.faces.chat.tidings import Tidings
from lanline.faces.chat.transcript import Transcript
from lanline.faces.chat.utterances import name_of, stands_alone, words_of


class NewsDesk:
    def __init__(self, node: ChatNode, places: Places, transcript: Transcript, now_ms: Callable[[], int]) -> None:
        self._node = node
        self._places = places
        self._transcript = transcript
        self._now_ms = now_ms
        self._tidings = Tidings(node)
        self._catching_up: set[int] | None = None
        """The logs that are not whole yet; None before it is known which there are."""
        self._said: set[bytes] = set()
        """What was said from here, and is to show up also when it went elsewhere."""

    def on_event(self, event: NodeEvent) -> None:
        match event:
            case EntriesReceived(log, messages, is_live):
                self._on_entries(log, messages, is_live=is_live)
            case CopyParted(log, through):
                self._transcript.forget_after(log, through)
            case MessageQueued(message):
                self._said.add(message.entry_id)
            case EarlierReceived(log, messages):
                self._on_earlier(log, messages)
            case MemberChanged(log, account) if not self._concerns(log, account):
                pass
            case _:
                for line in self._tidings.of(event):
                    self._transcript.tell(line)
                self._on_progress(event)

    def _concerns(self, log: int, account: int) -> bool:
        conversation = self._node.conversation(log)
        return account == self._node.account or (conversation is not None and conversation.title == self._places.here)

    # Catching up.

    def _on_progress(self, event: NodeEvent) -> None:
        match event:
            case SignedIn() | ConnectionLost():
                self._catching_up = None
            case ConversationOpened(conversation):
                self._note_entered(conversation)
            case Synchronized():
                for conversation in self._node.conversations:
                    self._note_entered(conversation)
                self._catching_up = {each.log for each in self._node.conversations if each.is_open}
                self._on_caught_up(0)
            case CaughtUp(log) | ConversationClosed(log):
                self._on_caught_up(log)
            case _:
                pass

    def _note_entered(self, conversation: Conversation) -> None:
        """Nothing of it is on this device yet, since these events come before its words."""
        if conversation.is_room and conversation.is_open and not conversation.delivered:
            self._transcript.note_entered(conversation.log)

    def _on_caught_up(self, log: int) -> None:
        if self._catching_up is None:
            return
        is_first = bool(self._catching_up)
        self._catching_up.discard(log)
        if self._catching_up:
            return
        if is_first or not log:
            self._transcript.table(waiting_lines(self._node, self._now_ms()))
            for conversation in self._node.conversations:
                self._show_whole(conversation)
        elif (late := self._node.conversation(log)) is not None:
            self._show_whole(late)

    def _show_whole(self, conversation: Conversation) -> None:
        if conversation.title == self._places.here:
            self._transcript.show_first(conversation)
        elif not conversation.is_room:
            self._transcript.show_new(conversation, is_elsewhere=True)

    # What is said.

    def _on_entries(self, log: int, messages: tuple[Message, ...], *, is_live: bool) -> None:
        """Words of the open room and private ones are shown; those of other rooms are counted."""
        conversation = self._node.conversation(log)
        if conversation is None or self._catching_up != set() or not is_live:
            return
        is_here = conversation.title == self._places.here
        if is_here or not conversation.is_room:
            self._transcript.show_received(conversation, messages, is_elsewhere=not is_here)
            return
        for message in messages:
            self._on_elsewhere(conversation, message)

    def _on_elsewhere(self, conversation: Conversation, message: Message) -> None:
        if message.is_own:
            if message.entry_id in self._said:
                self._transcript.show_sent_elsewhere(conversation, message)
        elif self._names_me(message):
            name = name_of(self._node, message)
            self._transcript.tell(f"{name} names you in {conversation.title}: {shorten(words_of(message))}")

    def _names_me(self, message: Message) -> bool:
        own = re.escape(self._node.name)
        return stands_alone(message) and re.search(rf"(?<!\w){own}(?!\w)", words_of(message), re.IGNORECASE) is not None

    def _on_earlier(self, log: int, messages: tuple[Message, ...]) -> None:
        conversation = self._node.conversation(log)
        if conversation is None or conversation.title != self._places.here:
            return
        self._transcript.show_history(log, messages)
        if not messages:
            self._transcript.tell("That was the beginning.")

    # What became of one's own.

    def refusal(self, event: MessageStateChanged) -> str:
        found = [each for each in self._node.outbox if each.entry_id == event.entry_id]
        words = f" “{shorten(words_of(found[0]))}”" if found else ""
        return f"Not taken by the server:{words} {event.problem}"

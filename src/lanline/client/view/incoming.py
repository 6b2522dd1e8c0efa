"""Owns which changes are shown on a screen, where, and when: at once, or as unread; and after an absence, in order.

While the conversations catch up, nothing said is shown: first comes the notice of how much is kept, then the words.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from lanline.client.view.calling import call_text, is_called_for, names_me
from lanline.client.view.events import (
    CaughtUp,
    ConnectionLost,
    ConversationClosed,
    ConversationOpened,
    CopyParted,
    EntriesOpened,
    EntriesReceived,
    MemberChanged,
    MessageStateChanged,
    PeopleChanged,
    SignedIn,
    Synchronized,
)
from lanline.client.view.notices import Notices
from lanline.client.view.places import Places
from lanline.client.view.rendering import name_of, shorten, words_of
from lanline.client.view.transcript import Screen, Transcript, unread_of
from lanline.client.view.values import NO_RECOVERY, Conversation, Message, MessageState
from lanline.client.view.view import Change, Snapshot, View, held_through


class Incoming:
    def __init__(
        self,
        view: View,
        places: Places,
        transcript: Transcript,
        screen: Screen,
        said_here: Container[bytes],
        call: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`said_here`: the ids of what was said from this face, which shows up also when it went elsewhere.

        `call` gets what the person wants to be called for.
        """
        self._call = call
        self._view = view
        self._places = places
        self._transcript = transcript
        self._screen = screen
        self._notices = Notices(view)
        self._catching_up: set[int] | None = None
        """The logs that are not whole yet; None before it is known which there are."""
        self._said_here = said_here
        self._refused: set[bytes] = set()
        """Of which it was told."""

    def on_change(self, change: Change) -> None:
        match change:
            case EntriesReceived(log, messages, is_live):
                self._on_entries(log, messages, is_live=is_live)
            case EntriesOpened(log, messages):
                self._on_opened(log, messages)
            case CopyParted(log, through):
                self._transcript.forget_after(log, through)
            case MemberChanged(log, account) if not self._concerns(log, account):
                pass
            case PeopleChanged() if not self._places.tells_comings:
                pass
            case _:
                for line in self._notices.of(change):
                    self._screen.tell(line)
                self._remind()
                self._on_progress(change)

    def _concerns(self, log: int, account: int) -> bool:
        conversation = self._view.conversation(log)
        return account == self._view.account or (conversation is not None and conversation.title == self._places.here)

    def _remind(self) -> None:
        if self._view.is_reminder_due and self._view.group.lacks_recovery:
            self._screen.tell(NO_RECOVERY)
            self._view.note_reminded()

    # Catching up.

    def _on_progress(self, change: Change) -> None:
        match change:
            case Snapshot(catching_up=catching_up):
                for each in change.conversations:
                    self._transcript.forget_after(each.log, held_through(self._view, each))
                    if each.log in change.entered or not each.delivered:
                        self._note_entered(each)
                self._catching_up = None if catching_up is None else {0, *catching_up}
                self._on_caught_up(0)
            case SignedIn() | ConnectionLost():
                self._catching_up = None
            case ConversationOpened(conversation) if not conversation.delivered:
                self._note_entered(conversation)
            case Synchronized():
                self._catching_up = {each.log for each in self._view.conversations if each.is_open}
                self._on_caught_up(0)
            case CaughtUp(log) | ConversationClosed(log):
                self._on_caught_up(log)
            case _:
                pass

    def _note_entered(self, conversation: Conversation) -> None:
        if conversation.is_room and conversation.is_open:
            self._transcript.note_entered(conversation.log)

    def _on_caught_up(self, log: int) -> None:
        if self._catching_up is None:
            return
        is_first = bool(self._catching_up)
        self._catching_up.discard(log)
        if self._catching_up:
            return
        if is_first or not log:
            self._tell_waiting()
            for conversation in self._view.conversations:
                self._show_whole(conversation)
        elif (late := self._view.conversation(log)) is not None:
            self._show_whole(late)

    def _tell_waiting(self) -> None:
        waiting = [
            (each, unread_of(self._view, each)) for each in self._view.conversations if each.unread and each.is_open
        ]
        if waiting:
            self._screen.tell_waiting(waiting)
        for conversation, messages in waiting:
            wanted = [each for each in messages if is_called_for(self._view, conversation, each)]
            self._call_for(conversation, wanted[-1:])

    def _show_whole(self, conversation: Conversation) -> None:
        if conversation.title == self._places.here:
            self._transcript.show_first(conversation)
        elif not conversation.is_room:
            self._transcript.show_new(conversation, is_elsewhere=True)

    # What is said.

    def _on_entries(self, log: int, messages: tuple[Message, ...], *, is_live: bool) -> None:
        """Words of the open room and private ones are shown; those of other rooms are counted."""
        conversation = self._view.conversation(log)
        if conversation is None or self._catching_up != set() or not is_live:
            return
        self._call_for(conversation, messages)
        is_here = conversation.title == self._places.here
        if is_here or not conversation.is_room:
            self._transcript.show_received(conversation, messages, is_elsewhere=not is_here)
            return
        for message in messages:
            self._on_elsewhere(conversation, message)

    def _call_for(self, conversation: Conversation, messages: Iterable[Message]) -> None:
        for message in messages:
            if is_called_for(self._view, conversation, message):
                self._call(call_text(self._view, conversation, message))

    def _on_opened(self, log: int, messages: tuple[Message, ...]) -> None:
        conversation = self._view.conversation(log)
        if conversation is not None and (conversation.title == self._places.here or not conversation.is_room):
            is_elsewhere = conversation.title != self._places.here
            self._transcript.show_opened(conversation, messages, is_elsewhere=is_elsewhere)

    def _on_elsewhere(self, conversation: Conversation, message: Message) -> None:
        if message.is_own:
            if message.entry_id in self._said_here:
                self._transcript.show_sent_elsewhere(conversation, message)
        elif names_me(self._view, message):
            name = name_of(self._view, message)
            self._screen.tell(f"{name} names you in {conversation.title}: {shorten(words_of(message))}")

    # What became of one's own.

    def refusals(self, change: Change | None) -> list[str]:
        """Each once; also those of what was said here that only a snapshot tells."""
        match change:
            case MessageStateChanged(entry_id=entry_id, state=MessageState.REFUSED, problem=problem):
                self._refused.add(entry_id)
                return [self._refusal(entry_id, problem)]
            case MessageStateChanged(entry_id=entry_id, state=MessageState.QUEUED):
                self._refused.discard(entry_id)
            case Snapshot(outbox=outbox):
                refused = {each.entry_id: each.problem for each in outbox if each.state is MessageState.REFUSED}
                new = [each for each in refused if each in self._said_here and each not in self._refused]
                self._refused = set(refused)
                return [self._refusal(entry_id, refused[entry_id]) for entry_id in new]
            case _:
                pass
        return []

    def _refusal(self, entry_id: bytes, problem: str) -> str:
        found = [each for each in self._view.outbox if each.entry_id == entry_id]
        words = f" “{shorten(words_of(found[0]))}”" if found else ""
        return f"Not taken by the server:{words} {problem}"

"""What a signed-in server says unasked, taken in: first to the disk, then told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lanline.client.chat import events
from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.cursors import CursorReports
from lanline.client.chat.directory import Directory
from lanline.client.chat.events import NodeEvent
from lanline.client.chat.history import History, Sent
from lanline.client.chat.messages import OwnMessages, message_of_entry
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.requests import refusal
from lanline.client.chat.restorenews import RestoreNews
from lanline.client.chat.values import Conversation, MessageState, Waiting
from lanline.model.rooms import Standing
from lanline.model.text import display_name, safe_line, safe_text
from lanline.wire.chat import conversations as rooms
from lanline.wire.chat import directory, entries
from lanline.wire.chat.answers import Refused, ServerSays
from lanline.wire.chat.messages import ServerMessage

Tell = Callable[[NodeEvent], None]


class Arrivals:
    def __init__(
        self,
        history: History,
        people: Directory,
        conversations: Conversations,
        outbox: Outbox,
        reports: CursorReports,
        own: OwnMessages,
        tell: Tell,
    ) -> None:
        self._history = history
        self._people = people
        self._conversations = conversations
        self._outbox = outbox
        self._reports = reports
        self._own = own
        self.news = RestoreNews(history.aside)
        self._tell = tell
        self._device = 0
        self._has_people = self._has_conversations = False
        self._has_told_waiting = True
        self.follow: Callable[[Track], None] = _nothing
        self.on_synchronized: Callable[[], None] = _nothing_at_all
        self.is_comparing: Callable[[], bool] = bool
        self._takers: dict[type, Callable[[Any], None]] = {
            directory.People: self._on_people,
            directory.PeopleChanged: self._on_people_changed,
            rooms.Conversations: self._on_conversations,
            rooms.ConversationChanged: self._on_conversation_changed,
            rooms.ConversationGone: self._on_conversation_gone,
            rooms.MemberChanged: self._on_member_changed,
            rooms.InvitedToRoom: self._on_invited,
            entries.Committed: self._on_committed,
            entries.Entries: self._on_entries,
            entries.CursorMoved: self._on_cursor_moved,
            Refused: self._on_refused,
            ServerSays: self._on_server_says,
        }

    def begin_link(self, device: int, *, tells_waiting: bool) -> None:
        self._device = device
        self._has_people = self._has_conversations = False
        self._has_told_waiting = not tells_waiting

    def take(self, message: ServerMessage) -> None:
        """What nobody knows, a newer server says to newer clients."""
        taker = self._takers.get(type(message))
        if taker is not None:
            taker(message)

    # People.

    def _on_people(self, message: directory.People) -> None:
        changed = self._people.on_table(message)
        if changed is not None:
            self._has_people = True
            self._tell(changed)
            self._check_synchronized()

    def _on_people_changed(self, message: directory.PeopleChanged) -> None:
        self._tell(self._people.on_changed(message))

    # Conversations.

    def _on_conversations(self, message: rooms.Conversations) -> None:
        before = [track.shown for track in self._conversations.tracks]
        opened, gone = self._conversations.on_table(message, self._people.name_of)
        for shown in before:
            track = self._conversations.get(shown.log)
            assert track is not None
            self._tell_states(shown, track)
        for each in opened:
            self._tell(events.ConversationOpened(each))
        for each in gone:
            self._tell(events.ConversationClosed(each.log, each.title, "You are no longer in it."))
        if message.is_last:
            self._has_conversations = True
            self._check_synchronized()

    def _check_synchronized(self) -> None:
        if self._has_people and self._has_conversations:
            self._has_people = self._has_conversations = False
            self.on_synchronized()

    def _on_conversation_changed(self, message: rooms.ConversationChanged) -> None:
        known = self._conversations.get(message.conversation.log)
        before = None if known is None else known.shown
        is_new = self._conversations.on_changed(message.conversation, self._people.name_of)
        track = self._conversations.get(message.conversation.log)
        assert track is not None
        if is_new:
            self._reports.note_moved(track.shown.log)
        self._tell(events.ConversationOpened(track.shown) if is_new else events.ConversationChanged(track.shown))
        if before is not None:
            self._tell_states(before, track)
        self.follow(track)

    def _on_conversation_gone(self, message: rooms.ConversationGone) -> None:
        gone = self._conversations.on_gone(message.log)
        if gone is not None:
            self._tell(events.ConversationClosed(gone.log, gone.title, safe_line(message.reason)))

    def _on_member_changed(self, message: rooms.MemberChanged) -> None:
        member, name_of = message.member, self._people.name_of
        self._tell(
            events.MemberChanged(
                message.log,
                message.account,
                name_of(message.account),
                None if member is None else member.role,
                member is not None and member.is_muted,
                member is not None and member.standing is Standing.BANNED,
                message.by,
                name_of(message.by),
            )
        )
        track = self._conversations.count_members(message.log, message.members)
        if track is not None:
            self._tell(events.ConversationChanged(track.shown))

    def _on_invited(self, message: rooms.InvitedToRoom) -> None:
        name = "#" + display_name(message.room.name.removeprefix("#"))
        by_name = self._people.name_of(message.by)
        self._tell(events.InvitedToRoom(name, safe_line(message.room.topic), message.by, by_name))

    # Entries.

    def _on_committed(self, message: entries.Committed) -> None:
        taken = [(row, place) for place in message.places if (row := self._outbox.take(place.request)) is not None]
        sent = [
            Sent(
                row.log or 0,
                entries.LogEntry(
                    place.sequence,
                    row.entry_id,
                    self._conversations.own,
                    self._device,
                    place.time_ms,
                    row.suite,
                    row.content,
                ),
            )
            for row, place in taken
        ]
        if sent:
            self._history.add_sent(sent)
        for each in sent:
            self._tell_sent(each.log, each.entry)
        self._outbox.send()

    def _tell_sent(self, log: int, entry: entries.LogEntry) -> None:
        if self._own.note_sent(log, entry.sequence, entry.entry_id):
            state = MessageState.SENT
            self._tell(events.MessageStateChanged(log, entry.entry_id, state, entry.sequence, entry.time_ms))

    def _on_refused(self, message: Refused) -> None:
        self._outbox.refuse(message.request, refusal(message))

    def _on_entries(self, message: entries.Entries) -> None:
        track = self._conversations.on_entries(message)
        if track is None:
            return
        own, shown = self._conversations.own, track.shown
        for entry in message.entries:
            if entry.account == own:
                self._tell_sent(message.log, entry)
        messages = tuple(message_of_entry(shown, entry, own) for entry in message.entries)
        self._tell(events.EntriesReceived(message.log, messages, track.is_caught_up))
        self._reports.note_delivered()
        self.check_caught_up(track)

    def check_caught_up(self, track: Track) -> None:
        if not track.is_caught_up and track.shown.delivered >= track.target:
            track.is_caught_up = True
            self._tell(events.CaughtUp(track.shown.log))
        self.tell_waiting()

    def tell_waiting(self) -> None:
        """Once a link, when all that is followed has caught up."""
        if self._has_told_waiting and not self.news.is_due:
            return
        if self.is_comparing() or not all(track.is_caught_up or not track.is_followed for track in self._tracks()):
            return
        if self.news.is_due and (restored := self.news.take()) is not None:
            self._tell(restored)
        if not self._has_told_waiting:
            self._has_told_waiting = True
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        waiting = [_waiting(track) for track in self._tracks() if track.away_count]
        for track in self._tracks():
            track.away_count = track.away_first_ms = track.away_last_ms = 0
        if waiting:
            self._tell(events.YouHaveMessages(tuple(sorted(waiting, key=lambda each: each.first_ms))))

    def _tracks(self) -> list[Track]:
        return list(self._conversations.tracks)

    def _on_cursor_moved(self, message: entries.CursorMoved) -> None:
        track = self._conversations.get(message.log)
        if track is None:
            return
        before = track.shown
        if message.account == self._conversations.own:
            has_moved = self._conversations.move(track, message.read)
        else:
            has_moved = self._conversations.move(track, 0, message.delivered, message.read)
        if has_moved:
            self._reports.note_moved(message.log)
            self._tell_states(before, track)
            self._tell(events.ConversationChanged(track.shown))

    def _tell_states(self, before: Conversation, track: Track) -> None:
        for change in self._own.on_moved(before, track.shown):
            self._tell(change)

    def _on_server_says(self, message: ServerSays) -> None:
        self._tell(events.ServerSaid(safe_text(message.text)))


def _waiting(track: Track) -> Waiting:
    shown = track.shown
    return Waiting(shown.log, shown.title, track.away_count, track.away_first_ms, track.away_last_ms)


def _nothing(_track: Track) -> None:
    pass


def _nothing_at_all() -> None:
    pass

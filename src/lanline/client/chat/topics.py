"""Owns what each room of a group is about: what the newest entry says that sets it, of those that are believed.

Who has the log from that entry on can be shown no older one. Where this device's copy of a log begins above it, and of
rooms that one is not in, it is the entry that the server names; of these it may name an old one:
docs/protocol/sealing.md, 5.2. What the server says of topics itself, unsealed, is from before the group, and gives way
to the first that is sealed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, FollowedConversation, Following, room_title
from lanline.client.chat.sealed.content import topic_of
from lanline.client.chat.sealed.seals import Seals
from lanline.client.sealing.words import Lacks
from lanline.client.view import events
from lanline.client.view.values import Conversation
from lanline.model.content import Topic
from lanline.model.rooms import Access
from lanline.model.text import safe_line
from lanline.wire.chat import conversations as wire
from lanline.wire.chat.entries import LogEntry


class Topics:
    def __init__(self, context: NodeContext, seals: Seals, conversations: Conversations) -> None:
        self._history = context.history
        self._tell = context.tell
        self._seals = seals
        self._conversations = conversations
        self._named: dict[int, LogEntry] = {}
        """By log, the entry that the server names, as long as it may be the one that counts."""
        seals.when_changed(self._try_again)

    def note(self, event: events.NodeEvent) -> None:
        match event:
            case events.EntriesReceived(log, messages) if Topic in {type(each.content) for each in messages}:
                self._look(log)
            case (
                events.EntriesOpened(log) | events.EarlierReceived(log) | events.CopyParted(log) | events.CaughtUp(log)
            ):
                self._look(log)

    def note_named(self, said: Iterable[wire.Conversation]) -> None:
        """What the server says of rooms."""
        for each in said:
            if each.room is not None and each.room.topic_entry is not None:
                self._named[each.log] = each.room.topic_entry
                self._look(each.log)

    def without_plain(self, said: wire.Conversation) -> wire.Conversation:
        """A private room has none that the server could read, whatever it says."""
        shown = self._conversations.shown(said.log)
        if said.room is None or not said.room.topic or shown is None or self._seals.room(shown) is None:
            return said
        return msgspec.structs.replace(said, room=msgspec.structs.replace(said.room, topic=""))

    def listed(self, room: wire.RoomInfo) -> tuple[str, bool]:
        """What a room in a list is about; and whether that is the server's word, though there is a group."""
        track = self._conversations.get(room.log)
        if track is not None and track.shown.is_open:
            return track.shown.topic, self._is_plain(track.shown)
        if room.topic_entry is None:
            return safe_line(room.topic), bool(room.topic) and self._seals.is_sealed
        shown = Conversation(room.log, room_title(room), None, access=room.access)
        found = self._seals.topic(shown, room.topic_entry) if room.access is Access.OPEN else None
        return (found.text if isinstance(found, Topic) else ""), False

    def _is_plain(self, shown: Conversation) -> bool:
        return bool(shown.topic) and not shown.topic_from and self._seals.is_sealed

    def _try_again(self) -> None:
        """That a room is private may be known only now."""
        plain = [each.shown for each in self._conversations.tracks if self._is_plain(each.shown)]
        for log in [*self._named, *(each.log for each in plain if self._seals.room(each) is not None)]:
            self._look(log)

    def _look(self, log: int) -> None:
        track = self._conversations.get(log)
        if track is None or not track.shown.is_room or not self._seals.is_sealed:
            return
        shown = track.shown
        kept = self._history.newest_topic(log, shown.first, shown.delivered)
        is_on_its_way = shown.topic_from > shown.delivered and track.following is not Following.LIVE
        if kept is not None and not is_on_its_way:
            topic = topic_of(kept[1])
            self._put(track, "" if topic is None else topic.text, kept[0])
        elif not is_on_its_way and self._is_over(shown):
            self._put(track, "", 0)
        if kept is not None or shown.first > 0 or not shown.delivered:
            self._look_at_named(track, self._named.get(log))

    def _is_over(self, shown: Conversation) -> bool:
        """What was shown as the topic is believed no more; or is the server's word where that does not count."""
        if not shown.topic_from:
            return bool(shown.topic) and self._seals.room(shown) is not None
        return shown.topic_from > shown.first

    def _look_at_named(self, track: FollowedConversation, named: LogEntry | None) -> None:
        """Only of where this device does not have the log, and never one before the one that is known."""
        shown = track.shown
        if named is None or not track.is_proven:
            return
        through = shown.first if shown.delivered else shown.head
        found = self._seals.topic(shown, named) if shown.topic_from < named.sequence <= through else None
        if isinstance(found, Topic):
            self._put(track, found.text, named.sequence)
        if not isinstance(found, Lacks):
            self._named.pop(shown.log)

    def _put(self, track: FollowedConversation, topic: str, topic_from: int) -> None:
        before = track.shown
        track.change(topic=topic, topic_from=topic_from)
        if track.shown != before:
            self._history.put_conversations([track.shown])
            self._tell(events.ConversationChanged(track.shown))

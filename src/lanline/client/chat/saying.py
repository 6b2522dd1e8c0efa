"""What a person says, on its way into the outbox: checked, sealed, on the disk, and then told."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat import events
from lanline.client.chat.conversations import Conversations
from lanline.client.chat.destinations import DestinationFinder, checked_destination
from lanline.client.chat.events import NodeEvent
from lanline.client.chat.messages import OwnMessages, message_of_row
from lanline.client.chat.outbox import Outbox
from lanline.client.chat.outboxrows import OutboxRow, OutboxRows
from lanline.client.chat.sealing import seal
from lanline.client.chat.values import Message, MessageState
from lanline.errors import InvalidInput
from lanline.model.content import Content, check_content


class Saying:
    def __init__(
        self,
        rows: OutboxRows,
        outbox: Outbox,
        finder: DestinationFinder,
        conversations: Conversations,
        own: OwnMessages,
        tell: Callable[[NodeEvent], None],
    ) -> None:
        self._rows = rows
        self._outbox = outbox
        self._finder = finder
        self._conversations = conversations
        self._own = own
        self._tell = tell

    def say(self, target: int | str, content: Content, entry_id: bytes, now_ms: int) -> Message:
        check_content(content)
        suite, sealed = seal(content)
        log, destination = self._destination(target)
        row = self._rows.add(OutboxRow(0, entry_id, log, destination, suite, sealed, now_ms))
        message = message_of_row(row, self._conversations.own)
        self._own.note_queued(entry_id)
        self._tell(events.MessageQueued(message))
        self._outbox.send()
        return message

    def _destination(self, target: int | str) -> tuple[int | None, str]:
        if isinstance(target, str):
            destination = checked_destination(target)
            track = self._finder.track_of(destination)
            return (track.shown.log if track is not None and track.shown.is_open else None), destination
        track = self._conversations.get(target)
        if track is None or not (track.shown.is_open or track.is_missed):
            raise InvalidInput("You are not in this conversation any more.")
        # What a restored server calls this conversation is known with its table.
        return target if track.shown.is_open else None, track.shown.title

    def say_again(self, entry_id: bytes) -> None:
        row = self._rows.find(entry_id)
        if row is not None and self._rows.requeue(entry_id):
            self._own.note_queued(entry_id)
            self._tell(events.MessageStateChanged(row.log, entry_id, MessageState.QUEUED))
            self._outbox.send()

"""Owns how entries and rows of the outbox become messages, and the states of one's own as others come further."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable

import msgspec

from lanline.client.chat.history import OutboxRow
from lanline.client.chat.restored.lost import LostEntry
from lanline.client.chat.sealed.content import CARRIED, EARLIER, OPENED, PLAIN, UNOPENED, carried_words, open_sealed
from lanline.client.view.events import MessageStateChanged, NodeEvent
from lanline.client.view.values import Conversation, Message, MessageState, Unreadable, state_at
from lanline.errors import RequestRefused
from lanline.model.text import safe_line
from lanline.wire.chat.entries import LogEntry

_RECEIVED = MessageState.RECEIVED
_MAX_WATCHED = 1000
"""Of one's own in a conversation, whose state is still told as it changes; of older ones it can be asked."""


WhyUnread = Callable[[Conversation, LogEntry], str]
"""The sentence in place of what does not open."""


def message_of_entry(
    conversation: Conversation, entry: LogEntry, own: int, ignored: Container[int] = (), why: WhyUnread | None = None
) -> Message:
    if entry.suite == CARRIED:
        return _message_of_carried(conversation, entry, own, ignored)
    account, suite, sequence = entry.account, entry.suite, entry.sequence
    return Message(
        conversation.log,
        sequence,
        entry.entry_id,
        account,
        entry.time_ms,
        Unreadable(suite, why(conversation, entry))
        if why is not None and suite in UNOPENED
        else open_sealed(suite, entry.content),
        state_at(conversation, sequence) if account == own else _RECEIVED,
        conversation.title,
        is_ignored=account in ignored,
        is_plain=suite == PLAIN,
        is_earlier=suite == EARLIER,
    )


def _message_of_carried(conversation: Conversation, entry: LogEntry, own: int, ignored: Container[int]) -> Message:
    words = carried_words(entry)
    said = LogEntry(entry.sequence, words.entry_id, words.account, 0, words.time_ms, OPENED, words.body)
    return msgspec.structs.replace(message_of_entry(conversation, said, own, ignored), carried_by=entry.account)


def messages_of_entries(
    conversation: Conversation,
    entries: Iterable[LogEntry],
    own: int,
    ignored: Container[int] = (),
    why: WhyUnread | None = None,
) -> tuple[Message, ...]:
    return tuple([message_of_entry(conversation, each, own, ignored, why) for each in entries])


def message_of_row(row: OutboxRow, own: int) -> Message:
    return Message(
        row.log,
        0,
        row.entry_id,
        own,
        row.typed_ms,
        open_sealed(row.suite, row.content),
        MessageState.QUEUED if row.refused_code is None else MessageState.REFUSED,
        row.destination,
        safe_line(row.refused_text or ""),
        row.refused_code or 0,
    )


def message_of_lost(lost: LostEntry, own: int) -> Message:
    message = message_of_entry(Conversation(lost.log, lost.title, None), lost.entry, own)
    return msgspec.structs.replace(message, problem=safe_line(lost.reason))


class OwnMessages:
    """Those of this process whose life is not over: tells how far they have come."""

    def __init__(self, tell: Callable[[NodeEvent], None]) -> None:
        self._tell = tell
        self._queued: set[bytes] = set()
        self._sent: dict[int, deque[tuple[int, bytes]]] = {}

    def note_queued(self, entry_id: bytes) -> None:
        self._queued.add(entry_id)

    def note_refused(self, row: OutboxRow, refused: RequestRefused) -> None:
        self._queued.discard(row.entry_id)
        problem = safe_line(str(refused))
        self._tell(MessageStateChanged(row.log, row.entry_id, MessageState.REFUSED, problem=problem, code=refused.code))

    def forget_places(self) -> None:
        """They were given by a server that is another now."""
        self._sent = {}

    def note_sent(self, log: int, entry: LogEntry) -> None:
        """It has its place; told when that is news."""
        sent = self._sent.setdefault(log, deque(maxlen=_MAX_WATCHED))
        if not sent or entry.sequence > sent[-1][0]:
            sent.append((entry.sequence, entry.entry_id))
        if entry.entry_id in self._queued:
            self._queued.discard(entry.entry_id)
            self._tell(MessageStateChanged(log, entry.entry_id, MessageState.SENT, entry.sequence, entry.time_ms))

    def on_moved(self, before: Conversation, after: Conversation) -> None:
        """Others have come further in a conversation."""
        sent = self._sent.get(after.log)
        if not sent:
            return
        for sequence, entry_id in list(sent):
            state = state_at(after, sequence)
            if state is not state_at(before, sequence):
                self._tell(MessageStateChanged(after.log, entry_id, state, sequence))
        while sent and sent[0][0] <= after.others_read:
            sent.popleft()

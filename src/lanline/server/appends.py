"""Appends, from the client's message to everybody's screen: one write for all that came while the last one ran.

Never more than one write is under way. So a batch that fails is known before the next is handed in, and what a client
sent after an entry that failed cannot come before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from lanline.errors import LanlineError, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.logs import Appended, LogId, NewEntry, check_entry
from lanline.server.catchup import CatchUp
from lanline.server.refusals import RETRY_STORAGE_S, as_refusal, disk_is_low, refused, slow_down
from lanline.server.session import Session, State
from lanline.server.state import ServerState
from lanline.services.conversations import Conversation
from lanline.services.limits import Buckets
from lanline.services.usage import ENTRY_COST_BYTES, keep_usage
from lanline.storage.api import Transaction
from lanline.storage.ticket import Ticket
from lanline.wire.chat.entries import Append, Committed, LogEntry, Place

MOST_UNCOMMITTED = 256
MOST_UNCOMMITTED_BYTES = 1024 * 1024
_KEEP_USAGE_EVERY_S = 600.0
_LEAST_WAIT_S = 0.25
"""A client that is told to wait for one message comes back with many."""


class Batch(msgspec.Struct, gc=False):
    entries: list[NewEntry]
    senders: list[tuple[Session, int]]
    """And the number of the request."""

    def append(self, transaction: Transaction) -> list[Appended]:
        return transaction.logs.append(self.entries)


class Appends:
    def __init__(self, state: ServerState, catch_up: CatchUp) -> None:
        self._state = state
        self._catch_up = catch_up
        self._buckets: Buckets[AccountId] = Buckets(state.settings.messages_per_s, state.settings.messages_burst)
        self._usage = state.messages
        self._quota_bytes = state.settings.message_quota_bytes
        self._usage_kept_at = state.clock.now()
        self._waiting = Batch([], [])
        self._under_way: list[NewEntry] = []
        self._is_writing = False
        self._is_due = False

    @property
    def is_idle(self) -> bool:
        return not self._is_writing and not self._waiting.entries

    def take(self, session: Session, message: Append) -> None:
        entry_id = message.entry_id
        if session.held is not None and session.held != entry_id:
            self._state.count_excess(session)
            raise slow_down(_LEAST_WAIT_S)
        session.held = None  # also when it is refused for good now: the others may pass
        self._check_pace(session, entry_id)  # before anything is looked up: what is refused is not for nothing
        log = LogId(message.log)
        conversation = self._speakable(session, log, entry_id)
        entry = NewEntry(
            log,
            entry_id,
            session.account,
            session.device,
            conversation.stamp(self._state.clock.now_ms()),
            message.suite,
            message.content,
        )
        check_entry(entry)
        if not self._usage.take(entry.account, len(entry.content) + ENTRY_COST_BYTES, self._quota_bytes):
            self._check_quota(entry)
        session.uncommitted += 1
        session.uncommitted_bytes += len(entry.content)
        self._waiting.entries.append(entry)
        self._waiting.senders.append((session, message.request))
        self._request_turn()

    def _speakable(self, session: Session, log: LogId, entry_id: bytes) -> Conversation:
        """What was taken once is not refused when it comes again, though its sender may not speak any more: it stands
        in the log, and the answer to it was lost.
        """
        known = self._state.conversations.get(log)
        if known is not None:
            if known.may_read(session.account) and known.may_speak(session.account):
                return known
            if self._was_taken(log, session.account, entry_id):
                return known
        self._state.conversations.readable(log, session.account)
        raise RequestRefused(RefusalCode.MUTED, "You are muted in this room: you may read and not speak.")

    def _was_taken(self, log: LogId, account: AccountId, entry_id: bytes) -> bool:
        for entry in (*self._under_way, *self._waiting.entries):
            if entry.entry_id == entry_id and entry.log == log and entry.account == account:
                return True
        return self._state.store.read(lambda view: view.logs.find(log, account, entry_id)) is not None

    def _check_pace(self, session: Session, entry_id: bytes) -> None:
        now = self._state.clock.now()
        if session.uncommitted >= MOST_UNCOMMITTED or session.uncommitted_bytes >= MOST_UNCOMMITTED_BYTES:
            wait_s = _LEAST_WAIT_S
        else:
            wait_s = self._buckets.take(session.account, now)
        if wait_s or self._state.is_closing:
            session.held = entry_id
            self._state.count_excess(session)
            raise slow_down(max(wait_s, _LEAST_WAIT_S))
        if self._state.floor.is_low(now) and not session.is_admin:
            session.held = entry_id
            raise disk_is_low()

    def _check_quota(self, entry: NewEntry) -> None:
        """As with who is muted: what was taken once is taken again."""
        if not self._was_taken(entry.log, entry.account, entry.entry_id):
            text = (
                f"You have written {self._quota_bytes // 1024**2} MB on this server, all that you may. Ask its admin."
            )
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        self._usage.add(entry.account, len(entry.content) + ENTRY_COST_BYTES)

    # Writing.

    def finish(self, when_done: Callable[[Ticket[None]], None]) -> None:
        """Write what was taken, and all that was handed to the store before; then tell."""
        if self._waiting.entries and not self._is_writing:
            self._hand_in()
        self._keep_usage()
        self._state.store.write(_nothing).when_settled(lambda ticket: self._finish_rest(ticket, when_done))

    def _finish_rest(self, ticket: Ticket[None], when_done: Callable[[Ticket[None]], None]) -> None:
        if self.is_idle or ticket.problem is not None:
            when_done(ticket)
        else:
            self.finish(when_done)

    def _request_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._state.clock.call_later(0.0, self._turn)

    def _turn(self) -> None:
        self._is_due = False
        if not self._is_writing and self._waiting.entries:
            self._hand_in()

    def _hand_in(self) -> None:
        batch, self._waiting = self._waiting, Batch([], [])
        self._is_writing = True
        self._under_way = batch.entries
        try:
            ticket = self._state.store.write(batch.append)
        except LanlineError as problem:  # it is closed
            self._is_writing = False
            self._under_way = []
            self._fail(batch, problem)
            return
        ticket.when_settled(lambda settled: self._settled(batch, settled))

    def _settled(self, batch: Batch, ticket: Ticket[list[Appended]]) -> None:
        self._is_writing = False
        self._under_way = []
        problem = ticket.problem
        if problem is not None:
            self._fail(batch, problem)
        if self._waiting.entries:
            self._request_turn()  # what has arrived by now and is not yet read goes with it
        if problem is None:
            self._tell(batch, ticket.result())

    def _fail(self, batch: Batch, problem: BaseException) -> None:
        """What came after it from the same clients goes with it: they send all of it again, in order."""
        refusal = as_refusal(problem)
        refusal.retry_after_s = refusal.retry_after_s or RETRY_STORAGE_S  # nothing was wrong with the entries
        held: dict[Session, bytes] = {}
        for entry, (session, request) in zip(batch.entries, batch.senders, strict=True):
            held.setdefault(session, entry.entry_id)
            self._release(session, entry)
            session.send(refused(request, refusal))
        for session, entry_id in held.items():
            session.held = entry_id
        self._refuse_waiting(held)

    def _refuse_waiting(self, held: dict[Session, bytes]) -> None:
        waiting, self._waiting = self._waiting, Batch([], [])
        for entry, sender in zip(waiting.entries, waiting.senders, strict=True):
            if sender[0] in held:
                self._release(sender[0], entry)
                sender[0].send(refused(sender[1], slow_down(_LEAST_WAIT_S)))
            else:
                self._waiting.entries.append(entry)
                self._waiting.senders.append(sender)

    def _release(self, session: Session, entry: NewEntry) -> None:
        session.uncommitted -= 1
        session.uncommitted_bytes -= len(entry.content)
        self._usage.add(entry.account, -len(entry.content) - ENTRY_COST_BYTES)

    def _keep_usage(self) -> None:
        self._usage_kept_at = self._state.clock.now()
        record = self._usage.take_record((*self._under_way, *self._waiting.entries))
        if record is not None:
            self._state.store.write(partial(keep_usage, record=record))

    # Telling.

    def _tell(self, batch: Batch, appended: list[Appended]) -> None:
        places: dict[Session, list[Place]] = {}
        logs: dict[LogId, list[LogEntry]] = {}
        repeats: list[tuple[LogId, int]] = []
        for entry, (session, request), at in zip(batch.entries, batch.senders, appended, strict=True):
            session.uncommitted -= 1
            session.uncommitted_bytes -= len(entry.content)
            place = Place(request, at.sequence, at.time_ms)
            if session in places:
                places[session].append(place)
            else:
                places[session] = [place]
            if at.is_repeat:
                self._usage.add(entry.account, -len(entry.content) - ENTRY_COST_BYTES)
                repeats.append((entry.log, at.sequence))
                continue
            published = LogEntry(
                at.sequence, entry.entry_id, entry.account, entry.device, at.time_ms, entry.suite, entry.content
            )
            if entry.log in logs:
                logs[entry.log].append(published)
            else:
                logs[entry.log] = [published]
        self._state.counts["commits"] += 1
        self._state.counts["appends"] += len(appended) - len(repeats)
        self._state.counts["repeats"] += len(repeats)
        for session, mine in places.items():
            session.send(Committed(tuple(mine)))
        for log, entries in logs.items():
            self._publish(log, entries)
        for log, sequence in repeats:
            self._check_known(log, sequence)
        if self._state.clock.now() - self._usage_kept_at > _KEEP_USAGE_EVERY_S:
            self._keep_usage()

    def _publish(self, log: LogId, entries: list[LogEntry]) -> None:
        conversation = self._state.conversations.get(log)
        assert conversation is not None
        before, conversation.head = conversation.head, entries[-1].sequence
        if entries[0].sequence == before + 1:
            self._usage.note_head(log, conversation.head)
            self._read_on(self._state.feeds.publish(log, entries), log, before)
        else:
            self._count_unseen(log, before, entries[0].sequence - 1)
            self._usage.note_head(log, conversation.head)
            # A commit that failed had been written after all. Followers read what they miss from the store.
            self._read_on(self._state.feeds.take_all(log), log, before)

    def _check_known(self, log: LogId, sequence: int) -> None:
        """As above: what is a repeat to the store may be news to everybody."""
        conversation = self._state.conversations.get(log)
        if conversation is not None and sequence > conversation.head:
            before, conversation.head = conversation.head, sequence
            self._count_unseen(log, before, sequence)
            self._read_on(self._state.feeds.take_all(log), log, before)

    def _count_unseen(self, log: LogId, after: int, through: int) -> None:
        self._state.store.read(lambda view: self._usage.count_anew(view, log, after, through))

    def _read_on(self, stragglers: list[Session], log: LogId, position: int) -> None:
        for session in stragglers:
            if session.state is State.SIGNED_IN:
                self._catch_up.straggle(session, log, position)


def _nothing(_transaction: Transaction) -> None:
    """Done when all before it is."""

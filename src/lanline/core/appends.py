"""Owns appending: one write for all that came while the last one ran, and the answer to everybody who appended.

Never more than one write is under way. So a batch that fails is known before the next is handed in, and what an author
handed in after an entry that failed cannot come before it. Whether an author may speak is decided in the transaction;
what was found there holds until a right changes, and is not looked up again while no command is on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import takewhile

import msgspec

from lanline.clock import Clock
from lanline.core.changes import (
    AccountChanged,
    Actor,
    Appended,
    ChainGrew,
    Change,
    ConversationEnded,
    DeviceChanged,
    Handlers,
    MemberStepped,
    RoomChanged,
)
from lanline.core.groupstate import SEALED_SUITES, TOPIC_SUITE, GroupStates
from lanline.core.limits import Buckets
from lanline.core.refusals import RETRY_STORAGE_S, as_refusal, disk_nearly_full, sealed_otherwise, slow_down
from lanline.core.rights import Judge, Rights, key_of
from lanline.errors import LanlineError, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId, DeviceId
from lanline.model.logs import ENTRY_COST_BYTES, Entry, LogId, NewEntry, check_entry
from lanline.model.logs import Appended as Place
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store, Transaction
from lanline.ticket import Ticket

_LOG = logging.getLogger(__name__)
MAX_UNCOMMITTED = 256
MAX_UNCOMMITTED_BYTES = 1024 * 1024
_MIN_WAIT_S = 0.25
"""A client that is told to wait for one message comes back with many."""

Outcome = Place | RequestRefused


class Author:
    """A program that appends. Its entries are committed in the order in which it hands them in.

    `committed` gets, after each commit, the tags of its entries with their places; `refused` a tag and the reason.
    """

    __slots__ = ("actor", "committed", "held", "refused", "uncommitted", "uncommitted_bytes")

    def __init__(
        self,
        actor: Actor,
        committed: Callable[[list[tuple[int, Place]]], None],
        refused: Callable[[int, RequestRefused], None],
    ) -> None:
        self.actor = actor
        self.committed = committed
        self.refused = refused
        self.held: bytes | None = None
        """The append that was refused for now: it comes first, or the order would break."""
        self.uncommitted = 0
        self.uncommitted_bytes = 0


class Batch(msgspec.Struct, gc=False):
    entries: list[NewEntry]
    senders: list[tuple[Author, int]]
    """And the tag that the author gave it."""


class Appends:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: ServerSettings,
        has_room: Callable[[AccountId], bool],
        has_commands: Callable[[], bool],
        groups: GroupStates,
        emit: Callable[[Sequence[Change]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._quota_bytes = settings.message_quota_bytes
        self._has_room = has_room
        self._has_commands = has_commands
        self._groups = groups
        self._emit = emit
        self._buckets: Buckets[AccountId] = Buckets(settings.messages_per_s, settings.messages_burst)
        self._waiting = Batch([], [])
        self._is_writing = False
        self._is_due = False
        self._is_closed = False
        self._found = Rights()
        self._handed_in: list[Ticket[None]] = []
        """Of those who wait until what waits now is handed in."""
        self.counts = dict.fromkeys(("appends", "repeats", "commits"), 0)

    def take(self, author: Author, tag: int, log: LogId, entry_id: bytes, suite: str, content: bytes) -> None:
        """The answer comes to the author. Raises RequestRefused, InvalidInput where nothing was taken."""
        if author.held is not None and author.held != entry_id:
            raise slow_down(_MIN_WAIT_S)
        author.held = None  # also when it is refused for good now: the others may pass
        self._check_pace(author, entry_id)  # before anything is looked up: what is refused is not for nothing
        actor = author.actor
        entry = NewEntry(log, entry_id, actor.account, actor.device, self._clock.now_ms(), suite, content)
        check_entry(entry)
        author.uncommitted += 1
        author.uncommitted_bytes += len(content)
        self._waiting.entries.append(entry)
        self._waiting.senders.append((author, tag))
        self._request_turn()

    @staticmethod
    def give_up(author: Author, entry_id: bytes) -> None:
        """What was refused will not come again; what follows it may pass."""
        if author.held == entry_id:
            author.held = None

    def _check_pace(self, author: Author, entry_id: bytes) -> None:
        account, now = author.actor.account, self._clock.now()
        if author.uncommitted >= MAX_UNCOMMITTED or author.uncommitted_bytes >= MAX_UNCOMMITTED_BYTES:
            wait_s = _MIN_WAIT_S
        else:
            wait_s = self._buckets.take(account, now)
        if wait_s or self._is_closed:
            author.held = entry_id
            raise slow_down(max(wait_s, _MIN_WAIT_S))
        if not self._has_room(account):
            author.held = entry_id
            raise disk_nearly_full()

    # The stream.

    def handlers(self) -> Handlers:
        kinds = (MemberStepped, RoomChanged, ConversationEnded, AccountChanged, DeviceChanged, ChainGrew)
        return dict.fromkeys(kinds, self._forget)

    def _forget(self, _: object) -> None:
        self.forget_rights()

    def forget_rights(self) -> None:
        """Somebody may have lost one."""
        self._found = Rights()

    # Writing.

    def hand_in_those_of(self, account: AccountId) -> Ticket[None]:
        """Settled when all that the account has appended is on its way: who speaks and then leaves was still there."""
        ticket: Ticket[None] = Ticket()
        if self._is_writing and any(entry.account == account for entry in self._waiting.entries):
            self._handed_in.append(ticket)
            return ticket
        self.hand_in()
        ticket.settle(None)
        return ticket

    def _tell_handed_in(self) -> None:
        handed_in, self._handed_in = self._handed_in, []
        for ticket in handed_in:
            ticket.settle(None)

    def close(self) -> None:
        """Takes no more, and hands in what was taken."""
        self._is_closed = True
        self.hand_in()

    @property
    def waiting(self) -> int:
        """How many came and are not handed to the store yet."""
        return len(self._waiting.entries)

    @property
    def is_idle(self) -> bool:
        return not self._is_writing and not self._waiting.entries

    def _request_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(0.0, self.hand_in)

    def hand_in(self) -> None:
        """What waits, unless a write is under way."""
        self._is_due = False
        if not self._is_writing and self._waiting.entries:
            self._hand_in()

    def _hand_in(self) -> None:
        batch, self._waiting = self._waiting, Batch([], [])
        self._is_writing = True
        try:
            unsure = self._unsure(batch.entries)
            ticket = self._store.write(lambda transaction: self._append(transaction, batch.entries, unsure))
        except LanlineError as problem:  # it is closed
            self._is_writing = False
            self._fail(batch, problem)
        else:
            ticket.when_settled(lambda settled: self._settled(batch, settled))
        self._tell_handed_in()

    def _unsure(self, entries: list[NewEntry]) -> set[AccountId]:
        """Whose rights and quota have to be looked at in the transaction. A command that comes later comes after it."""
        if self._has_commands():
            return {entry.account for entry in entries}
        keys, left_bytes = self._found.keys, self._found.left_bytes
        unsure: set[AccountId] = set()
        taken_bytes: dict[AccountId, int] = {}
        for entry in entries:
            account = entry.account
            taken = taken_bytes[account] = taken_bytes.get(account, 0) + len(entry.content) + ENTRY_COST_BYTES
            if key_of(entry) not in keys or taken > left_bytes.get(account, 0):
                unsure.add(account)
        return unsure

    def _append(
        self, transaction: Transaction, entries: list[NewEntry], unsure: set[AccountId]
    ) -> tuple[Sequence[Outcome], Rights | None]:
        """Most of the time all may be appended, and are in one go."""
        if not unsure:
            return _append_in_order(transaction, entries), None
        judge = Judge(transaction, self._quota_bytes, self._groups)
        refused: dict[int, RequestRefused] = {}
        held: set[tuple[AccountId, DeviceId]] = set()
        for place, entry in enumerate(entries):
            sender = _sender(entry)
            why = slow_down(_MIN_WAIT_S) if sender in held else None
            if why is None and entry.account in unsure:
                why = judge.refusal(entry)
            if why is not None:
                refused[place] = why
                if _holds(entry, why) and not isinstance(_standing(transaction, entry), Place):
                    held.add(sender)
        outcomes = self._append_allowed(transaction, entries, refused)
        _forget_plain_topics(transaction, entries, outcomes)
        return outcomes, judge.found

    @staticmethod
    def _append_allowed(
        transaction: Transaction, entries: list[NewEntry], refused: dict[int, RequestRefused]
    ) -> list[Outcome]:
        allowed = [each for place, each in enumerate(entries) if place not in refused]
        places = iter(_append_in_order(transaction, allowed))
        outcomes: list[Outcome] = []
        for place, entry in enumerate(entries):
            why = refused.get(place)
            stands = None if why is None else _standing(transaction, entry)
            if why is not None and isinstance(stands, RequestRefused) and why.code is not RefusalCode.STALE_KEYS:
                stands = None  # it says to wait, and who may not speak is told why
            outcomes.append(stands or why or next(places))
        return outcomes

    def _settled(self, batch: Batch, ticket: Ticket[tuple[Sequence[Outcome], Rights | None]]) -> None:
        self._is_writing = False
        problem = ticket.problem
        if problem is not None:
            self.forget_rights()
            self._fail(batch, problem)
        if self._waiting.entries:
            self._request_turn()  # what has arrived by now and is not yet read goes with it
        else:
            self._tell_handed_in()
        if problem is None:
            outcomes, found = ticket.result()
            if found is not None:
                self._found.add(found)
            self._hold_refused(batch, outcomes)
            self._tell(batch, outcomes)

    def _fail(self, batch: Batch, problem: BaseException) -> None:
        """What came after it from the same authors goes with it: they send all of it again, in order."""
        refusal = as_refusal(problem)
        refusal.retry_after_s = refusal.retry_after_s or RETRY_STORAGE_S  # nothing was wrong with the entries
        held: dict[Author, bytes] = {}
        for entry, (author, tag) in zip(batch.entries, batch.senders, strict=True):
            held.setdefault(author, entry.entry_id)
            _release(author, entry)
            author.refused(tag, refusal)
        for author, entry_id in held.items():
            author.held = entry_id
        self._refuse_waiting(held)

    def _refuse_waiting(self, held: dict[Author, bytes]) -> None:
        waiting, self._waiting = self._waiting, Batch([], [])
        for entry, sender in zip(waiting.entries, waiting.senders, strict=True):
            if sender[0] in held:
                _release(sender[0], entry)
                sender[0].refused(sender[1], slow_down(_MIN_WAIT_S))
            else:
                self._waiting.entries.append(entry)
                self._waiting.senders.append(sender)

    def _hold_refused(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        held: dict[Author, bytes] = {}
        for entry, (author, _), at in zip(batch.entries, batch.senders, outcomes, strict=True):
            if isinstance(at, RequestRefused) and _holds(entry, at) and author not in held:
                held[author] = author.held = entry.entry_id
        if held:
            self._refuse_waiting(held)

    # Telling.

    def _tell(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        places: dict[Author, list[tuple[int, Place]]] = {}
        logs: dict[LogId, list[Entry]] = {}
        heads: dict[LogId, int] = {}
        left_bytes = self._found.left_bytes
        for entry, (author, tag), at in zip(batch.entries, batch.senders, outcomes, strict=True):
            author.uncommitted -= 1
            author.uncommitted_bytes -= len(entry.content)
            if isinstance(at, RequestRefused):
                author.refused(tag, at)
                continue
            if author in places:
                places[author].append((tag, at))
            else:
                places[author] = [(tag, at)]
            log = entry.log
            if at.is_repeat:
                # What is a repeat to the store may be news to everybody: of a commit that failed and was written.
                heads[log] = max(heads.get(log, 0), at.sequence)
                self.counts["repeats"] += 1
                continue
            heads[log] = at.sequence
            if entry.account in left_bytes:
                left_bytes[entry.account] -= len(entry.content) + ENTRY_COST_BYTES
            committed = Entry(
                log, at.sequence, entry.entry_id, entry.account, entry.device, at.time_ms, entry.suite, entry.content
            )
            if log in logs:
                logs[log].append(committed)
            else:
                logs[log] = [committed]
        self.counts["commits"] += 1
        self.counts["appends"] += sum(map(len, logs.values()))
        for author, mine in places.items():
            try:
                author.committed(mine)
            except Exception:  # noqa: BLE001 -- one author's trouble is no other's
                _LOG.exception("Who has appended could not be answered.")
        self._emit([Appended(log, head, logs.get(log, ())) for log, head in heads.items()])


def _release(author: Author, entry: NewEntry) -> None:
    author.uncommitted -= 1
    author.uncommitted_bytes -= len(entry.content)


def _append_in_order(transaction: Transaction, entries: Sequence[NewEntry]) -> list[Outcome]:
    """Where an id has other sealed words already, what its device says next is put off: it names what is refused."""
    outcomes: list[Outcome] = []
    held: set[tuple[AccountId, DeviceId]] = set()
    while len(outcomes) < len(entries):
        left = entries[len(outcomes) :]
        if _sender(left[0]) in held:
            outcomes.append(slow_down(_MIN_WAIT_S))
            continue
        may = list(takewhile(lambda each: _sender(each) not in held, left)) if held else left
        outcomes += transaction.logs.append(may, stops_at_other=True)
        last, at = entries[len(outcomes) - 1], outcomes[-1]
        if isinstance(at, Place) and at.is_other and last.suite in SEALED_SUITES:
            outcomes[-1] = sealed_otherwise()
            held.add(_sender(last))
    return outcomes


def _sender(entry: NewEntry) -> tuple[AccountId, DeviceId]:
    return entry.account, entry.device


def _standing(transaction: Transaction, entry: NewEntry) -> Outcome | None:
    """What is there already is acknowledged again, whoever may speak now: the answer to it was lost."""
    found = transaction.logs.find(entry.log, entry.account, entry.entry_id)
    if found is None:
        return None
    if entry.suite in SEALED_SUITES and found.suite == entry.suite and found.content != entry.content:
        return sealed_otherwise()
    return Place(found.sequence, found.time_ms, is_repeat=True)


def _forget_plain_topics(transaction: Transaction, entries: list[NewEntry], outcomes: Sequence[Outcome]) -> None:
    """What was said before there was a group, and has a sealed one in its place now."""
    for entry, outcome in zip(entries, outcomes, strict=True):
        room = transaction.rooms.by_log(entry.log) if entry.suite == TOPIC_SUITE else None
        if isinstance(outcome, Place) and room is not None and room.topic:
            transaction.rooms.change(msgspec.structs.replace(room, topic=""))


def _holds(entry: NewEntry, why: RequestRefused) -> bool:
    """Sealed words name those before them. So when one is refused, none that follows is taken before the author has
    decided about it: docs/protocol/sealing.md, 5. Nor in a slow room, where the next could else pass the one before it.
    """
    return entry.suite in SEALED_SUITES or why.code is RefusalCode.SLOW_ROOM

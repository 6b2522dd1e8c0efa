"""Takes in what arrives of a log: opens the pages of a catch-up together, writes them to the disk, and only then tells
of them.

What is live is written as it comes. While a log catches up, several pages are opened together, a few entries at each
turn of the loop: so one signature vouches for more of a run, and nobody waits who says something meanwhile. What comes
is opened while what came before is written; all that was opened meanwhile goes into the next write.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from lanline.client.chat.catchup.storing import Storing
from lanline.client.chat.context import NodeContext, ServerLine
from lanline.client.chat.conversations import Conversations, FollowedConversation, Following
from lanline.client.chat.history import History
from lanline.client.chat.messages import OwnMessages, messages_of_entries
from lanline.client.chat.restored.lost import KEPT_OF_CATCH_UP, may_be_brought, said_by_account
from lanline.client.chat.sealed.seals import Seals
from lanline.client.sealing.ahead import Ahead
from lanline.client.sealing.asking import Asked
from lanline.client.sealing.logchain import Seen
from lanline.client.view import events
from lanline.clock import Clock, Timer
from lanline.errors import HistoryProblem, ProtocolViolation
from lanline.wire.chat.entries import LogEntry

_MOST_UNWRITTEN = 8_000
"""Of entries: with more, nothing is read from the link until some are on the disk."""


class _Waiting:
    """What came of one log and is not on the disk yet."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.log_hash: Seen | None = None
        self.sealed: list[LogEntry] = []

    def of(self, own: int) -> tuple[list[LogEntry], int, Seen | None, list[LogEntry]]:
        return self.entries, own, self.log_hash, self.sealed


class Intake:
    def __init__(
        self,
        context: NodeContext,
        conversations: Conversations,
        own: OwnMessages,
        seals: Seals,
        on_kept: Callable[[FollowedConversation], None],
    ) -> None:
        """`on_kept`: it is on the disk, and was told."""
        self._history = context.history
        self._storing: Storing = context.storing
        self._line = context.line
        self._tell = context.tell
        self._conversations = conversations
        self._own = own
        self._ignored = conversations.directory.ignoring
        self._seals = seals
        self._on_kept = on_kept
        self._through: dict[int, int] = {}
        """How far each log has come that has something unwritten."""
        self._waiting: dict[int, _Waiting] = {}
        self._is_writing = False
        self._is_held = False
        """Somebody waits for what is under way, and nothing more is to begin meanwhile."""

    def through(self, track: FollowedConversation) -> int:
        """How far it has come, written or not."""
        return self._through.get(track.shown.log, track.shown.delivered)

    def take(
        self,
        track: FollowedConversation,
        entries: Sequence[LogEntry],
        came: Sequence[LogEntry],
        *,
        is_bulk: bool,
        ahead: Ahead | None = None,
    ) -> None:
        """`came`: the same as they came, sealed. Raises HistoryProblem."""
        log = track.shown.log
        is_bulk = is_bulk and self._sealed_otherwise(log, entries, came) is None
        if not is_bulk:
            self._write_first(track)
        if entries[0].sequence != self.through(track) + 1:
            return  # what came before could not be written: the link has ended by it, and all comes again
        log_hash = self._seals.note_taken(track.shown, came, None if ahead is None else ahead.links)
        if not is_bulk:
            self.take_other_seals_off(log, entries, came)
            self._history.add_entries(log, entries, self._conversations.account, log_hash, may_be_brought(came))
            self._note_kept(track, entries)
            self._go_on()
            return
        waiting = self._waiting.setdefault(log, _Waiting())
        waiting.entries += entries
        if entries[-1].sequence > track.target - KEPT_OF_CATCH_UP:
            waiting.sealed += may_be_brought(came)
        waiting.log_hash = log_hash
        self._through[log] = entries[-1].sequence
        self._go_on()
        if len(waiting.entries) >= _MOST_UNWRITTEN:
            self._storing.wait()

    def take_other_seals_off(self, log: int, entries: Sequence[LogEntry], came: Sequence[LogEntry]) -> None:
        """If a copy of this home has sealed one's own otherwise, the seals of what follows name what does not stand: it
        is sealed anew. Before one's own are taken off the outbox.
        """
        position = self._sealed_otherwise(log, entries, came)
        if position is not None:
            self._history.outbox.take_seals_off(log, position)
            self._seals.end_run(log)

    def _sealed_otherwise(self, log: int, entries: Sequence[LogEntry], came: Sequence[LogEntry]) -> int | None:
        mine = said_by_account(entries, self._conversations.account)
        as_came = {each.sequence: each.content for each in came} if mine else {}
        said = {each.entry_id: as_came[each.sequence] for each in mine}
        return self._history.outbox.sealed_otherwise(log, said) if said else None

    def _write_first(self, track: FollowedConversation) -> None:
        """What came of this log before, and is not on the disk; what came of others may wait longer."""
        self._is_held = True
        try:
            self._storing.wait()
        finally:
            self._is_held = False
        waiting = self._waiting.pop(track.shown.log, None)
        if waiting is not None:
            del self._through[track.shown.log]
            self._history.add_entries(track.shown.log, *waiting.of(self._conversations.account))
            self._note_kept(track, waiting.entries)

    def write_all(self, log: int | None = None) -> None:
        """Until nothing is unwritten, or nothing of this log."""
        self._go_on()
        while self._is_writing and (log is None or log in self._through):
            self._storing.wait()

    def _go_on(self) -> None:
        if self._is_writing or self._is_held or not self._waiting:
            return
        log = next(iter(self._waiting))
        waiting, own = self._waiting.pop(log), self._conversations.account

        def write(history: History) -> None:
            history.add_entries(log, *waiting.of(own))

        self._is_writing = True
        try:
            self._storing.begin(write, lambda problem: self._on_written(log, waiting.entries, problem))
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """It comes again on the next link."""
        self._is_writing = False
        self._waiting.clear()
        self._through.clear()

    def _on_written(self, log: int, entries: Sequence[LogEntry], problem: BaseException | None) -> None:
        if problem is not None:
            self._forget()
            self._tell_problem(problem)
            return
        self._is_writing = False
        if self._through.get(log) == entries[-1].sequence:
            del self._through[log]
        self._go_on()  # first, so that the thread does not wait
        track = self._conversations.get(log)
        if track is not None:
            self._note_kept(track, entries)

    def _tell_problem(self, problem: BaseException) -> None:
        if self._line.session is not None and isinstance(problem, Exception):
            self._line.session.end_by(problem)
        elif isinstance(problem, HistoryProblem):  # the link has ended meanwhile
            self._tell(events.HistoryFailed(str(problem)))
        elif not isinstance(problem, OverflowError):
            raise problem

    def _note_kept(self, track: FollowedConversation, entries: Sequence[LogEntry]) -> None:
        shown, own = track.shown, self._conversations.account
        log, through, is_live = shown.log, entries[-1].sequence, track.following is Following.LIVE
        if self._seals.struck is not None:
            self._seals.struck.note_kept(log, through)
        messages = messages_of_entries(shown, entries, own, self._ignored.names, self._seals.why_unread)
        unread = shown.unread + sum(each.sequence > shown.read and each.is_news for each in messages)
        track.change(delivered=through, head=max(shown.head, through), unread=unread)
        for entry in said_by_account(entries, own):
            self._own.note_sent(log, entry)
        self._tell(events.EntriesReceived(log, messages, is_live))
        self._on_kept(track)


_LONGEST_S = 0.05
_LARGE_PAGE = 100
_AT_ONCE, _AT_ONCE_BYTES = 2000, 2 * 1024 * 1024
_MUCH = 1000
"""Enough to be opened as soon as nothing else is."""
_TAKEN_AT_ONCE = 400
"""About 2 ms."""
_MOST_WAITING = 8_000
"""Of entries: with more, nothing is read from the link until some are taken."""

Open = Callable[[int, Sequence[LogEntry], Ahead], Iterator[Asked | None]]
Take = Callable[[int, Sequence[LogEntry], Ahead | None], None]


class _Batch:
    def __init__(self, log: int, entries: list[LogEntry], open_ahead: Open) -> None:
        self.log = log
        self.entries = entries
        self.ahead = Ahead()
        self._steps = open_ahead(log, entries, self.ahead)
        self._taken = 0
        self.asked = next(self._steps, None)
        """What it goes on with, and waits a moment for if that is not over."""

    def go_on(self) -> Sequence[LogEntry]:
        """What is to be taken now: nothing, as long as it is being opened."""
        for asked in self._steps:
            self.asked = asked
            return ()
        self.asked = None
        taken, self._taken = self._taken, self._taken + _TAKEN_AT_ONCE
        return self.entries[taken : self._taken]

    @property
    def left(self) -> int:
        return max(0, len(self.entries) - self._taken)


class PagesTogether:
    def __init__(self, clock: Clock, line: ServerLine, open_ahead: Open, take: Take) -> None:
        """`open_ahead`: opens some at each step. What `take` raises comes out of `add`, or else ends the link."""
        self._clock = clock
        self._line = line
        self._open_ahead = open_ahead
        self._take = take
        self._gathered: dict[int, list[LogEntry]] = {}
        self._size_bytes = 0
        self._timer: Timer | None = None
        self._batches: deque[_Batch] = deque()
        self._turn: Timer | None = None

    def last(self, log: int) -> int:
        """The place of the last that came of a log, and is not taken yet; 0: there is none."""
        pages = [self._gathered.get(log, []), *(each.entries for each in reversed(self._batches) if each.log == log)]
        return next((page[-1].sequence for page in pages if page), 0)

    def add(self, log: int, came: Sequence[LogEntry], *, is_more_coming: bool) -> None:
        gathered = self._gathered.setdefault(log, [])
        gathered += came
        self._size_bytes += sum([len(each.content) for each in came])
        has_room = len(gathered) < _AT_ONCE and self._size_bytes < _AT_ONCE_BYTES
        may_wait = len(gathered) >= _LARGE_PAGE or bool(self._batches)
        if not (is_more_coming and has_room and may_wait):
            self._open()
        elif self._timer is None:
            self._timer = self._clock.call_later(_LONGEST_S, lambda: self._ending_link(self._on_timer))

    def _on_timer(self) -> None:
        """What is gathered while others are opened is opened when their turn is over."""
        self._timer = None
        if not self._batches:
            self._open()

    def put_back(self, log: int, entries: list[LogEntry]) -> None:
        """What was taken, and is to be opened now: before all that came after it."""
        if len(entries) <= _TAKEN_AT_ONCE:
            self._take(log, entries, None)
        else:
            self._batches.appendleft(_Batch(log, entries, self._open_ahead))
            self._go_on_soon()

    def finish(self, log: int) -> None:
        """Until nothing waits of this log."""
        if log in self._gathered:
            self._open()
        while any(each.log == log for each in self._batches):
            self._go_on()

    def _open(self) -> None:
        """What was gathered; at once where it is little, and nothing waits before it."""
        gathered = self._stop_gathering()
        for log, came in gathered.items():
            if not self._batches and len(came) <= _TAKEN_AT_ONCE:
                self._take(log, came, None)
            else:
                self._batches.append(_Batch(log, came, self._open_ahead))
        while sum(each.left for each in self._batches) > _MOST_WAITING:
            self._go_on()
        self._go_on_soon()

    def _go_on_soon(self) -> None:
        asked = self._batches[0].asked if self._batches else None
        if asked is not None and not asked.is_over:
            asked.when_over(self._go_on_soon)
        elif self._batches and self._turn is None:
            self._turn = self._clock.call_later(0.0, lambda: self._ending_link(self._on_turn))

    def _on_turn(self) -> None:
        self._turn = None
        if self._batches:
            self._go_on()
        is_much = any(len(each) >= _MUCH for each in self._gathered.values())
        if not self._batches and self._gathered and (is_much or self._timer is None):
            self._open()
        self._go_on_soon()

    def _go_on(self) -> None:
        batch = self._batches[0]
        entries = batch.go_on()
        if not batch.left:
            self._batches.popleft()
        if entries:
            self._take(batch.log, entries, batch.ahead)

    def _ending_link(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (ProtocolViolation, OverflowError, HistoryProblem) as problem:
            if self._line.session is not None:
                self._line.session.end_by(problem)

    def _stop_gathering(self) -> dict[int, list[LogEntry]]:
        if self._timer is not None:
            self._timer.cancel()
        gathered, self._gathered, self._size_bytes, self._timer = self._gathered, {}, 0, None
        return gathered

    def stop(self) -> None:
        """What waits comes again on the next link."""
        self._stop_gathering()
        self._batches.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

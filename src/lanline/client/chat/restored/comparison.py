"""Finds the last entry that this device and a restored server have in common, and the hash over the log there.

Not what is done with the rest: `conversations`.

Where the server has the same at one place it has the same below, unless it lies. The nearest hash that is kept is
proven by the next older one: with a clock that was behind, what is sent once more can have the same place, id and time
in both, and be sealed otherwise. What differs in content alone, others' next words tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, FollowedConversation
from lanline.client.chat.sealed.seals import Seals
from lanline.client.chat.session import Answer
from lanline.client.sealing.logchain import Seen
from lanline.client.view.values import Conversation
from lanline.crypto.groups.ids import log_hash_of, log_link_of
from lanline.errors import ProtocolViolation, RequestRefused
from lanline.model.alarms import AlarmKind, alarm
from lanline.wire.chat.entries import EarlierEntries, LogEntry, ReadBefore

MAX_READ = 10_000
"""Of entries. Where the nearest hash is further away, that of the first words that name one is taken."""
PIECE = 200
"""Of entries that are asked for at once."""
MIN_PAUSE_S = 1.0

OnKnown = Callable[[int, bytes | None], None]
"""Up to where the copies agree, which may be less than it seemed, and the hash over that."""


class Rehashing:
    def __init__(self, context: NodeContext, seals: Seals) -> None:
        self.context = context
        self._seals = seals

    def begin(
        self, track: FollowedConversation, agreed: int, on_known: OnKnown, on_link_lost: Callable[[], None]
    ) -> None:
        """One of the two follows, now or later."""
        known = [each for each in self._known(track, agreed) if agreed - each[0] <= MAX_READ]
        if known:
            _Way(self, track, known, agreed, on_known, on_link_lost).go_on()
        else:
            on_known(agreed, None)

    def _known(self, track: FollowedConversation, agreed: int) -> list[Seen]:
        """The newest, and one to prove it by."""
        found: list[Seen] = []
        place = agreed
        while place and len(found) < 2 and (kept := self.context.lost.hash_at_or_below(track.shown.log, place)):
            found.append(kept)
            place = kept[0] - 1
        if agreed and len(found) < 2 and track.shown.first == 0 and (begins := self._begins(track.shown)) is not None:
            found.append((0, begins))
        return found

    def _begins(self, shown: Conversation) -> bytes | None:
        watch = self._seals.watch
        return watch.seen.start_of(self._seals.place(shown)) if watch is not None and self._seals.is_sealed else None

    def tell_changed(self, shown: Conversation) -> None:
        if self._seals.watch is not None:
            self._seals.watch.alarms.ring(alarm(AlarmKind.PAST_CHANGED, "", shown.title))


class _Way:
    """Backwards, from where the copies agree to where the hash is known."""

    def __init__(
        self,
        rehashing: Rehashing,
        track: FollowedConversation,
        known: Sequence[Seen],
        agreed: int,
        on_known: OnKnown,
        on_link_lost: Callable[[], None],
    ) -> None:
        self._rehashing = rehashing
        self._lost = rehashing.context.lost
        self._clock = rehashing.context.clock
        self._line = rehashing.context.line
        self._track = track
        self._start = known[-1]
        self._proven = dict(known)
        self._agreed = self._next = agreed
        self._links: list[bytes] = []
        self._on_known = on_known
        self._on_link_lost = on_link_lost
        self._has_told = False

    def go_on(self) -> None:
        place, known = self._start
        if self._next > place:
            most = min(PIECE, self._next - place)
            self._line.request(ReadBefore(0, self._track.shown.log, self._next + 1, most), self._on_answer)
            return
        for at, each in enumerate(reversed(self._links), place + 1):
            known = log_hash_of(known, each)
            if self._proven.get(at, known) != known:
                self._rehashing.begin(self._track, place, self._on_known, self._on_link_lost)
                return
        self._on_known(self._agreed, known)

    def _on_answer(self, answer: Answer) -> None:
        match answer:
            case EarlierEntries():
                self._take(answer)
            case RequestRefused():
                self._try_again(max(answer.retry_after_s, MIN_PAUSE_S))
            case _:
                self._on_link_lost()

    def _try_again(self, pause_s: float) -> None:
        session = self._line.session

        def again() -> None:
            if self._line.session is session:
                self.go_on()
            else:
                self._on_link_lost()

        self._clock.call_later(pause_s, again)

    def _take(self, answer: EarlierEntries) -> None:
        if not answer.entries:
            raise ProtocolViolation("it left a gap in what was said earlier")
        for entry in reversed(answer.entries):
            if entry.sequence != self._next:
                raise ProtocolViolation("it left a gap in what was said earlier")
            mine = self._lost.identity(self._track.shown.log, self._next)
            if mine not in {None, (entry.entry_id, entry.account, entry.time_ms)}:
                self._tell()
            self._links.append(log_link_of(entry.sequence, entry.entry_id, entry.time_ms, entry.suite, entry.content))
            self._next -= 1
        self.go_on()

    def _tell(self) -> None:
        if not self._has_told:
            self._has_told = True
            self._rehashing.tell_changed(self._track.shown)


class Comparison:
    """Finds the last entry that this device and a restored server have in common, by reading backwards."""

    def __init__(
        self,
        context: NodeContext,
        conversations: Conversations,
        rehashing: Rehashing,
        on_proven: Callable[[FollowedConversation], None],
    ) -> None:
        self._lost = context.lost
        self._clock = context.clock
        self._line = context.line
        self._conversations = conversations
        self._rehashing = rehashing
        self._on_proven = on_proven
        self.under_way: set[int] = set()

    def begin(self, track: FollowedConversation) -> None:
        """`on_proven` follows, now or later; not when the link ends before."""
        log = track.shown.log
        if log not in self.under_way:
            self.under_way.add(log)
            self._look(log, min(track.shown.delivered, track.shown.head))

    def _look(self, log: int, through: int) -> None:
        track = self._conversations[log]
        if through <= track.shown.first:
            self._finish(track, 0)
        else:
            message = ReadBefore(0, log, through + 1, PIECE)
            self._line.request(message, lambda answer: self._on_answer(log, through, answer))

    def _on_answer(self, log: int, through: int, answer: Answer) -> None:
        match answer:
            case EarlierEntries(_, _, entries):
                self._compare(log, through, entries)
            case RequestRefused():
                pause_s = max(answer.retry_after_s, MIN_PAUSE_S)
                self._clock.call_later(pause_s, lambda: self._begin_again(log))
            case _:
                self.under_way.discard(log)  # the link has ended; the next one begins anew

    def _begin_again(self, log: int) -> None:
        """From the beginning: there may be another link by now, and another server."""
        self.under_way.discard(log)
        track = self._conversations.get(log)
        if track is not None and not track.is_proven and track.shown.is_open:
            self.begin(track)

    def _compare(self, log: int, through: int, entries: tuple[LogEntry, ...]) -> None:
        for expected, entry in zip(range(through, 0, -1), reversed(entries), strict=False):
            if entry.sequence != expected:
                raise ProtocolViolation("it left a gap in what was said earlier")
            if self._lost.identity(log, expected) == (entry.entry_id, entry.account, entry.time_ms):
                self._finish(self._conversations[log], expected)
                return
        self._look(log, through - len(entries) if entries else 0)

    def _finish(self, track: FollowedConversation, agreed: int) -> None:
        log = track.shown.log

        def part(agreed: int, known: bytes | None) -> None:
            self.under_way.discard(log)
            self._conversations.part(track, agreed, known)
            self._on_proven(track)

        self._rehashing.begin(track, agreed, part, lambda: self._begin_again(log))

"""Owns where this device's copy of a log and a restored server's part. Not what is done about it: `conversations`."""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.rehashing import MIN_PAUSE_S, PIECE, Rehashing
from lanline.client.chat.session import Answer
from lanline.errors import ProtocolViolation, RequestRefused
from lanline.wire.chat.entries import EarlierEntries, LogEntry, ReadBefore


class Comparison:
    """Finds the last entry that this device and a restored server have in common, by reading backwards."""

    def __init__(
        self,
        context: NodeContext,
        conversations: Conversations,
        rehashing: Rehashing,
        on_proven: Callable[[Track], None],
    ) -> None:
        self._lost = context.lost
        self._clock = context.clock
        self._line = context.line
        self._conversations = conversations
        self._rehashing = rehashing
        self._on_proven = on_proven
        self.under_way: set[int] = set()

    def begin(self, track: Track) -> None:
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

    def _finish(self, track: Track, agreed: int) -> None:
        log = track.shown.log

        def part(known: bytes | None) -> None:
            self.under_way.discard(log)
            self._conversations.part(track, agreed, known)
            self._on_proven(track)

        self._rehashing.begin(track, agreed, part, lambda: self._begin_again(log))

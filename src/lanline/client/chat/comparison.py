"""How far this device's copy of a log and a restored server's are the same: read back from where the shorter one ends.

A restored log is the old one up to some place, and another from there on. So the newest entry that both have in the
same place is found, seldom further back than one piece; the rest of the device's copy is set aside.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.requests import Answer, OnAnswer
from lanline.client.chat.setaside import SetAside
from lanline.clock import Clock
from lanline.errors import ProtocolViolation, RequestRefused
from lanline.wire.chat.entries import EarlierEntries, LogEntry, ReadBefore
from lanline.wire.chat.messages import ClientMessage

PIECE = 200
_LEAST_PAUSE_S = 1.0


class Comparison:
    def __init__(
        self,
        aside: SetAside,
        conversations: Conversations,
        clock: Clock,
        request: Callable[[ClientMessage, OnAnswer], None],
        on_proven: Callable[[Track], None],
    ) -> None:
        self._aside = aside
        self._conversations = conversations
        self._clock = clock
        self._request = request
        self._on_proven = on_proven
        self._under_way: set[int] = set()

    @property
    def is_under_way(self) -> bool:
        return bool(self._under_way)

    def begin(self, track: Track) -> None:
        """`on_proven` follows, now or later; not when the link ends before."""
        log = track.shown.log
        if log not in self._under_way:
            self._under_way.add(log)
            self._look(log, min(track.shown.delivered, track.shown.head))

    def _look(self, log: int, through: int) -> None:
        track = self._conversations.get(log)
        assert track is not None
        if through <= track.shown.first:
            self._finish(track, 0)
        else:
            message = ReadBefore(0, log, through + 1, PIECE)
            self._request(message, lambda answer: self._on_answer(log, through, answer))

    def _on_answer(self, log: int, through: int, answer: Answer) -> None:
        match answer:
            case EarlierEntries(_, _, entries):
                self._compare(log, through, entries)
            case RequestRefused():
                pause_s = max(answer.retry_after_s, _LEAST_PAUSE_S)
                self._clock.call_later(pause_s, lambda: self._begin_again(log))
            case _:
                self._under_way.discard(log)  # the link has ended; the next one begins anew

    def _begin_again(self, log: int) -> None:
        """From the beginning: there may be another link by now, and another server."""
        self._under_way.discard(log)
        track = self._conversations.get(log)
        if track is not None and not track.is_proven and track.shown.is_open:
            self.begin(track)

    def _compare(self, log: int, through: int, entries: tuple[LogEntry, ...]) -> None:
        track = self._conversations.get(log)
        assert track is not None
        for expected, entry in zip(range(through, 0, -1), reversed(entries), strict=False):
            if entry.sequence != expected:
                raise ProtocolViolation("it left a gap in what was said earlier")
            if self._aside.identity(log, expected) == (entry.entry_id, entry.account, entry.time_ms):
                self._finish(track, expected)
                return
        self._look(log, through - len(entries) if entries else 0)

    def _finish(self, track: Track, agreed: int) -> None:
        self._under_way.discard(track.shown.log)
        self._conversations.part(track, agreed)
        self._on_proven(track)

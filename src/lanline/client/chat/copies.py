"""Owns what happens to this device's copies of logs when the server was restored from a backup. Not how logs are read.

A log that was opened under an earlier epoch of the server is *unproven*: its number, its sequence numbers and its
cursors may mean something else now. The copy is compared with the server's, backwards, until an entry is found that
both have in the same place. What is beyond that entry is set aside, with the names of then, and the person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lanline.client.chat.context import NodeContext
from lanline.client.chat.conversations import Conversations, Track
from lanline.client.chat.events import ServerRestored
from lanline.client.chat.lost import LostEntries
from lanline.client.chat.session import Answer
from lanline.errors import ProtocolViolation, RequestRefused
from lanline.wire.chat.entries import EarlierEntries, LogEntry, ReadBefore

PIECE = 200
_LEAST_PAUSE_S = 1.0
_MAX_TITLES = 3


class Comparison:
    """Finds the last entry that this device and a restored server have in common, by reading backwards."""

    def __init__(
        self,
        context: NodeContext,
        conversations: Conversations,
        on_proven: Callable[[Track], None],
    ) -> None:
        self._lost = context.lost
        self._clock = context.clock
        self._line = context.line
        self._conversations = conversations
        self._on_proven = on_proven
        self._under_way: set[int] = set()

    @property
    def under_way(self) -> set[int]:
        return self._under_way

    def begin(self, track: Track) -> None:
        """`on_proven` follows, now or later; not when the link ends before."""
        log = track.shown.log
        if log not in self._under_way:
            self._under_way.add(log)
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
        for expected, entry in zip(range(through, 0, -1), reversed(entries), strict=False):
            if entry.sequence != expected:
                raise ProtocolViolation("it left a gap in what was said earlier")
            if self._lost.identity(log, expected) == (entry.entry_id, entry.account, entry.time_ms):
                self._finish(self._conversations[log], expected)
                return
        self._look(log, through - len(entries) if entries else 0)

    def _finish(self, track: Track, agreed: int) -> None:
        self._under_way.discard(track.shown.log)
        self._conversations.part(track, agreed)
        self._on_proven(track)


def restored_news(lost: LostEntries) -> ServerRestored | None:
    """What was set aside and the person was not told of; told by this."""
    count, titles = lost.take_untold()
    return ServerRestored(_sentence(count, titles), count) if count else None


def _sentence(count: int, titles: Sequence[str]) -> str:
    are, them = ("is", "it") if count == 1 else ("are", "them")
    what = "1 message" if count == 1 else f"{count} messages"
    shown = list(titles[:_MAX_TITLES])
    where = f"{', '.join(shown)} and elsewhere" if len(titles) > _MAX_TITLES else " and ".join(shown)
    return (
        f"The server was restored from an older backup: {what} in {where} {are} not there any more. This device has "
        f"set {them} aside; lanline log '{shown[0]}' --set-aside shows {them}."
    )

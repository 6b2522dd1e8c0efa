"""Owns followers that are behind: each reads on from the store, one piece in a turn of the loop.

A session that waits for a piece from the store holds up no other.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial

from lanline.clock import Clock
from lanline.core.conversations import Conversation
from lanline.core.core import Core
from lanline.errors import CloseCode, LinkError, StorageError
from lanline.gateways.lanline.followers import CHUNK_BYTES, Chunk, Followers, encode_chunk
from lanline.gateways.lanline.session import Session
from lanline.model.logs import Entry, LogId
from lanline.ticket import Steps, Ticket, follow

_LOG = logging.getLogger(__name__)
_MAX_ENTRIES = 2000
_MAX_KEPT_CHUNKS = 16
"""After a restart everybody asks for the same."""
_AGAIN_S = 1.0


class CatchUp:
    def __init__(self, core: Core, clock: Clock, followers: Followers[Session]) -> None:
        self._core = core
        self._clock = clock
        self._followers = followers
        self._queue: deque[Session] = deque()
        self._busy: set[Session] = set()
        """Those in the queue, and those that wait for the store."""
        self._is_due = False
        self._chunks: dict[tuple[LogId, int, int], Ticket[Chunk]] = {}

    def follow(self, session: Session, log: LogId, after: int) -> None:
        self._core.conversations.readable(log, session.actor.account)
        self.read_on(session, log, after)

    def unfollow(self, session: Session, log: LogId) -> None:
        session.behind.pop(log, None)
        self._followers.drop(log, session)

    def followed(self, session: Session) -> list[LogId]:
        """The logs in which it is live. Asked for seldom, so that no session keeps a set of them."""
        readable = self._core.conversations.of(session.actor.account)
        return [each.log for each in readable if self._followers.has(each.log, session)]

    def fall_behind(self, session: Session) -> None:
        """Its link is full. What it is live in it has so far."""
        for log in self.followed(session):
            self.read_on(session, log, self._followers.head(log))

    def read_on(self, session: Session, log: LogId, position: int) -> None:
        self.unfollow(session, log)
        session.behind[log] = position
        self.add(session)

    def forget(self, session: Session) -> None:
        for log in self.followed(session):
            self._followers.drop(log, session)
        session.behind = {}

    def add(self, session: Session) -> None:
        if session.behind and session not in self._busy and session.queue.has_room:
            self._queue.append(session)
            self._busy.add(session)
            self._request_turn()

    def _request_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(0.0, self._turn)

    def _turn(self) -> None:
        self._is_due = False
        session = self._queue.popleft()
        follow(self._advance(session)).when_settled(partial(self._advanced, session))
        if self._queue:
            self._request_turn()

    def _advance(self, session: Session) -> Steps[None]:
        """Those logs in which it is at the head already cost nothing; a piece of one log is what a turn may take."""
        while self._may_go_on(session):
            log, position = next(iter(session.behind.items()))
            conversation = self._core.conversations.get(log)
            assert conversation is not None
            if position >= conversation.head:
                self._go_live(session, log, conversation.head)  # never further: others are live in it, too
                continue
            chunk = yield from self._chunk(conversation, position).wait()
            if self._may_go_on(session) and session.behind.get(log) == position:
                self._send(session, conversation, chunk)
            return

    @staticmethod
    def _may_go_on(session: Session) -> bool:
        """Its link may have filled since: what waits there comes first, and then it is added again."""
        return session.is_signed_in and bool(session.behind) and session.queue.has_room

    def _advanced(self, session: Session, ticket: Ticket[None]) -> None:
        self._busy.discard(session)
        match ticket.problem:
            case None:
                self.add(session)
            case LinkError():
                pass  # `SendBufferDrained` or `LinkClosed` follows
            case StorageError() as problem:
                _LOG.error("What a client has missed could not be read.", exc_info=problem)
                self._clock.call_later(_AGAIN_S, lambda: self.add(session))
            case problem:  # whatever it is, the others in the queue go on
                _LOG.error("What a client has missed could not be sent.", exc_info=problem)
                session.close(CloseCode.RESET, "The server failed at the history. Connect again.")
        if not self._busy:
            self._chunks.clear()

    def _send(self, session: Session, conversation: Conversation, chunk: Chunk) -> None:
        log = conversation.log
        session.queue.send_chunk(chunk)
        self._followers.deliveries += chunk.last - session.behind.pop(log)
        session.behind[log] = chunk.last  # last in line: the next turn is another log's
        if chunk.last >= conversation.head:
            self._go_live(session, log, chunk.last)

    def _go_live(self, session: Session, log: LogId, head: int) -> None:
        del session.behind[log]
        session.behind = session.behind or {}  # one that was filled once keeps its memory
        self._followers.add(log, head, session, session.link.send_framed_nowait)

    def _chunk(self, conversation: Conversation, position: int) -> Ticket[Chunk]:
        """Up to the head as everybody knows it: what is committed and not yet told comes live."""
        log, head = conversation.log, conversation.head
        key = (log, position, head)
        chunk = self._chunks.get(key)
        if chunk is None or chunk.problem is not None:
            found = self._core.read_after(log, position, min(_MAX_ENTRIES, head - position), CHUNK_BYTES)
            chunk = follow(_encoded(log, position, found))
            if len(self._chunks) >= _MAX_KEPT_CHUNKS:
                del self._chunks[next(iter(self._chunks))]
            self._chunks[key] = chunk
        return chunk


def _encoded(log: LogId, position: int, found: Ticket[list[Entry]]) -> Steps[Chunk]:
    entries = yield from found.wait()
    if not entries or entries[0].sequence != position + 1:
        raise LookupError(f"log {log} has a gap after {position}")
    return encode_chunk(log, entries)

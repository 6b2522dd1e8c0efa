"""Followers that are behind: read from the store, one piece in each turn of the loop, so that nobody waits for them."""

from __future__ import annotations

import logging
from collections import deque

from lanline.errors import CloseCode, LinkError, StorageError
from lanline.model.logs import LogId
from lanline.server.session import Session, State
from lanline.server.state import ServerState
from lanline.services.conversations import Conversation
from lanline.services.delivery import CHUNK_BYTES, Chunk, as_log_entries, encode_chunk

_LOG = logging.getLogger(__name__)
_MOST_ENTRIES = 2000
_MOST_KEPT_CHUNKS = 16
"""After a restart everybody asks for the same."""
_AGAIN_S = 1.0


class CatchUp:
    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._queue: deque[Session] = deque()
        self._queued: set[Session] = set()
        self._is_due = False
        self._chunks: dict[tuple[LogId, int, int], Chunk] = {}

    def follow(self, session: Session, log: LogId, after: int) -> None:
        self._state.conversations.readable(log, session.account)
        self.unfollow(session, log)
        session.behind[log] = after
        self.add(session)

    def unfollow(self, session: Session, log: LogId) -> None:
        session.behind.pop(log, None)
        if log in session.following:
            session.following.discard(log)
            self._state.feeds.drop(log, session)

    def fall_behind(self, session: Session) -> None:
        """Its link is full. What it is live in it has so far."""
        for log in list(session.following):
            conversation = self._state.conversations.get(log)
            assert conversation is not None
            self.straggle(session, log, conversation.head)

    def straggle(self, session: Session, log: LogId, position: int) -> None:
        self.unfollow(session, log)
        session.behind[log] = position
        self.add(session)

    def forget(self, session: Session) -> None:
        for log in list(session.following):
            self.unfollow(session, log)
        session.behind.clear()

    def add(self, session: Session) -> None:
        if session.behind and session not in self._queued and session.outlet.has_room:
            self._queue.append(session)
            self._queued.add(session)
            self._request_turn()

    def _request_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._state.clock.call_later(0.0, self._turn)

    def _turn(self) -> None:
        self._is_due = False
        session = self._queue.popleft()
        self._queued.discard(session)
        # Its link may have filled since: what waits there comes first, and then it is added again.
        if session.state is State.SIGNED_IN and session.behind and session.outlet.has_room:
            self._advance(session)
        if self._queue:
            self._request_turn()
        else:
            self._chunks.clear()

    def _advance(self, session: Session) -> None:
        try:
            # Those that are at the head already cost nothing; a piece of one log is what a turn may take.
            while session.behind and not self._send_piece(session):
                pass
        except LinkError:
            return  # `SendBufferDrained` or `LinkClosed` follows
        except StorageError as problem:
            _LOG.error("What a client has missed could not be read.", exc_info=problem)
            self._state.clock.call_later(_AGAIN_S, lambda: self.add(session))
            return
        except Exception:  # noqa: BLE001 -- whatever it is, the others in the queue go on
            _LOG.exception("What a client has missed could not be sent.")
            session.close(CloseCode.RESET, "The server failed at the history. Connect again.")
            return
        self.add(session)

    def _send_piece(self, session: Session) -> bool:
        """False: there was nothing to send, and the session is live in that log."""
        log, position = next(iter(session.behind.items()))
        conversation = self._state.conversations.get(log)
        assert conversation is not None
        if position >= conversation.head:
            self._go_live(session, log)
            return False
        chunk = self._chunk(conversation, position)
        session.outlet.send_chunk(chunk)
        self._state.feeds.deliveries += chunk.last - position
        del session.behind[log]
        session.behind[log] = chunk.last  # last in line: the next turn is another log's
        if chunk.last >= conversation.head:
            self._go_live(session, log)
        return True

    def _go_live(self, session: Session, log: LogId) -> None:
        del session.behind[log]
        session.following.add(log)
        self._state.feeds.add(log, session, session.link.send_framed_nowait)

    def _chunk(self, conversation: Conversation, position: int) -> Chunk:
        """Up to the head as everybody knows it: what is committed and not yet told comes live."""
        log, head = conversation.log, conversation.head
        key = (log, position, head)
        chunk = self._chunks.get(key)
        if chunk is None:
            limit = min(_MOST_ENTRIES, head - position)
            entries = self._state.store.read(lambda view: view.logs.after(log, position, limit, CHUNK_BYTES))
            if not entries or entries[0].sequence != position + 1:
                raise LookupError(f"log {log} has a gap after {position}")
            chunk = encode_chunk(log, as_log_entries(entries))
            if len(self._chunks) >= _MOST_KEPT_CHUNKS:
                del self._chunks[next(iter(self._chunks))]
            self._chunks[key] = chunk
        return chunk

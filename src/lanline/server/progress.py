"""How far everybody has come: taken in at once, written at most once a second, and told once it is written."""

from __future__ import annotations

import logging
from functools import partial

from lanline.errors import StorageError
from lanline.model.accounts import AccountId
from lanline.model.logs import Cursor, LogId
from lanline.server.session import Session
from lanline.server.state import ServerState
from lanline.services.conversations import Conversation
from lanline.services.cursors import Key, write_cursors
from lanline.services.presence import keep_record
from lanline.storage.ticket import Ticket
from lanline.wire.chat.entries import Advance, CursorMoved

_LOG = logging.getLogger(__name__)
WRITE_INTERVAL_S = 1.0
MOST_MEMBERS_TOLD = 16
_RECORD_EVERY_MS = 60_000


class Progress:
    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._is_due = False
        self._recorded_ms = 0
        self._said_by: dict[Key, Session | None] = {}
        """By whom alone a move that is not yet written was said; None: by several programs of the device."""

    def advance(self, session: Session, message: Advance) -> None:
        self._state.count_excess(session)
        conversations = self._state.conversations
        for cursor in message.cursors:
            conversation = conversations.get(LogId(cursor.log))
            if conversation is not None and conversation.may_read(session.account):
                self._state.cursors.advance(
                    conversation.log,
                    session.device,
                    min(cursor.delivered, conversation.head),
                    min(cursor.read, conversation.head),
                )
                self._note_said((conversation.log, session.device), session)
        self.request_write()

    def _note_said(self, key: Key, session: Session | None) -> None:
        self._said_by[key] = session if self._said_by.get(key, session) is session else None

    def request_write(self) -> None:
        if not self._is_due and not self._state.is_closing:
            self._is_due = True
            self._state.clock.call_later(WRITE_INTERVAL_S, self._write)

    def _write(self) -> None:
        self._is_due = False
        if self._state.is_closing:
            return
        try:
            self.write_now()
        except StorageError:
            _LOG.exception("How far everybody has come could not be handed to the store.")

    def write_now(self) -> None:
        self._keep_presence()
        cursors = self._state.cursors.take()
        said_by, self._said_by = self._said_by, {}
        if cursors:
            ticket = self._state.store.write(partial(write_cursors, cursors=cursors))
            ticket.when_settled(partial(self._settled, cursors, said_by))

    def _keep_presence(self) -> None:
        now_ms = self._state.clock.now_ms()
        if not self._state.is_closing and abs(now_ms - self._recorded_ms) < _RECORD_EVERY_MS:
            return
        self._recorded_ms = now_ms
        record = self._state.presence.take_record(now_ms)
        if record is not None:
            self._state.store.write(partial(keep_record, record=record))

    def _settled(
        self, cursors: dict[Key, Cursor], said_by: dict[Key, Session | None], ticket: Ticket[dict[Key, Cursor]]
    ) -> None:
        if isinstance(ticket.problem, StorageError):
            self._state.cursors.put_back(cursors)
            for key, session in said_by.items():
                self._note_said(key, session)
            self.request_write()
        elif ticket.problem is not None:
            _LOG.error("How far devices have come could not be kept.", exc_info=ticket.problem)
        else:
            self._note_moved(ticket.result(), said_by)

    def _note_moved(self, stands: dict[Key, Cursor], said_by: dict[Key, Session | None]) -> None:
        for (log, device), cursor in stands.items():
            account = self._state.directory.account_of(device)
            conversation = self._state.conversations.get(log)
            if account is None or conversation is None or conversation.marks is None:
                continue
            moved = conversation.move_mark(account, cursor)
            if moved is not None:
                news = CursorMoved(log, account, moved.delivered, moved.read)
                self._tell(conversation, news, said_by.get((log, device)))

    def _tell(self, conversation: Conversation, moved: CursorMoved, said_by: Session | None) -> None:
        """Not back to the program that said it; another one of the same device has not heard of it."""
        state = self._state
        is_told_to_all = conversation.size <= MOST_MEMBERS_TOLD
        for account in list(conversation.readers()) if is_told_to_all else [AccountId(moved.account)]:
            for session in tuple(state.sessions_of.get(account, ())):
                if session is not said_by:
                    session.send(moved)

"""What is asked about entries and blobs: following, reading back, files."""

from __future__ import annotations

from functools import partial

from lanline.errors import LanlineError, RefusalCode, RequestRefused
from lanline.model.logs import LogId
from lanline.server.appends import Appends
from lanline.server.catchup import CatchUp
from lanline.server.progress import Progress
from lanline.server.session import Handler, Session
from lanline.server.state import ServerState
from lanline.services.blobs import find_blob, put_blob
from lanline.services.delivery import CHUNK_BYTES, as_log_entries
from lanline.wire.chat import blobs, entries
from lanline.wire.chat.conversations import ConversationGone


class LogDesk:
    def __init__(self, state: ServerState, catch_up: CatchUp) -> None:
        self._state = state
        self._catch_up = catch_up
        self.appends = Appends(state, catch_up)
        self.progress = Progress(state)

    def handlers(self) -> dict[type, Handler]:
        return {
            entries.Append: self.appends.take,
            entries.Advance: self.progress.advance,
            entries.Follow: self._follow,
            entries.Unfollow: self._unfollow,
            entries.ReadBefore: self._read_before,
            blobs.PutBlob: self._put_blob,
            blobs.GetBlob: self._get_blob,
        }

    def _follow(self, session: Session, message: entries.Follow) -> None:
        try:
            self._catch_up.follow(session, LogId(message.log), message.after)
        except RequestRefused as refusal:
            session.send(ConversationGone(message.log, str(refusal)))

    def _unfollow(self, session: Session, message: entries.Unfollow) -> None:
        self._catch_up.unfollow(session, LogId(message.log))

    def _read_before(self, session: Session, message: entries.ReadBefore) -> None:
        self._state.check_pace(session)
        conversation = self._state.conversations.readable(LogId(message.log), session.account)
        log, before = conversation.log, min(message.before, conversation.head + 1)
        found = self._state.store.read(lambda view: view.logs.before(log, before, message.limit, CHUNK_BYTES))
        session.send(entries.EarlierEntries(message.request, log, as_log_entries(found)))

    def _put_blob(self, session: Session, message: blobs.PutBlob) -> None:
        self._state.check_pace(session)
        if session.is_operator:
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "The operator is no person: take an account for that.")
        request = message.request
        work = partial(
            put_blob,
            data=message.data,
            owner=session.account,
            quota_bytes=self._state.settings.blob_quota_bytes,
            now_ms=self._state.clock.now_ms(),
        )
        session.begin_blob(len(message.data))

        def then(name: bytes) -> None:
            session.send_bulk(blobs.BlobStored(request, name))

        def done() -> None:
            session.end_blob(len(message.data))

        try:
            self._state.write(session, request, work, then, done)
        except LanlineError:
            done()
            raise

    def _get_blob(self, session: Session, message: blobs.GetBlob) -> None:
        self._state.check_pace(session)
        data = self._state.store.read(lambda view: find_blob(view, message.blob))
        session.send_bulk(blobs.BlobFound(message.request, data))

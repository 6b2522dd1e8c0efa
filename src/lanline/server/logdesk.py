"""What is asked about entries and blobs: following, reading back, files."""

from __future__ import annotations

from functools import partial

from lanline.errors import LanlineError, RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.blobs import BlobId, blob_id
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
        self._state.count_excess(session)
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
        self._state.check_room(is_admin=session.is_admin)
        request, owner, size_bytes = message.request, session.account, len(message.data)
        work = partial(put_blob, data=message.data, owner=owner, now_ms=self._state.clock.now_ms())
        session.begin_blob(size_bytes)
        try:
            taken_bytes = self._take_quota(owner, message.data)
        except BaseException:
            session.end_blob(size_bytes)
            raise

        def done() -> None:
            session.end_blob(size_bytes)
            self._state.files.add(owner, -taken_bytes)

        def then(stored: tuple[BlobId, bool]) -> None:
            name, is_new = stored
            self._state.files.add(owner, size_bytes if is_new else 0)
            session.send_bulk(blobs.BlobStored(request, name))

        try:
            self._state.write(session, request, work, then, done)
        except LanlineError:
            done()
            raise

    def _take_quota(self, owner: AccountId, data: bytes) -> int:
        """So many bytes, until it is known whether they are kept: none of what is there already."""
        state = self._state
        if owner not in state.files:
            state.files.add(owner, state.store.read(lambda view: view.blobs.size_bytes(owner)))
        quota_bytes = state.settings.blob_quota_bytes
        if state.files.take(owner, len(data), quota_bytes):
            return len(data)
        if state.store.read(lambda view: view.blobs.get(blob_id(data))) is None:
            text = (
                f"Your files on this server would be more than {quota_bytes // 1024**2} MB, which is all you may have."
            )
            raise RequestRefused(RefusalCode.QUOTA_EXCEEDED, text)
        return 0

    def _get_blob(self, session: Session, message: blobs.GetBlob) -> None:
        self._state.check_pace(session)
        data = self._state.store.read(lambda view: find_blob(view, message.blob))
        session.send_bulk(blobs.BlobFound(message.request, data))

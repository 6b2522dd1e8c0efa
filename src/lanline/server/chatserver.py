"""The server without its sockets: joins the services, the store and the links that are handed in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial

from lanline.clock import Clock
from lanline.errors import CloseCode, StorageError
from lanline.ids import Entropy
from lanline.model.accounts import Account, AccountId, Device, DeviceId
from lanline.model.addresses import address_text
from lanline.model.settings import ServerSettings
from lanline.server.admindesk import AdminDesk
from lanline.server.admission import Admission
from lanline.server.catchup import CatchUp
from lanline.server.door import OPERATOR, Door
from lanline.server.joining import Joining
from lanline.server.logdesk import LogDesk
from lanline.server.notices import Notices
from lanline.server.passwords import Passwords
from lanline.server.ports import ClientLink, PasswordHasher
from lanline.server.roomdesk import RoomDesk
from lanline.server.roomnews import RoomNews
from lanline.server.session import Address, Handler, Session, State
from lanline.server.state import ServerState
from lanline.services.invites import make_first_invite, make_invite, new_token
from lanline.storage.api import Store, Transaction
from lanline.storage.ticket import Ticket
from lanline.wire.chat.signin import Hello, Join, SignedIn, SignIn

_LOG = logging.getLogger(__name__)


class ChatServer:
    """`open` first, once. All calls, and all callbacks of what was handed in, come on one thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: PasswordHasher,
        entropy: Entropy,
        settings: ServerSettings,
        operator_fingerprint: bytes | None = None,
        free_bytes: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        """`free_bytes`: how much room there is on the store's disk."""
        state = self._state = ServerState(store, clock, passwords, entropy, settings, free_bytes)
        self._admission = Admission(settings)
        self._catch_up = CatchUp(state)
        self._notices = Notices(state)
        guard = Passwords(state)
        self._news = RoomNews(state, self._catch_up)
        self._logs = LogDesk(state, self._catch_up)
        self._admin = AdminDesk(state, self._notices, guard)
        self._door = Door(state, self._let_in)
        self._door.operator_fingerprint = operator_fingerprint
        joining = Joining(state, self._door, guard, self._notices, self._news)
        self._handlers: dict[type, Handler] = {
            Hello: self._door.greet,
            SignIn: self._door.sign_in,
            Join: joining.join,
            **RoomDesk(state, self._news).handlers(),
            **self._logs.handlers(),
            **self._admin.handlers(),
        }

    @property
    def operator_fingerprint(self) -> bytes | None:
        """Whose link has this key is an admin without an account."""
        return self._door.operator_fingerprint

    @operator_fingerprint.setter
    def operator_fingerprint(self, fingerprint: bytes | None) -> None:
        self._door.operator_fingerprint = fingerprint

    def open(self) -> None:
        """Reads what is kept. Raises StorageError."""
        self._state.load()
        self._state.epoch.begin()
        self._notices.load()

    @property
    def has_accounts(self) -> bool:
        """False at a first start: nobody has joined yet."""
        return len(self._state.directory) > 0

    def make_invite(self, uses: int = 1, expires_in_s: float | None = None, *, grants_admin: bool) -> Ticket[bytes]:
        """The token of an invite of the server's own; the link around it is the caller's to make."""
        token = new_token(self._state.entropy)
        invite = self._admin.new_invite(token, uses, expires_in_s, grants_admin, None)

        def work(transaction: Transaction) -> bytes:
            make_invite(transaction, invite, is_admin=True)
            return token

        return self._state.store.write(work)

    def make_first_invite(self, expires_in_s: float) -> Ticket[bytes]:
        """For whoever sets the server up, and is its first admin. There is never more than one."""
        token = new_token(self._state.entropy)
        invite = self._admin.new_invite(token, 1, expires_in_s, grants_admin=True, creator=None)

        def work(transaction: Transaction) -> bytes:
            make_first_invite(transaction, invite)
            return token

        return self._state.store.write(work)

    def figures(self) -> dict[str, float]:
        """For the metrics: `_total` counts up, the rest is as it is now."""
        return self._state.figures()

    # Links.

    def on_accept(self, link: ClientLink, address: Address) -> None:
        """A client has called. What it does from here on comes to its session; an exception there is its own."""
        state = self._state
        account = self._known_account(link.peer_fingerprint)
        has_room = (
            self._admission.has_room_near(address[0]) if account is None else self._admission.has_room_for(account)
        )
        if state.is_closing or len(state.sessions) >= state.settings.most_links or not has_room:
            link.close(CloseCode.BUSY, "The server takes no more links now.")
            return
        session = Session(link, address, self._handlers, self)
        state.sessions[session] = None
        if account is None:
            self._admission.add_stranger(session)
        else:
            self._admission.add_known(session, account)
        session.timer = state.clock.call_later(state.settings.sign_in_timeout_s, partial(_give_up, session))
        link.set_handler(session.handle_event)

    def _known_account(self, fingerprint: bytes) -> AccountId | None:
        """Whose device this is, as long as it may sign in. The handshake has proven that it holds the key."""
        if fingerprint == self._door.operator_fingerprint:
            return OPERATOR.id
        device = self._state.directory.by_key(fingerprint)
        if device is None or device.is_revoked or self._state.directory.known(device.account).is_banned:
            return None
        return device.account

    def _let_in(self, session: Session, request: int, account: Account, device: Device | None, is_new: bool) -> None:
        state = self._state
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        self._admission.drop(session)
        session.link.trust()
        session.state = State.SIGNED_IN
        session.account = account.id
        session.device = DeviceId(0) if device is None else device.id
        session.is_admin = account.is_admin
        session.send(
            SignedIn(request, account.id, account.name, session.device, account.is_admin, is_new, state.epoch.value)
        )
        if device is not None:
            state.presence.come(account.id, address_text(session.address), state.clock.now_ms())
            state.sessions_of.setdefault(account.id, []).append(session)
            self._notices.request_push()
        state.signed_in[session] = None
        state.counts["sign_ins"] += 1
        self._notices.send_table(session)
        self._news.send_all(session)

    # What sessions tell: see SessionHost.

    def fall_behind(self, session: Session) -> None:
        self._catch_up.fall_behind(session)

    def go_on(self, session: Session) -> None:
        self._catch_up.add(session)

    def moved(self, session: Session) -> None:
        if session in self._state.signed_in and session.account:
            self._state.presence.move(session.account, address_text(session.address))
            self._notices.request_push()

    def left(self, session: Session) -> None:
        state = self._state
        if session not in state.signed_in:
            return
        del state.signed_in[session]
        self._catch_up.forget(session)
        if session.account:
            mine = state.sessions_of[session.account]
            mine.remove(session)
            if mine:
                state.presence.move(session.account, address_text(mine[-1].address))
            else:
                del state.sessions_of[session.account]
            state.presence.go(session.account, state.clock.now_ms())
            self._notices.request_push()
            self._logs.progress.request_write()

    def ended(self, session: Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        self._state.sessions.pop(session, None)
        self._admission.drop(session)
        self.left(session)

    # The end.

    def shut_down(self, reason: str) -> Ticket[None]:
        """Takes no more; commits what was taken, and then closes all links. The store stays open."""
        state = self._state
        state.is_closing = True
        done: Ticket[None] = Ticket()

        def close_all(_: Ticket[None]) -> None:
            for session in list(state.sessions):
                session.close(CloseCode.GOING_AWAY, reason)
            done.settle(None)

        try:
            self._logs.progress.write_now()
            self._logs.appends.finish(close_all)
        except StorageError:
            _LOG.exception("What was under way could not be written.")
            close_all(done)
        return done


def _give_up(session: Session) -> None:
    session.timer = None
    session.close(CloseCode.UNREACHABLE, "You did not sign in.")

"""What the parts of a running server share: the services, the store, and who is connected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from lanline.clock import Clock
from lanline.errors import CloseCode, StorageError
from lanline.ids import Entropy
from lanline.model.accounts import AccountId
from lanline.model.settings import ServerSettings
from lanline.proto.framing import frame_message
from lanline.server.epoch import Epoch
from lanline.server.ports import PasswordHasher
from lanline.server.refusals import disk_is_low, slow_down
from lanline.services.accounts import Directory, Sender, check_still
from lanline.services.conversations import Conversation, Conversations
from lanline.services.cursors import Cursors
from lanline.services.delivery import Feeds
from lanline.services.limits import Buckets, DiskFloor
from lanline.services.presence import Presence
from lanline.services.usage import MessageUsage, Usage
from lanline.storage.api import Store, Transaction
from lanline.storage.ticket import Ticket
from lanline.wire.chat.messages import ServerMessage, encode_message

if TYPE_CHECKING:
    from lanline.server.session import Session

T = TypeVar("T")
_EXCESS_PER_S = 200.0
_EXCESS_BURST = 10_000
"""Somebody with thousands of conversations follows them all at once."""
_UNREAD_WAIT_S = 1.0
"""For a client that asks faster than it reads the answers."""


class ServerState:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: PasswordHasher,
        entropy: Entropy,
        settings: ServerSettings,
        free_bytes: Callable[[], int],
    ) -> None:
        self.store = store
        self.clock = clock
        self.passwords = passwords
        self.entropy = entropy
        self.settings = settings
        self.epoch = Epoch(store, clock, entropy)
        self.directory = Directory()
        self.conversations = Conversations()
        self.presence = Presence()
        self.cursors = Cursors()
        self.feeds: Feeds[Session] = Feeds()
        self.request_buckets: Buckets[AccountId] = Buckets(settings.requests_per_s, settings.requests_burst)
        self.excess_buckets: Buckets[AccountId] = Buckets(_EXCESS_PER_S, _EXCESS_BURST)
        self.messages = MessageUsage()
        self.files = Usage()
        """Of those only who have put something here since the start."""
        self.floor = DiskFloor(free_bytes, settings.least_free_bytes)
        self.sessions: dict[Session, None] = {}  # in the order of their calls: a set has none that could be repeated
        self.sessions_of: dict[AccountId, list[Session]] = {}
        self.signed_in: dict[Session, None] = {}
        self.counts = dict.fromkeys(("appends", "repeats", "commits", "sign_ins"), 0)
        self.is_closing = False
        self._began_at = clock.now()

    def load(self) -> None:
        self.store.read(self.directory.load)
        self.store.read(self.conversations.load)
        self.store.read(self.presence.load)
        self.store.read(self.messages.load)

    # Telling.

    def tell(self, accounts: Iterable[AccountId], message: ServerMessage, but: Session | None = None) -> None:
        """All their sessions, encoded once."""
        framed: bytes | None = None
        for account in accounts:
            for session in tuple(self.sessions_of.get(account, ())):
                if session is not but:
                    framed = framed or frame_message(encode_message(message))
                    session.send_framed(framed)

    def tell_all(self, message: ServerMessage) -> None:
        framed = frame_message(encode_message(message))
        for session in list(self.signed_in):
            session.send_framed(framed)

    # Writing.

    def write(
        self,
        session: Session,
        request: int,
        work: Callable[[Transaction], T],
        then: Callable[[T], None],
        finally_do: Callable[[], None] | None = None,
    ) -> None:
        """`then` comes with what was committed, also when the client is gone by then; a failure is refused."""
        session.begin_request()
        sender = Sender(session.account, session.device, session.is_admin)

        def do(transaction: Transaction) -> T:
            check_still(transaction, sender)
            return work(transaction)

        def settled(ticket: Ticket[T]) -> None:
            session.end_request()
            if finally_do is not None:
                finally_do()
            session.attempt(request, lambda: then(ticket.result()))

        try:
            ticket = self.store.write(do)
        except StorageError:
            session.end_request()
            raise
        ticket.when_settled(settled)

    def check_pace(self, session: Session) -> None:
        """Before a request that changes something, or whose answer is large. Raises RequestRefused."""
        if session.outlet.is_stopped:
            self.count_excess(session)
            raise slow_down(_UNREAD_WAIT_S)
        wait_s = self.request_buckets.take(session.account, self.clock.now())
        if wait_s:
            self.count_excess(session)
            raise slow_down(wait_s)

    def count_excess(self, session: Session) -> None:
        """One more message of those that no program sends for long: to be told to slow down costs the server, too."""
        if self.excess_buckets.take(session.account, self.clock.now()):
            session.close(CloseCode.BUSY, "This program asks for far more than the server gives to one person.")

    def check_room(self, *, is_admin: bool) -> None:
        """Before anything that fills the disk. Raises RequestRefused."""
        if not is_admin and self.floor.is_low(self.clock.now()):
            raise disk_is_low()

    def marks(self, conversation: Conversation) -> Conversation:
        if conversation.marks is None:
            account_of = self.directory.account_of
            self.store.read(lambda view: self.conversations.load_marks(view, conversation, account_of))
        return conversation

    def figures(self) -> dict[str, float]:
        figures: dict[str, Any] = {f"{name}_total": count for name, count in self.counts.items()}
        figures["deliveries_total"] = self.feeds.deliveries
        figures["links"] = len(self.sessions)
        figures["links_signed_in"] = len(self.signed_in)
        figures["accounts"] = len(self.directory)
        figures["accounts_online"] = self.presence.online
        figures["uptime_seconds"] = self.clock.now() - self._began_at
        figures["rooms"] = len(self.conversations.rooms())
        return {name: float(figure) for name, figure in figures.items()}

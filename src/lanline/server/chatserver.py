"""The server without its sockets: joins the services, the store and the links that are handed in."""

from __future__ import annotations

from lanline.clock import Clock
from lanline.ids import Entropy
from lanline.model.settings import ServerSettings
from lanline.server.ports import ClientLink, PasswordHasher
from lanline.storage.api import Store
from lanline.storage.ticket import Ticket

Address = tuple[str, int]


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
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._entropy = entropy
        self._settings = settings
        self.operator_fingerprint = operator_fingerprint
        """Whose link has this key is an admin without an account."""

    def open(self) -> None:
        """Reads what is kept. Raises StorageError."""

    @property
    def has_accounts(self) -> bool:
        """False at a first start: nobody has joined yet."""
        return False

    def on_accept(self, link: ClientLink, address: Address) -> None:
        """A client has called. What it does from here on comes to its session; an exception there is its own."""

    def make_invite(self, uses: int = 1, expires_in_s: float | None = None, *, grants_admin: bool) -> Ticket[bytes]:
        """The token of an invite of the server's own; the link around it is the caller's to make."""
        raise NotImplementedError

    def shut_down(self, reason: str) -> Ticket[None]:
        """Takes no more; commits what was taken, and then closes all links. The store stays open."""
        raise NotImplementedError

    def figures(self) -> dict[str, float]:
        """For the metrics: `_total` counts up, the rest is as it is now."""
        return {}

"""Joins the core and its gateways. Not its sockets, which `app` opens and a simulation makes up."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from lanline.clock import Clock
from lanline.core.core import Core
from lanline.core.films import Films, FilmShelf
from lanline.core.passwords import PasswordHasher
from lanline.errors import StorageError
from lanline.gateways.lanline.gateway import LanlineGateway
from lanline.ids import Entropy
from lanline.model.settings import ServerSettings
from lanline.storage.api import Store
from lanline.ticket import Steps, in_steps

_LOG = logging.getLogger(__name__)


class ChatServer:
    """`open` first, once. All calls, and all callbacks of what was handed in, come on one thread."""

    def __init__(  # noqa: PLR0913 -- all that the core is not to know by itself
        self,
        store: Store,
        clock: Clock,
        passwords: PasswordHasher,
        entropy: Entropy,
        settings: ServerSettings,
        operator_fingerprint: bytes | None = None,
        free_bytes: Callable[[], int] = lambda: sys.maxsize,
        *,
        shelf: FilmShelf | None = None,
    ) -> None:
        """`operator_fingerprint`: whose link has this key is an admin without an account."""
        self.core = Core(store, clock, passwords, entropy, settings, free_bytes)
        self.core.sign_in.operator_fingerprint = operator_fingerprint
        is_admin = self.core.accounts.is_admin
        self.films = Films(
            shelf, store, clock, settings, is_admin, lambda account: self.core.check_disk(is_admin=is_admin(account))
        )
        self.core.stream.add_part(self.films.handlers())
        self.gateway = LanlineGateway(self.core, clock, self.films)
        self.on_accept = self.gateway.on_accept
        self.figures = self.gateway.all_figures

    @in_steps
    def open(self) -> Steps[None]:
        """Reads what is kept."""
        yield from self.core.open().wait()
        yield from self.core.store.read(self.films.load).wait()
        self.gateway.open()

    @property
    def has_accounts(self) -> bool:
        """False at a first start: nobody has joined yet."""
        return len(self.core.accounts) > 0

    @in_steps
    def shut_down(self, reason: str) -> Steps[None]:
        """Takes no more; commits what was taken, and then closes all links. The store stays open."""
        try:
            yield from self.core.close().wait()
        except StorageError:
            _LOG.exception("What was under way could not be written.")
        self.gateway.close_all(reason)

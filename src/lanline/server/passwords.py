"""Looking at passwords: off the loop, so many at once, and so many wrong ones in a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.addresses import network_of
from lanline.server.refusals import slow_down
from lanline.server.state import ServerState
from lanline.services.limits import Buckets, GrowingWaits

T = TypeVar("T")
_LONGEST_WAIT_S = 3600.0
_MOST_AT_ONCE = 64
"""Looked at or waiting for it; each takes memory and a thread's time."""


class Passwords:
    def __init__(self, state: ServerState) -> None:
        self._state = state
        per_s = 1.0 / state.settings.password_wait_s
        self._tries_of_name: GrowingWaits[str] = GrowingWaits(
            state.settings.passwords_per_account, state.settings.password_wait_s, _LONGEST_WAIT_S
        )
        self._tries_of_host: Buckets[str] = Buckets(per_s, state.settings.passwords_per_address)
        self._under_way = 0

    def begin_try(self, host: str, name: str) -> None:
        """Before anything is looked at, and for names that nobody has as for others. Raises RequestRefused."""
        host = network_of(host)
        now = self._state.clock.now()
        wait_s = self._tries_of_host.take(host, now)
        if not wait_s:
            wait_s = self._tries_of_name.take(name, now)
            if wait_s:
                self._tries_of_host.give_back(host)
        if wait_s:
            text = f"Too many wrong passwords. Try again in {max(1, round(wait_s))} s."
            raise RequestRefused(RefusalCode.SLOW_DOWN, text, wait_s)

    def forgive(self, host: str, name: str) -> None:
        """It was no wrong password, or nobody could look."""
        self._tries_of_host.give_back(network_of(host))
        self._tries_of_name.give_back(name)

    def settle(self, host: str, name: str) -> None:
        """It was the right one: those before it were its owner's mistakes, or somebody's who has not found it."""
        self._tries_of_host.give_back(network_of(host))
        self._tries_of_name.forget(name)

    def known_hash(self, account: AccountId | None) -> str | None:
        """Nobody is looked up as well: reading takes time, too."""
        asked = AccountId(0) if account is None else account
        return self._state.store.read(lambda view: view.accounts.password_hash(asked))

    def verify(self, password: str, password_hash: str | None, when_done: Callable[[bool | None], None]) -> None:
        self._begin()
        self._state.passwords.verify(password, password_hash, partial(self._done, when_done))

    def hash(self, password: str, when_done: Callable[[str | None], None]) -> None:
        self._begin()
        self._state.passwords.hash(password, partial(self._done, when_done))

    def _begin(self) -> None:
        if self._under_way >= _MOST_AT_ONCE:
            raise slow_down(1.0)
        self._under_way += 1

    def _done(self, when_done: Callable[[T], None], answer: T) -> None:
        self._under_way -= 1
        when_done(answer)


def not_done() -> RequestRefused:
    return RequestRefused(RefusalCode.SERVER_PROBLEM, "The server could not look at the password. Try again.", 1.0)

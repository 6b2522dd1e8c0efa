"""Owns looking at passwords: off the loop, so many at once, and so many wrong ones in a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from lanline.clock import Clock
from lanline.core.limits import Buckets, GrowingWaits
from lanline.core.refusals import slow_down
from lanline.errors import RefusalCode, RequestRefused
from lanline.model.accounts import AccountId
from lanline.model.addresses import network_of
from lanline.model.passwords import weakness
from lanline.model.settings import ServerSettings
from lanline.storage.api import View
from lanline.ticket import Ticket

T = TypeVar("T")
_MAX_WAIT_S = 3600.0
_MAX_AT_ONCE = 64
"""Looked at or waiting for it; each takes memory and a thread's time."""


class PasswordHasher(Protocol):
    """Slow on purpose, hence done elsewhere. Answers on the loop, later or at once, always once.

    The answer None: it could not be done.
    """

    def hash(self, password: str, when_done: Callable[[str | None], None], *, is_member: bool = False) -> None:
        """Members, who are signed in, do not wait for strangers."""

    def verify(
        self,
        password: str,
        password_hash: str | None,
        when_done: Callable[[bool | None], None],
        *,
        is_member: bool = False,
    ) -> None:
        """Against no hash: takes as long as against any other, and is False."""


class Try:
    """One look at a password. What fails inside `with` is given back, unless it was a wrong one, or nobody waited."""

    def __init__(self, passwords: Passwords, host: str, name: str) -> None:
        self._passwords = passwords
        self.host = host
        self.name = name
        self.is_over = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, problem: object, trace: object) -> None:
        if not self.is_over and kind is not GeneratorExit:
            self._passwords.give_back(self)

    def note(self, *, is_right: bool) -> None:
        self.is_over = True
        if is_right:
            self._passwords.forget(self)


class Passwords:
    def __init__(self, hasher: PasswordHasher, clock: Clock, settings: ServerSettings) -> None:
        self._hasher = hasher
        self._clock = clock
        first_wait_s = settings.password_wait_s
        self._tries_of_name: GrowingWaits[str] = GrowingWaits(settings.passwords_per_account, first_wait_s, _MAX_WAIT_S)
        self._tries_of_host: Buckets[str] = Buckets(1.0 / first_wait_s, settings.passwords_per_address)
        self._under_way = {False: 0, True: 0}
        """For strangers; and for those who are signed in."""

    def begin_try(self, host: str, name: str) -> Try:
        """Before anything is looked at, and for names that nobody has as for others. Raises RequestRefused."""
        begun = Try(self, network_of(host), name)
        now = self._clock.now()
        wait_s = self._tries_of_host.take(begun.host, now)
        if not wait_s:
            wait_s = self._tries_of_name.take(name, now)
            if wait_s:
                self._tries_of_host.give_back(begun.host)
        if wait_s:
            text = f"Too many wrong passwords. Try again in {max(1, round(wait_s))} s."
            raise RequestRefused(RefusalCode.SLOW_DOWN, text, wait_s)
        return begun

    def give_back(self, given: Try) -> None:
        """It was no wrong password, or nobody could look."""
        self._tries_of_host.give_back(given.host)
        self._tries_of_name.give_back(given.name)

    def forget(self, right: Try) -> None:
        """Those before it were its owner's mistakes, or somebody's who has not found it."""
        self._tries_of_host.give_back(right.host)
        self._tries_of_name.forget(right.name)

    def verify(self, password: str, password_hash: str | None, *, is_member: bool = False) -> Ticket[bool]:
        """Raises RequestRefused when too many wait."""
        return self._look(partial(self._hasher.verify, password, password_hash, is_member=is_member), is_member)

    def hash(self, password: str, *, is_member: bool = False) -> Ticket[str]:
        """As above."""
        return self._look(partial(self._hasher.hash, password, is_member=is_member), is_member)

    def _look(self, begin: Callable[[Callable[[T | None], None]], None], is_member: bool) -> Ticket[T]:
        if self._under_way[is_member] >= _MAX_AT_ONCE:
            raise slow_down(1.0)
        ticket: Ticket[T] = Ticket()

        def done(answer: T | None) -> None:
            self._under_way[is_member] -= 1
            ticket.settle(_not_done() if answer is None else answer)

        self._under_way[is_member] += 1
        begin(done)
        return ticket


def _not_done() -> RequestRefused:
    return RequestRefused(RefusalCode.SERVER_PROBLEM, "The server could not look at the password. Try again.", 1.0)


def check_same_password(view: View, account: AccountId, password_hash: str | None) -> None:
    """In the transaction: the one that was found right may have been replaced meanwhile. Raises RequestRefused."""
    if view.accounts.password_hash(account) != password_hash:
        text = "The password of this account has just been changed. Try again with the new one."
        raise RequestRefused(RefusalCode.BAD_CREDENTIALS, text)


def check_new_password(password: str, name: str) -> None:
    """Of an account that is made or given another one. Those that there are stay good."""
    problem = weakness(password, name)
    if problem:
        raise RequestRefused(RefusalCode.INVALID, problem)

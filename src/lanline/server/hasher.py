"""Hashes passwords by Argon2id, on threads of its own: it is slow on purpose, and the event loop must not wait.

One is looked at at a time. Strangers who guess shall not take a core: when they have used up what a class needs that
joins at once, their thread rests between two looks. People who are signed in have another, which does not rest.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import argon2

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

# The first of the settings that the OWASP Password Storage Cheat Sheet calls equally strong. A password is asked for
# when a device is added, not at each sign-in, so that 30 ms and 46 MiB at a time cost a small machine little.
_TIME_COST = 1
_MEMORY_KIB = 46 * 1024
_PARALLELISM = 1
_NICENESS = 10
"""Members have the processor first, also where there is but one."""
_MAX_WAITING = 100
"""Of strangers; and of people who are signed in."""
_STRANGERS_SHARE = 0.3
"""Of a core, for those who are not signed in: ten passwords a second."""
_STRANGERS_BURST_S = 1.5
"""So much of it at once."""


def _step_back() -> None:
    """Of this thread alone, which Linux has priorities for; elsewhere they are of the whole process."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Rest:
    """How long to rest after so much work, so that it is a share of the time."""

    def __init__(self, share: float, burst_s: float) -> None:
        self._share = share
        self._burst_s = burst_s
        self._used_s = 0.0
        self._at = 0.0

    def after(self, worked_s: float, now: float) -> float:
        self._used_s = max(0.0, self._used_s - (now - self._at) * self._share) + worked_s
        self._at = now
        return max(0.0, self._used_s - self._burst_s) / self._share


class _Worker:
    """One thread, and what waits for it."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_step_back)
        self.waiting = 0


class Argon2Hasher:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._strangers, self._members = _Worker(), _Worker()
        self._one_at_a_time = threading.Lock()
        """Each takes tens of megabytes."""
        self._rest = Rest(_STRANGERS_SHARE, _STRANGERS_BURST_S)
        self._is_closed = threading.Event()
        self._hasher: argon2.PasswordHasher | None = None
        self._nobodys_hash = ""
        # Before anybody asks, or the first unknown name would take longer to refuse than the next.
        self._prepared = self._strangers.thread.submit(self._prepare)

    def hash(self, password: str, when_done: Callable[[str | None], None], *, is_member: bool = False) -> None:
        self._hand_out(partial(self._hash, _normalized(password)), when_done, is_member)

    def verify(
        self,
        password: str,
        password_hash: str | None,
        when_done: Callable[[bool | None], None],
        *,
        is_member: bool = False,
    ) -> None:
        self._hand_out(partial(self._verify, _normalized(password), password_hash), when_done, is_member)

    def close(self) -> None:
        """What was not begun is not done, and nobody is told: there is nobody left."""
        self._is_closed.set()
        for worker in (self._strangers, self._members):
            worker.thread.shutdown(wait=False, cancel_futures=True)

    def _hand_out(self, work: Callable[[], T], when_done: Callable[[T | None], None], is_member: bool) -> None:
        worker = self._members if is_member else self._strangers
        if worker.waiting >= _MAX_WAITING:
            when_done(None)
            return
        worker.waiting += 1

        def settle(outcome: T | None) -> None:
            worker.waiting -= 1
            when_done(outcome)

        def run() -> None:
            with self._one_at_a_time:
                begun_s = time.thread_time()
                outcome = _attempt(work)
            self._loop.call_soon_threadsafe(settle, outcome)
            if not is_member:
                self._is_closed.wait(self._rest.after(time.thread_time() - begun_s, time.monotonic()))

        worker.thread.submit(run)

    def _prepare(self) -> None:
        import argon2  # noqa: PLC0415 -- it takes a moment to load, which nobody waits for here
        from argon2.low_level import ARGON2_VERSION  # noqa: PLC0415 -- as above

        self._hasher = hasher = argon2.PasswordHasher(_TIME_COST, _MEMORY_KIB, _PARALLELISM)
        made_up = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len))
        costs = f"m={_MEMORY_KIB},t={_TIME_COST},p={_PARALLELISM}"
        self._nobodys_hash = f"$argon2id$v={ARGON2_VERSION}${costs}${'$'.join(made_up)}"

    def _ready(self) -> argon2.PasswordHasher:
        self._prepared.result()
        assert self._hasher is not None
        return self._hasher

    def _hash(self, password: str) -> str:
        return self._ready().hash(password)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        from argon2.exceptions import VerifyMismatchError  # noqa: PLC0415 -- as above

        hasher = self._ready()
        try:
            hasher.verify(password_hash or self._nobodys_hash, password)
        except VerifyMismatchError:
            return False
        return password_hash is not None


def _normalized(password: str) -> str:
    """The same password has other code points from one keyboard to the next (RFC 8265, 4.2.2)."""
    return unicodedata.normalize("NFC", password)


def _attempt(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Exception as problem:  # noqa: BLE001 -- whoever asked has to get an answer
        # Without the traceback: no local variable of it may ever reach a log.
        _LOG.error("A password could not be hashed or checked: %s", problem)
        return None

"""The promise of one write. Settled by whoever drives the store; knows no thread and no event loop until awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Ticket(Generic[T]):
    __slots__ = ("_callbacks", "_is_settled", "_outcome")

    def __init__(self) -> None:
        self._is_settled = False
        self._outcome: object = None
        self._callbacks: list[Callable[[Ticket[T]], object]] = []

    @property
    def is_settled(self) -> bool:
        return self._is_settled

    @property
    def problem(self) -> BaseException | None:
        return self._outcome if isinstance(self._outcome, BaseException) else None

    def result(self) -> T:
        """What the work returned, or raises what it raised."""
        if not self._is_settled:
            raise RuntimeError("the write is not committed yet")
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return cast("T", self._outcome)

    def when_settled(self, callback: Callable[[Ticket[T]], object]) -> None:
        """Called where results are handed over; at once, when that has happened."""
        if self._is_settled:
            callback(self)
        else:
            self._callbacks.append(callback)

    def settle(self, outcome: object) -> None:
        """An exception is a failure; anything else is the result."""
        self._outcome = outcome
        self._is_settled = True
        callbacks, self._callbacks = self._callbacks, []
        problems: list[Exception] = []
        for callback in callbacks:
            try:
                callback(self)
            except Exception as problem:  # noqa: BLE001 -- raised below, once all know
                problems.append(problem)
        if problems:
            raise ExceptionGroup("while a write was answered", problems)

    def __await__(self) -> Generator[object, None, T]:
        """On the loop to which results are handed over, and only there."""
        if not self._is_settled:
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.when_settled(lambda _: _set(settled))
            yield from settled
        return self.result()


def _set(settled: asyncio.Future[None]) -> None:
    if not settled.done():  # who waited may have been cancelled
        settled.set_result(None)

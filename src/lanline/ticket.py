"""Owns the promise of an answer that comes later, or is there already. Not who settles it, nor on which thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar, cast

T = TypeVar("T")
P = ParamSpec("P")
Steps = Generator["Ticket[Any]", None, T]
_CANCELLED = RuntimeError("nobody waited for the answer")


class Ticket(Generic[T]):
    __slots__ = ("_callbacks", "_is_settled", "_outcome")

    def __init__(self) -> None:
        self._is_settled = False
        self._outcome: object = None
        self._callbacks: list[Callable[[Ticket[T]], object]] = []

    @classmethod
    def of(cls, work: Callable[[], T]) -> Ticket[T]:
        """Settled with what the work returns or raises."""
        ticket: Ticket[T] = cls()
        try:
            outcome: object = work()
        except Exception as problem:  # noqa: BLE001 -- handed to whoever waits
            outcome = problem
        ticket.settle(outcome)
        return ticket

    @property
    def is_settled(self) -> bool:
        return self._is_settled

    @property
    def problem(self) -> BaseException | None:
        return self._outcome if isinstance(self._outcome, BaseException) else None

    def result(self) -> T:
        """What the work returned, or raises what it raised."""
        if not self._is_settled:
            raise RuntimeError("there is no answer yet")
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
        """An exception is a failure; anything else is the result. Nobody hears of it after `cancel`."""
        if self.is_cancelled:
            return
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
            raise ExceptionGroup("while an answer was given", problems)

    def cancel(self) -> None:
        """Nobody waits any more: whoever works on the answer may stop, and no callback runs."""
        if not self._is_settled:
            self._callbacks.clear()
            self._outcome = _CANCELLED
            self._is_settled = True

    @property
    def is_cancelled(self) -> bool:
        return self._outcome is _CANCELLED

    def wait(self) -> Steps[T]:
        """`answer = yield from ticket.wait()`, in steps that `follow` drives."""
        if not self._is_settled:
            yield self
        return self.result()

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


def follow(steps: Steps[T]) -> Ticket[T]:
    """Takes the steps as their answers come. When the ticket is cancelled no further one is taken."""
    outcome: Ticket[T] = Ticket()
    _go_on(steps, outcome)
    return outcome


def in_steps(work: Callable[P, Steps[T]]) -> Callable[P, Ticket[T]]:
    """What is written as steps answers with a ticket."""

    @wraps(work)
    def begin(*args: P.args, **kwargs: P.kwargs) -> Ticket[T]:
        return follow(work(*args, **kwargs))

    return begin


def _go_on(steps: Steps[T], outcome: Ticket[T], _: object = None) -> None:
    """Not a function inside of `follow`: one that names itself would keep each answer until garbage is collected."""
    if outcome.is_cancelled:
        steps.close()
        return
    try:
        waited = next(steps)
    except StopIteration as end:
        outcome.settle(end.value)
    except Exception as problem:  # noqa: BLE001 -- handed to whoever waits
        outcome.settle(problem)
    else:
        waited.when_settled(partial(_go_on, steps, outcome))

"""Owns how this device asks the server in steps: one answer after the other, and waiting for what the chain brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from lanline.clock import Clock
from lanline.errors import LinkLost, ProtocolViolation, RefusalCode, RequestRefused
from lanline.ids import Entropy
from lanline.ticket import Steps, Ticket
from lanline.wire.chat.messages import ClientMessage, ServerMessage

A = TypeVar("A")
_STALE_PAUSE_S = 0.05
_MAX_TRIES = 200


class Line(Protocol):
    """The way to the server, of `client.chat.session.ServerLine`."""

    def request(self, message: ClientMessage, on_answer: Callable[[ServerMessage | Exception], None]) -> None: ...

    def send(self, message: ClientMessage) -> None: ...


class Asking:
    """`answer = yield from asking.ask(AskGroup(0), GroupIs)`, in steps that `ticket.follow` drives."""

    def __init__(self, line: Line, clock: Clock, entropy: Entropy) -> None:
        self.line = line
        self._clock = clock
        self._entropy = entropy
        self._waiting: list[tuple[Callable[[], bool], Ticket[None]]] = []

    def send(self, message: ClientMessage) -> None:
        self.line.send(message)

    def ask(self, message: ClientMessage, *kinds: type[A]) -> Steps[A]:
        """Raises RequestRefused, LinkNotOpen, ProtocolViolation."""
        ticket: Ticket[object] = Ticket()
        self.line.request(message, ticket.settle)
        answer = yield from ticket.wait()
        if not isinstance(answer, kinds):
            raise ProtocolViolation("the server has answered with something else")
        return answer

    def wait_until(self, condition: Callable[[], bool]) -> Steps[None]:
        """Looked at whenever something has come: see `note`."""
        if not condition():
            ticket: Ticket[None] = Ticket()
            self._waiting.append((condition, ticket))
            yield from ticket.wait()

    def pause(self, delay_s: float) -> Steps[None]:
        ticket: Ticket[None] = Ticket()
        self._clock.call_later(delay_s, lambda: ticket.settle(None))
        yield from ticket.wait()

    def note(self) -> None:
        """Something has come."""
        met = [ticket for condition, ticket in self._waiting if condition()]
        self._waiting = [each for each in self._waiting if each[1] not in met]
        for ticket in met:
            ticket.settle(None)

    def end(self) -> None:
        """The link has ended: who waits for what comes on it waits in vain."""
        waiting, self._waiting = self._waiting, []
        for _, ticket in waiting:
            ticket.settle(LinkLost("The connection was lost."))

    def on_head(self, attempt: Callable[[], Steps[A]]) -> Steps[A]:
        """Again as long as somebody else was quicker: each time by the chain as it is then."""
        for _ in range(_MAX_TRIES):
            try:
                return (yield from attempt())
            except RequestRefused as refused:
                if refused.code not in {RefusalCode.STALE_CHAIN, RefusalCode.STALE_KEYS}:
                    raise
            yield from self.pause(_STALE_PAUSE_S * self._entropy(1)[0] / 255)
        raise RequestRefused(RefusalCode.STALE_CHAIN, "The group changes all the time. Try again later.")

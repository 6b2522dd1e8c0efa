"""The sockets' side of links, without sockets: the real endpoints and the real `Connection`, turned over by the world.

The twin of `transport.linkhost` and `transport.driver`. What a session fails with is raised through, and ends the run:
a program must not fail, whatever the network does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from lanline.errors import LinkNotOpen
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived
from lanline.proto.link.endpoint import Endpoint
from lanline.proto.link.link import Link
from lanline.testing.trace import Address
from lanline.transport.connection import AcceptHandler, Connection
from lanline.transport.driver import Driver

if TYPE_CHECKING:
    from sim.system.process import SimProcess


class SimDriver:
    """As the real driver does, it hands out the events of a change from outside a turn at once; the world sends."""

    def __init__(self, host: SimHost) -> None:
        self._host = host

    def turn(self, mutation: Callable[[float], None]) -> None:
        mutation(self._host.now)
        self._host.hand_out_events()

    def request_turn(self) -> None:
        """The world drains every node after every step of its."""


class SimConnection(Connection):
    """A reader that is slow gets what comes at its own pace, and gives the credit back no sooner."""

    __slots__ = ("_backlog", "_process")

    def __init__(self, link: Link, driver: SimDriver, process: SimProcess) -> None:
        super().__init__(link, cast("Driver", driver))
        self._process = process
        self._backlog: deque[LinkEvent] = deque()

    def handle_event(self, event: LinkEvent) -> None:
        if self._backlog or (self._process.delay_s and type(event) is MessageReceived):
            self._backlog.append(event)
            if len(self._backlog) == 1:
                self._process.at(self._process.delay_s, self._handle_one)
        else:
            super().handle_event(event)

    def _handle_one(self) -> None:
        event = self._backlog[0]
        super().handle_event(event)
        self._backlog.popleft()
        if self._backlog:
            self._process.at(self._process.delay_s, self._handle_one)

    def introduce(self, on_accept: AcceptHandler, address: Address) -> None:
        on_accept(self, address)

    def _report(self, error: Exception) -> None:
        raise error

    def _release(self, event: LinkEvent) -> None:
        if self.closed is None:
            super()._release(event)


class SimHost:
    def __init__(self, endpoint: Endpoint, process: SimProcess, on_accept: AcceptHandler | None) -> None:
        self.endpoint = endpoint
        self._process = process
        self._on_accept = on_accept
        self._driver = SimDriver(self)
        self._connections: dict[Link, SimConnection] = {}
        self._in_turn = False

    @property
    def now(self) -> float:
        return self._process.world.now

    def connect_nowait(self, address: Address, expected_fingerprint: bytes | None = None) -> Connection:
        if not self._process.is_alive:
            raise LinkNotOpen("The process is dead.")
        link = self.endpoint.connect(address, self.now, expected_fingerprint)
        connection = self._connections[link] = SimConnection(link, self._driver, self._process)
        return connection

    def handle_event(self, item: tuple[Link, LinkEvent]) -> None:
        """From the world. What the handler changes makes more events, which come from the world in their turn."""
        self._in_turn = True
        try:
            self._hand_over(*item)
        finally:
            self._in_turn = False

    def hand_out_events(self) -> None:
        if self._in_turn:
            return
        while (item := self.endpoint.next_event()) is not None:
            self.handle_event(item)

    def _hand_over(self, link: Link, event: LinkEvent) -> None:
        connection = self._connections.get(link)
        if connection is not None:
            connection.handle_event(event)
        elif type(event) is LinkEstablished and self._on_accept is not None:
            connection = self._connections[link] = SimConnection(link, self._driver, self._process)
            connection.handle_event(event)
            connection.introduce(self._on_accept, link.address)
        if type(event) is LinkClosed:
            self._connections.pop(link, None)

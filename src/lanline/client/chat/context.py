"""Owns what all parts of a node share: its history, its clock, the way to the server, and whom it tells of events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lanline.client.chat.catchup.openingprogram import OpeningProgram
from lanline.client.chat.catchup.storing import Storing, StoringAtOnce
from lanline.client.chat.history import History
from lanline.client.chat.restored.lost import LostEntries
from lanline.client.chat.session import NO_CONNECTION, ClientSession, OnAnswer
from lanline.client.view.events import NodeEvent
from lanline.client.view.values import NodeState
from lanline.clock import Clock
from lanline.errors import LinkNotOpen
from lanline.wire.chat.messages import ClientMessage

Listener = Callable[[NodeEvent], None]


class ServerLine:
    """The session on which this device is signed in now, if there is one. Who needs the server asks here."""

    def __init__(self) -> None:
        self.session: ClientSession | None = None

    @property
    def has_room(self) -> bool:
        return self.session is not None and self.session.has_room

    @property
    def is_synchronized(self) -> bool:
        return self.session is not None and self.session.state is NodeState.SYNCHRONIZED

    def send(self, message: ClientMessage) -> None:
        assert self.session is not None
        self.session.send(message)

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        """Exactly one call of `on_answer` follows; write 0 for `request`, which is filled in."""
        if self.session is None:
            on_answer(LinkNotOpen(NO_CONNECTION))
        else:
            self.session.request(message, on_answer)


class NodeContext:
    def __init__(
        self, history: History, clock: Clock, storing: Storing | None = None, opener: OpeningProgram | None = None
    ) -> None:
        self.history = history
        self.storing = storing or StoringAtOnce(history)
        self.opener = opener
        self.clock = clock
        self.lost = LostEntries(history.database)
        self.line = ServerLine()
        self._listeners: list[Listener] = []
        self._untold: deque[NodeEvent] = deque()
        self._is_telling = False

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on; what is returned ends that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def tell(self, event: NodeEvent) -> None:
        """All listeners hear all events in one order, including those that a listener causes."""
        self._untold.append(event)
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._untold:
                event = self._untold.popleft()
                for listener in list(self._listeners):
                    listener(event)
        finally:
            self._is_telling = False

"""Owns what all parts of a node share: its history, its clock, the way to the server, and whom it tells of events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lanline.client.chat.events import NodeEvent
from lanline.client.chat.history import History
from lanline.client.chat.lost import LostEntries
from lanline.client.chat.session import ServerLine
from lanline.clock import Clock

Listener = Callable[[NodeEvent], None]


class NodeContext:
    def __init__(self, history: History, clock: Clock) -> None:
        self.history = history
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

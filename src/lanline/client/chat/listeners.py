"""Who is told of events: all of them in the same order, also of what a listener itself brings about."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lanline.client.chat.events import NodeEvent

Listener = Callable[[NodeEvent], None]


class Listeners:
    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._untold: deque[NodeEvent] = deque()
        self._is_telling = False

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def tell(self, event: NodeEvent) -> None:
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

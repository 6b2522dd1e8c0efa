"""Owns which of two ways to the server is tried first and when the other joins in: the race of RFC 8305.

Not what becomes of the link that won.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lanline.errors import AddressUnavailable, CloseCode, LinkError
from lanline.transport.connection import Connection

HEAD_START_S = 0.3
"""Of the way that worked last."""
Call = Callable[[], Coroutine[Any, Any, Connection | None]]
_Calling = asyncio.Task[Connection | None]


class BothFailed(Exception):
    def __init__(self, over_udp: LinkError | None, over_websocket: LinkError) -> None:
        self.over_udp, self.over_websocket = over_udp, over_websocket


class Race:
    """Once won, a call over UDP may be left that is still under way: `late_udp`."""

    def __init__(self, udp: Call, websocket: Call, *, udp_first: bool) -> None:
        self._calls = {"udp": udp, "websocket": websocket}
        self._order = ("udp", "websocket") if udp_first else ("websocket", "udp")
        self._running: dict[str, _Calling] = {}
        self._problems: dict[str, LinkError] = {}
        self.winner = ""
        self.late_udp: _Calling | None = None

    async def run(self) -> Connection:
        """Raises BothFailed, AddressUnavailable, and LinkError where another key was shown."""
        try:
            for way in self._order:
                self._running[way] = asyncio.create_task(self._calls[way]())
                if found := await self._first(HEAD_START_S if way == self._order[0] else None):
                    return found
            raise BothFailed(self._problems.get("udp"), self._problems["websocket"])
        finally:
            if self.winner == "websocket":
                self.late_udp = self._running.pop("udp", None)
            for calling in self._running.values():
                give_up(calling)

    async def _first(self, limit_s: float | None) -> Connection | None:
        """None: all that run have failed, or the time is over."""
        while self._running:
            done, _ = await asyncio.wait(self._running.values(), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return None
            for way in [each for each in self._order if self._running.get(each) in done]:
                if (found := self._outcome(way)) is not None:
                    self.winner = way
                    return found
        return None

    def _outcome(self, way: str) -> Connection | None:
        try:
            return self._running.pop(way).result()
        except AddressUnavailable:
            raise
        except LinkError as problem:
            # Over UDP anything else may be said by anybody, before the server has shown its key.
            if problem.code is CloseCode.IDENTITY_REJECTED:
                raise
            self._problems[way] = problem
            return None


def give_up(calling: _Calling) -> None:
    """One that has just got through is hung up."""
    calling.cancel()
    calling.add_done_callback(_hang_up)


def _hang_up(calling: _Calling) -> None:
    if not calling.cancelled() and calling.exception() is None and (late := calling.result()) is not None:
        late.close()

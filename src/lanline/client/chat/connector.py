"""Owns the calling of the server: which way is tried first, when the other joins in (the race of RFC 8305), and when it
is called again. Not the link that won.

A server that is away is called again for ever, with pauses that grow and differ from client to client. It stops for
good, with a message, on an error that a retry cannot fix.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from lanline.client.chat.node import ChatNode
from lanline.client.pin import KnownServer
from lanline.client.view import events
from lanline.client.view.events import NodeEvent
from lanline.client.view.values import MessageState
from lanline.errors import (
    AddressUnavailable,
    CloseCode,
    HistoryProblem,
    LinkError,
    RefusalCode,
    RequestRefused,
    ServerKeyChanged,
    VersionMismatch,
)
from lanline.proto.link.profile import LinkProfile
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.transport.connection import Connection
from lanline.wire.chat.limits import MAX_MESSAGE_BYTES

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


UDP_PROFILE = LinkProfile(keepalive_s=7.0, dead_after_s=20.0, max_message_bytes=MAX_MESSAGE_BYTES)
"""A half-open link is known as dead after 20 s; while something is typed, as soon as that is not answered."""
WEBSOCKET_PROFILE = WebSocketProfile(keepalive_s=7.0, dead_after_s=20.0, max_message_bytes=MAX_MESSAGE_BYTES)
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 15.0
UDP_SOON_S = 10.0
UDP_AGAIN_S = 60.0
"""UDP is tried after so long where WebSocket had to do: at first, and then again and again."""
_PASSING = {RefusalCode.SERVER_PROBLEM, RefusalCode.SLOW_DOWN, RefusalCode.STORAGE_FULL}


class Caller(Protocol):
    """`transport.dialer.Dialer`."""

    async def connect_udp(
        self, host: str, port: int, expected_fingerprint: bytes | None = None
    ) -> Connection | None: ...

    async def connect_websocket(
        self, host: str, port: int, expected_fingerprint: bytes | None = None
    ) -> Connection: ...


class Connector:
    def __init__(self, node: ChatNode, caller: Caller, server: KnownServer) -> None:
        self.server = server
        """With the key that it showed, where none was known."""
        self.last_problem = ""
        """Why it does not go on: no connection, or what the server said when it put off what is queued."""
        self.failed_calls = 0
        self.connection: Connection | None = None
        """The latest."""
        self._node = node
        self._caller = caller
        self._is_over_udp = True
        self._late_udp: asyncio.Task[Connection | None] | None = None
        self._pause_s = FIRST_PAUSE_S
        self._least_pause_s = 0.0
        self._final: Exception | None = None
        self._has_changed = asyncio.Event()
        self._is_hurried = asyncio.Event()
        self._is_connected = False
        self._calls_at_once = False
        """This device has ended the link itself, for a new one."""
        self._has_room = True
        """On the disk, for what others say; as far as is known."""

    async def run(self) -> None:
        """Until it makes no sense to go on; raises RequestRefused, ServerKeyChanged or VersionMismatch."""
        end_listening = self._node.subscribe(self._on_event)
        try:
            while True:
                await self._connect()
                await self._stay()
                if self._final is not None:
                    raise self._final
                if self._calls_at_once:
                    self._calls_at_once = False
                else:
                    await self._pause()
        finally:
            if self._late_udp is not None:
                give_up(self._late_udp)
            end_listening()

    def hurry(self) -> None:
        """End the pause: somebody waits. One that the server has asked for is kept."""
        self._is_hurried.set()

    # One link.

    async def _connect(self) -> None:
        """A link in the hands of the node, or a problem that is told."""
        server = self.server
        if not self._has_room and not self._finds_room():
            return
        place = server.host, server.port, server.fingerprint
        race = Race(
            lambda: self._caller.connect_udp(*place),
            lambda: self._caller.connect_websocket(*place),
            udp_first=self._node.own.last_way != "websocket",
        )
        try:
            connection = await race.run()
        except BothFailed as failed:
            self._on_failed(failed.over_websocket, str(failed.over_udp or ""))
        except LinkError as problem:
            self._on_failed(problem)
        except AddressUnavailable as problem:
            self.last_problem = str(problem)
        else:
            self._adopt(connection, race.winner)
            if race.late_udp is not None:
                self._late_udp = race.late_udp
                self._late_udp.add_done_callback(self._on_late_udp)

    def _finds_room(self) -> bool:
        """Or everybody would see this one come and go, and nothing would arrive."""
        try:
            self._node.check_room()
        except HistoryProblem as problem:
            self.last_problem = str(problem)
        else:
            self._has_room = True
        return self._has_room

    def _on_failed(self, problem: LinkError, told: str = "") -> None:
        """`told` is what came over UDP, which says more than that there is nothing over TCP."""
        self.last_problem = told or str(problem)
        if problem.code is CloseCode.IDENTITY_REJECTED:
            self._final = _key_changed(self.server)
        elif problem.code is CloseCode.INCOMPATIBLE_VERSION:
            self._final = VersionMismatch(f"{problem} Bring this Lanline and the server's to the same version.")

    def _adopt(self, connection: Connection, way: str) -> None:
        self._is_over_udp = way == "udp"
        if self.server.fingerprint is None:
            self.server = msgspec.structs.replace(self.server, fingerprint=connection.peer_fingerprint)
        self._is_connected = True
        self.connection = connection
        self._node.on_connected(connection)

    def _on_late_udp(self, calling: asyncio.Task[Connection | None]) -> None:
        """It has lost the race, and is the better way all the same."""
        self._late_udp = None
        if calling.cancelled() or calling.exception() is not None or (connection := calling.result()) is None:
            return
        if self._is_connected and not self._is_over_udp:
            self._adopt(connection, "udp")
            self._has_changed.set()
        else:
            connection.close()

    async def _stay(self) -> None:
        """Until the node has lost its link. Meanwhile UDP is tried now and then where WebSocket had to do."""
        again_s = UDP_SOON_S
        while self._is_connected:
            self._has_changed.clear()
            try:
                async with asyncio.timeout(None if self._is_over_udp else again_s):
                    await self._has_changed.wait()
            except TimeoutError:
                again_s = UDP_AGAIN_S
                await self._try_udp_again()

    async def _try_udp_again(self) -> None:
        server = self.server
        try:
            connection = await self._caller.connect_udp(server.host, server.port, server.fingerprint)
        except (LinkError, AddressUnavailable):
            return
        if connection is not None and self._is_connected and not self._is_over_udp:
            self._adopt(connection, "udp")
        elif connection is not None:
            connection.close()

    async def _pause(self) -> None:
        pause_s = max(self._pause_s * random.uniform(0.5, 1.0), self._least_pause_s)  # noqa: S311 -- not a secret
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        least_s, self._least_pause_s = self._least_pause_s, 0.0
        self.failed_calls += 1
        self._node.tell(events.CallFailed(self.last_problem, pause_s))
        self._is_hurried.clear()
        await asyncio.sleep(least_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s - least_s):
                await self._is_hurried.wait()
                self._pause_s = FIRST_PAUSE_S

    # What the node tells.

    def _on_event(self, event: NodeEvent) -> None:
        match event:
            case events.SignedIn():
                self._pause_s = FIRST_PAUSE_S
                self.last_problem = ""
                self._remember_way()
            case events.ConnectionLost(reason, is_for_good, is_own_doing):
                self._is_connected, self._calls_at_once = False, is_own_doing
                self.last_problem = reason
                if is_for_good:
                    self._final = RequestRefused(RefusalCode.NOT_SIGNED_IN, reason)
                self._has_changed.set()
            case events.SignInRefused(code, text, retry_after_s):
                self.last_problem = text
                if retry_after_s or code in _PASSING:
                    self._least_pause_s = retry_after_s
                else:
                    self._final = RequestRefused(code, text)
            case events.SendingPutOff(reason):
                self.last_problem = reason
            case events.MessageStateChanged(state=MessageState.SENT):
                self.last_problem = ""
            case events.HistoryFailed():
                self._has_room = False
            case events.VersionRefused(text):
                self._final = VersionMismatch(text)
            case _:
                pass

    def _remember_way(self) -> None:
        with contextlib.suppress(HistoryProblem):  # it costs a moment next time
            self._node.own.remember_way("udp" if self._is_over_udp else "websocket")


def _key_changed(server: KnownServer) -> ServerKeyChanged:
    from lanline.crypto.words import fingerprint_words  # noqa: PLC0415 -- 256 words for a day that may never come

    assert server.fingerprint is not None
    words = " ".join(fingerprint_words(server.fingerprint))
    by_invite = "" if server.nick else "the invite was damaged on its way, or "
    return ServerKeyChanged(
        f"The server at {server.place} shows another key than the one known here ({words}). Either {by_invite}somebody "
        "is in between, or the server was set up anew. Nothing was sent. Ask whoever runs it by another way; "
        "if its key is new, join again with a new invite and another --home."
    )

"""The node in asyncio: opened from a home folder, kept connected, and asked with `await`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from lanline.client.chat.connector import UDP_PROFILE, WEBSOCKET_PROFILE, Caller, Connector
from lanline.client.chat.events import MessageStateChanged, NodeEvent
from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.pin import KnownServer, joined_pin
from lanline.client.chat.rooms import RoomRequests
from lanline.client.chat.session import Answer, AsDevice, NodeState, SignInWay
from lanline.client.chat.values import Message, MessageState
from lanline.client.home import Home
from lanline.crypto.identity import Identity
from lanline.errors import LanlineError, RefusalCode, RequestRefused, ServerUnreachable
from lanline.transport.dialer import Dialer
from lanline.transport.loopclock import LoopClock
from lanline.wire.chat.messages import ClientMessage, ServerMessage

HISTORY_FILE = "chat.db"
_LAST_WORDS_S = 1.0
_SIGNED_IN = {NodeState.SIGNED_IN, NodeState.SYNCHRONIZED}


class ChatClient:
    """Use as `async with`: connects in the background while inside, says goodbye at the end.

    async with ChatClient.at_home(home) as client:
        await client.wait_signed_in(30.0)
        answer = await client.ask(MakeInvite(0))
    """

    def __init__(self, node: ChatNode, history: History, identity: Identity, server: KnownServer) -> None:
        """`at_home` and `with_key` are the ways to one."""
        self.node = node
        self.rooms = RoomRequests(self.ask, node)
        self._history = history
        self._identity = identity
        self._server = server
        self._dialer: Dialer | None = None
        self._connector: Connector | None = None
        self._running: asyncio.Task[None] | None = None
        # None of this needs a loop yet: a command may say something first.
        self._events: asyncio.Queue[NodeEvent] = asyncio.Queue()
        self._news = asyncio.Event()
        self.node.subscribe(self._on_event)

    @classmethod
    def at_home(cls, folder: Path, *, follows_all: bool = True) -> ChatClient:
        """As who this home has joined, with its key, its pinned server and its history.

        Raises NotJoined when it has not joined anywhere.
        """
        server = joined_pin(folder)
        identity = Home(folder).identity()
        history = History.open(folder / HISTORY_FILE)
        node = ChatNode(LoopClock(), os.urandom, history, AsDevice(), follows_all=follows_all)
        return cls(node, history, identity, server)

    @classmethod
    def with_key(
        cls, identity: Identity, server: KnownServer, *, way: SignInWay | None = None, follows_all: bool = False
    ) -> ChatClient:
        """With any key and no folder, remembering nothing: the operator's commands, a first join."""
        history = History.in_memory()
        node = ChatNode(LoopClock(), os.urandom, history, way or AsDevice(), follows_all=follows_all)
        return cls(node, history, identity, server)

    @property
    def server(self) -> KnownServer:
        """With the key it has shown, where none was known before."""
        return self._server if self._connector is None else self._connector.server

    async def __aenter__(self) -> Self:
        self._dialer = Dialer(self._identity, udp_profile=UDP_PROFILE, websocket_profile=WEBSOCKET_PROFILE)
        self._begin(self._dialer)
        return self

    def _begin(self, caller: Caller) -> None:
        self._connector = Connector(self.node, caller, self._server, self._on_event)
        self._running = asyncio.create_task(self._connector.run())
        self._running.add_done_callback(lambda _: self._news.set())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._say_last_words()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, LanlineError):
                await self._running
        self.node.disconnect()
        if self._dialer is not None:
            self._dialer.close()
        self._history.close()

    async def _say_last_words(self) -> None:
        """A goodbye gives up what is under way: let the cursors arrive first."""
        is_delivered = asyncio.Event()
        self.node.when_delivered(is_delivered.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await is_delivered.wait()

    # How the calling goes.

    @property
    def is_signed_in(self) -> bool:
        return self.node.state in _SIGNED_IN

    @property
    def last_problem(self) -> str:
        """Why there is no connection, or why the server takes nothing just now; a sentence."""
        problem = "" if self._connector is None else self._connector.last_problem
        return problem or f"The server at {self.server.place} does not answer."

    @property
    def failed_calls(self) -> int:
        return 0 if self._connector is None else self._connector.failed_calls

    # Waiting.

    async def wait_signed_in(self, limit_s: float | None = None) -> None:
        """Raises RequestRefused, ServerKeyChanged, VersionMismatch or, after the limit, ServerUnreachable."""
        await self._wait_connected(lambda: self.is_signed_in, limit_s)

    async def wait_synchronized(self, limit_s: float | None = None) -> None:
        """As wait_signed_in, until people and conversations are here too."""
        await self._wait_connected(lambda: self.node.state is NodeState.SYNCHRONIZED, limit_s)

    async def _wait_connected(self, condition: Callable[[], bool], limit_s: float | None) -> None:
        if not await self.wait_until(condition, limit_s):
            raise ServerUnreachable(
                f"The server at {self.server.place} could not be reached within {limit_s:g} seconds: "
                f"{self.last_problem}"
            )

    async def wait_until(self, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
        """Looks after every event; false when the limit came first. Raises what ends the client for good."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._raise_final()
                    self._news.clear()
                    await self._news.wait()
                return True
        return condition()

    def _raise_final(self) -> None:
        assert self._running is not None
        if self._running.done():
            self._running.result()

    async def wait_ended(self) -> None:
        """For as long as it may go on by itself; raises what ends it for good, as wait_signed_in does."""
        assert self._running is not None
        await asyncio.shield(self._running)

    async def wait_committed(self, message: Message, limit_s: float) -> bool:
        """False when it is still queued after so long. Raises RequestRefused when the server does not take it."""
        outcome: list[MessageStateChanged] = []

        def watch(event: NodeEvent) -> None:
            if isinstance(event, MessageStateChanged) and event.entry_id == message.entry_id:
                outcome.append(event)

        end_watching = self.node.subscribe(watch)
        try:
            await self.wait_until(lambda: bool(outcome) or not self.node.is_waiting(message.entry_id), limit_s)
        finally:
            end_watching()
        if outcome and outcome[-1].state is MessageState.REFUSED:
            raise RequestRefused(outcome[-1].code or RefusalCode.SERVER_PROBLEM, outcome[-1].problem)
        return bool(outcome) or not self.node.is_waiting(message.entry_id)

    # Asking.

    async def ask(self, message: ClientMessage) -> ServerMessage:
        """Ask once; raises RequestRefused, or LinkNotOpen when the link ended before the answer."""
        answered: asyncio.Future[ServerMessage] = asyncio.get_running_loop().create_future()

        def on_answer(answer: Answer) -> None:
            if answered.done():
                return
            if isinstance(answer, Exception):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        self.node.request(message, on_answer)
        return await answered

    # Events.

    def _on_event(self, event: NodeEvent) -> None:
        self._events.put_nowait(event)
        self._news.set()

    async def next_event(self) -> NodeEvent:
        """For faces that prefer to wait; every event since this client was made comes here once."""
        return await self._events.get()

    async def next_event_or_end(self) -> NodeEvent:
        """As next_event, and raises what ends the client for good."""
        await self.wait_until(lambda: not self._events.empty())
        return self._events.get_nowait()

    def is_refused(self, message: Message) -> bool:
        """By the server, for good; it is kept on show until it is forgotten or said again."""
        return any(
            each.entry_id == message.entry_id and each.state is MessageState.REFUSED for each in self.node.outbox
        )

    def subscribe(self, listener: Callable[[NodeEvent], None]) -> Callable[[], None]:
        return self.node.subscribe(listener)

"""Owns the node in asyncio: it is opened from a home, kept connected by `connector`, and asked with `await`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lanline.client.chat.catchup.openingprogram import OpeningProgram
from lanline.client.chat.catchup.storing import StoringInThread
from lanline.client.chat.connector import UDP_PROFILE, WEBSOCKET_PROFILE, Caller, Connector
from lanline.client.chat.history import History
from lanline.client.chat.node import ChatNode
from lanline.client.chat.sealed.seals import DeviceKeys
from lanline.client.chat.session import Answer, AsDevice, SignInWay
from lanline.client.home import Home
from lanline.client.pin import KnownServer, joined_pin
from lanline.client.sealing.keystore import Keystore
from lanline.client.view.values import NodeState
from lanline.crypto.identity import Identity
from lanline.errors import LanlineError, ServerUnreachable
from lanline.ticket import Ticket
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
        self._history = history
        self._identity = identity
        self._server = server
        self._dialer: Dialer | None = None
        self._connector: Connector | None = None
        self._running: asyncio.Task[None] | None = None
        self._storing: StoringInThread | None = None
        self._opener: OpeningProgram | None = None
        # None of this needs a loop yet: a command may say something first.
        self._has_changed = asyncio.Event()
        self.node.subscribe(lambda _: self._has_changed.set())
        self.node.seals.when_changed(self._has_changed.set)

    @classmethod
    def at_home(cls, folder: Path) -> ChatClient:
        """As who this home has joined, with its key, its pinned server and its history; as nobody who sits there.

        Raises NotJoined when it has not joined anywhere.
        """
        server = joined_pin(folder)
        identity = Home(folder).identity()
        history = History.open(folder / HISTORY_FILE)
        keys = DeviceKeys(Keystore.open(folder, os.urandom), identity.fingerprint, os.urandom, platform.node())
        storing = None if history.database.is_alone else StoringInThread(folder / HISTORY_FILE)
        opener = OpeningProgram()
        node = ChatNode(LoopClock(), history, AsDevice(is_away=True), keys=keys, storing=storing, opener=opener)
        keys.store.note_told()  # it stands among the alarms of the home
        client = cls(node, history, identity, server)
        client._storing, client._opener = storing, opener
        return client

    @classmethod
    def with_key(
        cls,
        identity: Identity,
        server: KnownServer,
        *,
        way: SignInWay | None = None,
        keys: DeviceKeys | None = None,
    ) -> ChatClient:
        """With any key and no folder, remembering nothing: the operator's commands, a first join."""
        history = History.in_memory()
        node = ChatNode(LoopClock(), history, way or AsDevice(is_away=True), follows_all=False, keys=keys)
        return cls(node, history, identity, server)

    @classmethod
    def as_member(cls, folder: Path, server: KnownServer) -> ChatClient:
        """With the keys of a home, while its node may run: nothing that was said is read or kept."""
        identity = Home(folder).identity()
        keys = DeviceKeys(Keystore.open(folder, os.urandom), identity.fingerprint, os.urandom, platform.node())
        return cls.with_key(identity, server, keys=keys)

    @property
    def server(self) -> KnownServer:
        """With the key it has shown, where none was known before."""
        return self._server if self._connector is None else self._connector.server

    async def __aenter__(self) -> Self:
        self._dialer = Dialer(self._identity, udp_profile=UDP_PROFILE, websocket_profile=WEBSOCKET_PROFILE)
        self._begin(self._dialer)
        return self

    def _begin(self, caller: Caller) -> None:
        self._connector = Connector(self.node, caller, self._server)
        self._running = asyncio.create_task(self._connector.run())
        self._running.add_done_callback(lambda _: self._has_changed.set())

    def call_again(self) -> None:
        """When what ends the calling for good may be another by now: somebody was let in again, a server upgraded."""
        if self._running is not None and self._running.done() and self._dialer is not None:
            self._running.exception()
            self._begin(self._dialer)

    def hurry(self) -> None:
        """Call now, where it waits to call again."""
        if self._connector is not None:
            self._connector.hurry()

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
        if self._opener is not None:
            self._opener.close()
        if self._storing is not None:
            self._storing.close()
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
        if not problem and self.is_signed_in:
            return "The server has not answered in this time."
        return problem or f"The server at {self.server.place} does not answer."

    @property
    def failed_calls(self) -> int:
        return 0 if self._connector is None else self._connector.failed_calls

    @property
    def queueing_s(self) -> float | None:
        """How long what goes over the link waits in queues on the way just now, as far as is known."""
        connection = self._connector.connection if self._connector is not None else None
        return connection.queueing_s if connection is not None else None

    # Waiting.

    async def wait_signed_in(self, limit_s: float | None = None, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Raises RequestRefused, ServerKeyChanged, VersionMismatch or, after the limit, ServerUnreachable."""
        await self._wait_connected(lambda: self.is_signed_in or unless(), limit_s)

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
                    self._has_changed.clear()
                    await self._has_changed.wait()
                return True
        return condition()

    async def wait_settled(self, ticket: Ticket[Any], limit_s: float) -> bool:
        """Where nothing else happens when it settles too: it may fail for want of something. As `wait_until`."""
        ticket.when_settled(lambda _: self._has_changed.set())
        return await self.wait_until(lambda: ticket.is_settled, limit_s)

    def _raise_final(self) -> None:
        assert self._running is not None
        if self._running.done():
            self._running.result()

    async def wait_ended(self) -> None:
        """For as long as it may go on by itself; raises what ends it for good, as wait_signed_in does."""
        assert self._running is not None
        await asyncio.shield(self._running)

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

        self.node.line.request(message, on_answer)
        return await answered

"""The node in asyncio: opened from a home folder, kept connected, and asked with `await`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from lanline.client.chat.events import NodeEvent
from lanline.client.chat.node import ChatNode
from lanline.client.chat.pin import KnownServer
from lanline.client.chat.rooms import RoomRequests
from lanline.client.chat.session import SignInWay
from lanline.client.chat.values import Message
from lanline.crypto.identity import Identity
from lanline.wire.chat.messages import ClientMessage, ServerMessage


class ChatClient:
    """Use as `async with`: connects in the background while inside, says goodbye at the end.

    async with ChatClient.at_home(home) as client:
        await client.wait_signed_in(30.0)
        answer = await client.ask(MakeInvite(0))
    """

    node: ChatNode
    rooms: RoomRequests

    @classmethod
    def at_home(cls, folder: Path, *, follows_all: bool = True) -> ChatClient:
        """As who this home has joined, with its key, its pinned server and its history.

        Raises NotJoined when it has not joined anywhere.
        """
        raise NotImplementedError

    @classmethod
    def with_key(
        cls, identity: Identity, server: KnownServer, *, way: SignInWay | None = None, follows_all: bool = False
    ) -> ChatClient:
        """With any key and no folder, remembering nothing: the operator's commands, a first join."""
        raise NotImplementedError

    async def __aenter__(self) -> ChatClient:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def wait_signed_in(self, limit_s: float | None = None) -> None:
        """Raises RequestRefused, ServerKeyChanged, VersionMismatch or, after the limit, ServerUnreachable."""

    async def wait_synchronized(self, limit_s: float | None = None) -> None:
        """As wait_signed_in, until people and conversations are here too."""

    async def wait_ended(self) -> None:
        """For as long as it may go on by itself; raises what ends it for good, as wait_signed_in does."""

    async def ask(self, message: ClientMessage) -> ServerMessage:
        """Ask once; raises RequestRefused, or LinkNotOpen when the link ended before the answer."""
        raise NotImplementedError

    async def wait_committed(self, message: Message, limit_s: float) -> bool:
        """False when it is still queued after so long. Raises RequestRefused when the server does not take it."""
        raise NotImplementedError

    async def next_event(self) -> NodeEvent:
        """For faces that prefer to wait; every event since `async with` comes here once."""
        raise NotImplementedError

    def subscribe(self, listener: Callable[[NodeEvent], None]) -> Callable[[], None]:
        raise NotImplementedError

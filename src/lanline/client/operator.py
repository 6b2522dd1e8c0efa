"""Asks a server for what only an admin may: one request after another, without any conversation.

For commands that come and go. Who it is says the key: the server's own operator, or a device of an admin.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec

from lanline.crypto.identity import Identity
from lanline.errors import LinkError, LinkNotOpen, RequestRefused
from lanline.model.text import safe_line
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.dialer import Dialer
from lanline.wire.chat.answers import Refused
from lanline.wire.chat.messages import ClientMessage, ServerMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, NoCommonVersion, SignedIn, SignIn, Welcome

_ANSWERS_WITHIN_S = 30.0
_SOFTWARE = "lanline"

Answer = TypeVar("Answer", bound=ServerMessage)


class Operator:
    def __init__(self, dialer: Dialer, connection: Connection) -> None:
        """Use `call`."""
        self._dialer = dialer
        self._connection = connection
        self._requests = 0

    @classmethod
    async def call(cls, identity: Identity, host: str, port: int, fingerprint: bytes) -> Operator:
        """Signed in. Raises LinkError, AddressUnavailable, RequestRefused."""
        dialer = Dialer(identity)
        try:
            operator = cls(dialer, await dialer.connect(host, port, fingerprint))
            await operator._sign_in()
        except BaseException:
            dialer.close()
            raise
        return operator

    async def ask(self, message: ClientMessage, answer: type[Answer]) -> Answer:
        """The request gets a number of its own. Raises RequestRefused with the server's sentence, LinkError."""
        self._requests += 1
        self._send(msgspec.structs.replace(message, request=self._requests))
        return await self._wait(answer, self._requests)

    def close(self) -> None:
        self._connection.close()
        self._dialer.close()

    async def _sign_in(self) -> None:
        self._send(Hello(VERSIONS, _SOFTWARE))
        await self._wait(Welcome)
        await self.ask(SignIn(1), SignedIn)

    def _send(self, message: ClientMessage) -> None:
        self._connection.send_nowait(Channel.CHAT, encode_message(message))

    async def _wait(self, answer: type[Answer], request: int | None = None) -> Answer:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                while True:
                    message = await self._next_message()
                    self._check(message, request)
                    if isinstance(message, answer) and request in {None, getattr(message, "request", None)}:
                        return message
        except TimeoutError as cause:
            raise LinkError("The server does not answer. Try again.") from cause
        except LinkNotOpen as cause:
            raise LinkError(f"The server hung up: {safe_line(str(cause))}") from cause

    async def _next_message(self) -> ServerMessage:
        while True:
            event = await self._connection.receive()
            if isinstance(event, LinkClosed):
                raise LinkNotOpen(event.reason)
            if isinstance(event, MessageReceived):
                return decode_server_message(event.payload)

    @staticmethod
    def _check(message: ServerMessage, request: int | None) -> None:
        if isinstance(message, NoCommonVersion):
            raise LinkError("The server is of another version than this program. Bring both up to date.")
        if isinstance(message, Refused) and message.request == request:
            raise RequestRefused(message.known_code, safe_line(message.text), message.retry_after_ms / 1000)

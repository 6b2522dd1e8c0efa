"""A program that is not ours: it joins as it should, and then says far too much at once, never listens, or raves.

It can hurt nobody but itself: what others do must go on, and what is taken of it stands in the order it was said in.
"""

from __future__ import annotations

import random
from contextlib import suppress

import msgspec

from lanline.errors import LinkError
from lanline.ids import new_entry_id
from lanline.model.content import Text
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent, MessageReceived
from lanline.testing.world import SimWorld
from lanline.transport.connection import Connection
from lanline.wire.chat.conversations import Conversations
from lanline.wire.chat.entries import Append, Follow
from lanline.wire.chat.messages import ClientMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, Join
from sim.system.machine import ServerMachine
from sim.system.process import Computer, SimProcess

NAME = "eve"
_encode = msgspec.msgpack.Encoder().encode
_MOST_CALLS = 4
_DEAF_S = 10_000.0


class Stranger:
    def __init__(
        self, world: SimWorld, server: ServerMachine, computer: Computer, token: bytes | None, rng: random.Random
    ) -> None:
        self._server = server
        self._token = token
        self._rng = rng
        self._calls = 0
        self._is_deaf = False
        self.process = SimProcess(world, computer, 40_000, rng)

    def call(self) -> None:
        self._calls += 1
        if self._calls > _MOST_CALLS:
            return
        self.process.delay_s, self._is_deaf = 0.0, self._rng.random() < 0.3
        connection = self.process.host.connect_nowait(self._server.address, self._server.fingerprint)
        connection.set_handler(lambda event: self._on_event(connection, event))

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if isinstance(event, LinkEstablished):
            _send(connection, Hello(VERSIONS, "rude 1.0"), Join(1, NAME, "password of eve", "box", self._token))
        elif isinstance(event, MessageReceived):
            message = decode_server_message(event.payload)
            if isinstance(message, Conversations) and message.conversations:
                self._misbehave(connection, message.conversations[0].log)
        elif isinstance(event, LinkClosed):
            self.process.at(self._rng.uniform(0.1, 5.0), self.call)

    def _misbehave(self, connection: Connection, log: int) -> None:
        _send(connection, Follow(log, 0))
        if self._is_deaf:
            self.process.delay_s = _DEAF_S
        for _ in range(self._rng.choice([0, 10, 600])):
            _send(connection, self._append(log))
        if self._rng.random() < 0.5:
            with suppress(LinkError):
                connection.send_nowait(self._rng.choice(list(Channel)), self._rng.randbytes(self._rng.randrange(60)))

    def _append(self, log: int) -> Append:
        ledger, where = self._server.ledger, self._server.auditor.wheres[log]
        text = f"{NAME} {ledger.count}"
        ledger.type(NAME, f"{NAME}'s call {self._calls}", where, text).may_vanish = True
        entry_id = new_entry_id(self.process.clock.now_ms(), self._rng.randbytes)
        return Append(2, log, entry_id, "plain", _encode(Text(text)))


def _send(connection: Connection, *messages: ClientMessage) -> None:
    with suppress(LinkError):
        for message in messages:
            connection.send_nowait(Channel.CHAT, encode_message(message))

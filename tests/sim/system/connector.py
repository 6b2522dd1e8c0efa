"""Calls the server for a node, again and again: what the asyncio shell of the client does, in virtual time."""

from __future__ import annotations

import random

from lanline.client.chat.node import ChatNode
from lanline.client.view.events import ConnectionLost, NodeEvent, SignInRefused
from lanline.errors import CloseCode
from lanline.proto.events import LinkClosed, LinkEstablished, LinkEvent
from lanline.testing.trace import Address
from lanline.transport.connection import Connection
from sim.system.process import SimProcess


class SimConnector:
    def __init__(
        self, process: SimProcess, node: ChatNode, server: Address, fingerprint: bytes, rng: random.Random
    ) -> None:
        self._process = process
        self._node = node
        self._server = server
        self._fingerprint = fingerprint
        self._rng = rng
        self._is_calling = False
        node.subscribe(self._on_node_event)

    def call(self) -> None:
        """Also while a link works: as one that changes from WebSocket back to UDP does."""
        if self._is_calling:
            return
        self._is_calling = True
        connection = self._process.host.connect_nowait(self._server, self._fingerprint)
        connection.set_handler(lambda event: self._on_event(connection, event))

    def _on_event(self, connection: Connection, event: LinkEvent) -> None:
        if isinstance(event, LinkEstablished):
            self._is_calling = False
            self._node.on_connected(connection)
        elif isinstance(event, LinkClosed):
            if event.code is CloseCode.IDENTITY_REJECTED:
                raise AssertionError(f"an honest server was taken for another: {event.reason}")
            self._is_calling = False
            self._call_later()

    def _on_node_event(self, event: NodeEvent) -> None:
        # A person who is refused tries again: with every other name and password this would be somebody else.
        if isinstance(event, ConnectionLost | SignInRefused):
            self._call_later()

    def _call_later(self) -> None:
        self._process.at(self._rng.uniform(0.05, 3.0), self._call_if_needed)

    def _call_if_needed(self) -> None:
        if self._node.state.value == "offline":
            self.call()

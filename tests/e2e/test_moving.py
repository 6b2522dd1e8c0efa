"""A client that is first let through by WebSocket only: it moves to UDP when that works, and nothing shows of it."""

from __future__ import annotations

import asyncio

import pytest

from e2e.town import Town
from lanline.client.chat import connector
from lanline.client.chat.client import HISTORY_FILE, ChatClient
from lanline.client.chat.history import History
from lanline.client.view import events
from lanline.model.content import Text
from lanline.transport.connection import Connection
from lanline.transport.dialer import Dialer

LIMIT_S = 60.0
SAID = 300


class Gate:
    """UDP that does not answer until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_open = False
        self.udp: list[Connection] = []
        through = Dialer.connect_udp

        async def connect_udp(
            dialer: Dialer, host: str, port: int, fingerprint: bytes | None = None
        ) -> Connection | None:
            connection = await through(dialer, host, port, fingerprint) if self.is_open else None
            self.udp += [connection] if connection is not None else []
            return connection

        monkeypatch.setattr(Dialer, "connect_udp", connect_udp)
        monkeypatch.setattr(connector, "UDP_AGAIN_S", 0.05)


def test_moving_from_websocket_to_udp_loses_and_doubles_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    told: list[events.NodeEvent] = []

    async def scenario() -> None:
        async with asyncio.timeout(LIMIT_S), ChatClient.at_home(town.folder / "ann") as client:
            client.node.subscribe(told.append)
            await client.wait_synchronized()
            assert not gate.udp
            for number in range(SAID):
                client.node.outbox.say("#lobby", Text(f"text {number}"), number.to_bytes(16, "big"))
                gate.is_open = number > SAID // 3
                await asyncio.sleep(0)
            await client.wait_until(lambda: bool(gate.udp) and not client.node.outbox.messages)
            lobby = client.node.conversations.titled("#lobby")
            assert lobby is not None
            await client.wait_until(lambda: lobby.shown.delivered == SAID)
            assert gate.udp[0].closed is None

    asyncio.run(scenario())
    assert not [event for event in told if isinstance(event, events.ConnectionLost)]
    received = [message for event in told if isinstance(event, events.EntriesReceived) for message in event.messages]
    assert [message.sequence for message in received] == list(range(1, SAID + 1))
    assert [getattr(message.content, "text", "") for message in received] == [f"text {n}" for n in range(SAID)]
    history = History.open(town.folder / "ann" / HISTORY_FILE)
    assert history.outbox.all() == []
    history.close()

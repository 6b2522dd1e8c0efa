"""Programs of two versions meet, on both links: the older side is told, and nothing else is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lanline.client.chat.client import ChatClient
from lanline.client.pin import KnownServer
from lanline.config import ServerConfig
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode, VersionMismatch
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEvent, MessageReceived
from lanline.server.app import serving
from lanline.transport.connection import Connection
from lanline.transport.dialer import Dialer
from lanline.transport.listener import Listener
from lanline.wire.chat.messages import decode_server_message, encode_message
from lanline.wire.chat.signin import VERSIONS, Hello, NoCommonVersion

LIMIT_S = 60.0
OLDER, NEWER = (1,), (9,)
both_links = pytest.mark.parametrize("way", ["udp", "websocket"])


def no_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(Dialer, "connect_udp", nothing)


@both_links
def test_an_older_client_is_told_what_the_server_speaks(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "websocket":
        no_udp(monkeypatch)

    async def scenario() -> None:
        async with serving(tmp_path / "data", ServerConfig(host="127.0.0.1", port=0)) as server:
            dialer = Dialer(Identity.generate())
            connection = await dialer.connect(*server.address, server.fingerprint)
            connection.send_nowait(Channel.CHAT, encode_message(Hello(OLDER, "a year ago")))
            heard = [event async for event in events_of(connection)]
            messages = [decode_server_message(each.payload) for each in heard if isinstance(each, MessageReceived)]
            assert messages == [NoCommonVersion(VERSIONS)]
            assert isinstance(heard[-1], LinkClosed)
            assert heard[-1].code is CloseCode.INCOMPATIBLE_VERSION
            dialer.close()

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


async def events_of(connection: Connection) -> AsyncIterator[LinkEvent]:
    """Up to the end."""
    event: LinkEvent | None = None
    while not isinstance(event, LinkClosed):
        event = await connection.receive()
        yield event


@both_links
@pytest.mark.parametrize(
    ("spoken", "told"),
    [
        (OLDER, "The server's Lanline is too old for this one: upgrade Lanline on the server."),
        (NEWER, "This Lanline is too old for the server: upgrade Lanline on this device."),
    ],
)
def test_a_client_is_told_which_side_to_upgrade(
    way: str, spoken: tuple[int, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "websocket":
        no_udp(monkeypatch)
    heard: list[bytes] = []

    def answer(connection: Connection, _address: object) -> None:
        def on_event(event: LinkEvent) -> None:
            if isinstance(event, MessageReceived):
                heard.append(event.payload)
                connection.send_nowait(Channel.CHAT, encode_message(NoCommonVersion(spoken)))

        connection.set_handler(on_event)

    async def scenario() -> None:
        identity = Identity.generate()
        listener = await Listener.open("127.0.0.1", 0, identity, answer)
        server = KnownServer(*listener.address, identity.fingerprint)
        async with ChatClient.with_key(Identity.generate(), server) as client:
            with pytest.raises(VersionMismatch) as problem:
                await client.wait_signed_in(LIMIT_S)
            assert str(problem.value) == told
        listener.close()
        await listener.wait_closed()

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))
    assert heard == [encode_message(Hello(VERSIONS, "lanline"))], "only the greeting went out"

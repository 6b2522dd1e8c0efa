"""Strangers who fill all places keep no member out, whichever link the member comes over."""

from __future__ import annotations

import asyncio
from pathlib import Path

from attacks.crowds import Crowd, calling
from lanline.config import Limits, ServerConfig
from lanline.crypto.identity import Identity
from lanline.errors import LinkNotOpen
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.server.app import serving
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.chat.messages import ClientMessage, decode_server_message, encode_message
from lanline.wire.chat.signin import Hello, Join, SignedIn, SignIn

LIMIT_S = 60.0
PLACES = 24


async def says(connection: Connection, message: ClientMessage) -> bool:
    """Whether the server lets this client in."""
    try:
        connection.send_nowait(Channel.CHAT, encode_message(Hello((2,), "test")))
        connection.send_nowait(Channel.CHAT, encode_message(message))
    except LinkNotOpen:
        return False
    async with asyncio.timeout(LIMIT_S):
        while not isinstance(event := await connection.receive(), LinkClosed):
            if isinstance(event, MessageReceived) and isinstance(decode_server_message(event.payload), SignedIn):
                return True
    return False


def test_members_sign_in_through_a_crowd_of_strangers(tmp_path: Path) -> None:
    async def scenario() -> list[bool]:
        config = ServerConfig(host="127.0.0.1", port=0, open=True, limits=Limits(most_strangers=PLACES))
        async with serving(tmp_path, config, makes_key=True) as server:
            member = Identity.generate()
            udp = LinkHost(await UdpSocket.bind("127.0.0.1", 0), member)
            first = await udp.connect(server.address)
            assert await says(first, Join(1, "ann", "correct horse 7", "laptop"))
            crowd = Crowd(server.address)
            await crowd.fill()
            came_in = [await says(await udp.connect(server.address), SignIn(1))]
            async with calling(server.address, member) as over_tcp:
                came_in.append(await says(over_tcp, SignIn(1)))
            assert crowd.held == PLACES
            await crowd.leave()
            udp.close()
            return came_in

    assert asyncio.run(scenario()) == [True, True]

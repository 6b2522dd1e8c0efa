"""Many members who watch one film at once in one process, or as many links over which the same bytes are copied.

One JSON object as argument; `filmrows.py` starts it beside the server, and it answers with JSON lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from filmmember import SIGN_IN_S, Face, Watching
from lanline.client.chat.client import ChatClient
from lanline.client.films.fetching import open_film
from lanline.client.pin import KnownServer
from lanline.crypto.identity import Identity
from lanline.proto.channels import Channel
from lanline.proto.events import LinkEvent, MessageReceived
from lanline.proto.films.playing import MOST_AHEAD_S
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from parent import commands, say

APART_S = 0.05
"""One begins so long after the other."""
PIECE_BYTES = 16 * 1024
REQUEST = struct.Struct(">I")
UNDER_WAY = 4
PART_S, LOOK_S = 2.0, 0.1


async def watch(wanted: dict[str, Any]) -> None:
    server = KnownServer(wanted["host"], wanted["port"], bytes.fromhex(wanted["fingerprint"]))
    async with contextlib.AsyncExitStack() as links:
        clients = []
        for key in wanted["keys"]:
            identity = Identity.from_pem(Path(key).read_bytes())  # noqa: ASYNC240 -- nothing else runs yet
            clients.append(await links.enter_async_context(ChatClient.with_key(identity, server)))
            # One after the other: of many at once some would go by WebSocket, and come over to UDP during the film.
            await clients[-1].wait_synchronized(SIGN_IN_S)
        say(event="ready")
        asked = await commands()
        await asked.readline()
        got = await asyncio.gather(*(_watched(client, number, wanted) for number, client in enumerate(clients)))
        say(event="watched", size_bytes=sum(size for size, _ in got), stalled_s=max(waited for _, waited in got))
        await asked.readline()


async def _watched(client: ChatClient, number: int, wanted: dict[str, Any]) -> tuple[int, float]:
    await asyncio.sleep(number * APART_S)
    face = Face(client)
    watching = Watching(face, await open_film(face, "bench"), wanted["lines"], time.monotonic())
    ends_at = time.monotonic() + wanted["seconds"]
    await watching.run(lambda: time.monotonic() >= ends_at)
    return face.got_bytes, watching.playing.stalled_s


async def copy(wanted: dict[str, Any]) -> None:
    """So many bytes over each of so many links, in messages that are asked for one after the other.

    `lasts_s`: at the times at which a player asks for a film of that length. Otherwise as fast as it goes.
    """
    host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), Identity.generate())
    address = wanted["host"], wanted["port"]
    fingerprint = bytes.fromhex(wanted["fingerprint"])
    connections = [await host.connect(address, fingerprint) for _ in range(wanted["links"])]
    say(event="ready")
    asked = await commands()
    await asked.readline()
    size, lasts_s = wanted["bytes_each"], wanted.get("lasts_s")
    got = await asyncio.gather(*(_copied(each, number, size, lasts_s) for number, each in enumerate(connections)))
    say(event="watched", size_bytes=sum(got), stalled_s=0.0)
    await asked.readline()
    host.close()


async def _copied(connection: Connection, number: int, wanted_bytes: int, lasts_s: float | None) -> int:
    asked = got = 0
    await asyncio.sleep(0.0 if lasts_s is None else number * APART_S)
    began_at, due_bytes = time.monotonic(), wanted_bytes
    while got < wanted_bytes:
        if lasts_s is not None:
            parts = (MOST_AHEAD_S + time.monotonic() - began_at) // PART_S
            due_bytes = min(wanted_bytes, round(wanted_bytes * parts * PART_S / lasts_s))
        while asked - got < UNDER_WAY * PIECE_BYTES and asked < due_bytes:
            connection.send_nowait(Channel.CHAT, REQUEST.pack(PIECE_BYTES))
            asked += PIECE_BYTES
        if asked == got:
            await asyncio.sleep(LOOK_S)
            continue
        event = await connection.receive()
        got += len(event.payload) if isinstance(event, MessageReceived) else 0
    return got


async def serve(_: dict[str, Any]) -> None:
    """The other end of `copy`: the bytes that it is asked for, out of memory."""
    data = bytes(PIECE_BYTES)

    def take_in(connection: Connection, _address: object) -> None:
        def on_event(event: LinkEvent) -> None:
            if isinstance(event, MessageReceived):
                connection.send_nowait(Channel.BULK, data[: REQUEST.unpack(event.payload)[0]])

        connection.set_handler(on_event)

    identity = Identity.generate()
    host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), identity, on_accept=take_in)
    say(event="listening", port=host.address[1], fingerprint=identity.fingerprint.hex())
    await (await commands()).readline()
    host.close()


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    uvloop.run({"watch": watch, "copy": copy, "serve": serve}[wanted["does"]](wanted))

"""A host in a process of its own, that a test may kill: serve_links.py KEY_FILE PORT."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lanline.crypto.identity import Identity
from lanline.proto.events import MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.datagrams import Address
from lanline.transport.listener import Listener


def echo(connection: Connection, _address: Address) -> None:
    connection.set_handler(
        lambda event: (
            connection.send_nowait(event.channel, event.payload) if isinstance(event, MessageReceived) else None
        )
    )


async def serve(identity: Identity, port: int) -> None:
    listener = await Listener.open("127.0.0.1", port, identity, echo)
    print(listener.address[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(serve(Identity.from_pem(Path(sys.argv[1]).read_bytes()), int(sys.argv[2])))

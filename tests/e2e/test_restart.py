"""A server process that is killed and started again: its clients learn of it at once, on either link."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from e2e.end import LIMIT_S, End
from lanline.crypto.identity import Identity
from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.transport.websocket import connect

SERVER, CLIENT = Identity.generate(), Identity.generate()
AT_ONCE_S, TRIES = 1.0, 6
SCRIPT = Path(__file__).with_name("serve_links.py")


async def start(key_file: Path, port: int) -> tuple[Process, int]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(SCRIPT), str(key_file), str(port), stdout=PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        line = await process.stdout.readline()
    assert line, "the server did not start"
    return process, int(line)


async def kill(process: Process) -> None:
    process.kill()
    await process.wait()


async def echoed(end: End, text: bytes) -> None:
    end.connection.send_nowait(Channel.CHAT, text)
    await end.wait_until(lambda: text in end.received[Channel.CHAT])


@pytest.mark.parametrize("kind", ["udp", "websocket"])
def test_a_client_learns_at_once_that_its_server_was_killed_and_is_back(kind: str, tmp_path: Path) -> None:
    """Of those on a busy machine the best try counts."""
    key_file = tmp_path / "server.pem"
    key_file.write_bytes(SERVER.to_pem())

    async def scenario() -> float:
        process, port = await start(key_file, 0)
        address = ("127.0.0.1", port)
        host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), CLIENT)

        async def call() -> Connection:
            if kind == "udp":
                return await host.connect(address, SERVER.fingerprint)
            return await connect(address, CLIENT, expected_fingerprint=SERVER.fingerprint)

        try:
            client = End(await call())
            await echoed(client, b"before")
            await kill(process)
            process, _ = await start(key_file, port)
            began = time.monotonic()
            if not client.closed:
                client.connection.send_nowait(Channel.CHAT, b"after")
            await client.wait_until(lambda: client.closed)
            took_s = time.monotonic() - began
            assert client.closed is not None
            assert client.closed.code is CloseCode.RESET
            assert client.delivered[Channel.CHAT] == 1

            client = End(await call())
            await echoed(client, b"after")
            client.connection.close()
            return took_s
        finally:
            await kill(process)
            host.close()

    assert any(asyncio.run(scenario()) < AT_ONCE_S for _ in range(TRIES))

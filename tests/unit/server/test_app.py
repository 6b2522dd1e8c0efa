"""What the start of a server costs, and what it knows then. Its life is in tests/e2e/test_serve.py."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lanline.client.chat.client import ChatClient
from lanline.client.chat.session import AsNewcomer, SignInWay
from lanline.client.pin import KnownServer
from lanline.config import ServerConfig
from lanline.crypto.identity import Identity
from lanline.server.app import RunningServer, serving
from lanline.transport.listener import Listener
from lanline.wire.chat import admin

CONFIG = ServerConfig(host="127.0.0.1", port=0)


def test_a_small_disk_is_not_nearly_full_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size_bytes, free_bytes = 1024**3, 200 * 1024**2
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=size_bytes, free=free_bytes))

    async def scenario() -> None:
        async with serving(tmp_path / "data", CONFIG) as server:
            assert server.first_invite is not None
            boss = AsNewcomer("boss", "", server.first_invite.token)
            async with came_in(server, Identity.generate(), boss) as client:
                made = await client.ask(admin.MakeInvite(1))
                assert isinstance(made, admin.InviteMade)
            async with came_in(server, Identity.generate(), AsNewcomer("ann", "", made.token)):
                pass

    asyncio.run(scenario())


def test_where_members_were_is_known_from_the_start_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a flood of strangers that began before the server did would keep them out."""
    hosts: list[str] = []
    monkeypatch.setattr(Listener, "remember_host", lambda _, host: hosts.append(host))

    async def scenario() -> None:
        async with serving(tmp_path / "data", CONFIG) as server:
            assert server.first_invite is not None
            boss = AsNewcomer("boss", "", server.first_invite.token)
            async with came_in(server, Identity.generate(), boss):
                assert hosts == []
        async with serving(tmp_path / "data", CONFIG):
            assert hosts == ["127.0.0.1"]

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def came_in(server: RunningServer, key: Identity, way: SignInWay) -> AsyncIterator[ChatClient]:
    known = KnownServer(*server.address, server.fingerprint)
    async with ChatClient.with_key(key, known, way=way) as client:
        await client.wait_synchronized(60.0)
        yield client

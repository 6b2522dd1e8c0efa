"""Attacks on rights, over real sockets: what was taken away does not come back, and what has bounds keeps to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lanline.client.chat.client import ChatClient
from lanline.client.chat.session import AsNewcomer, SignInWay
from lanline.client.joining import Patience, join_server, meet_server
from lanline.client.pin import KnownServer
from lanline.config import Limits, ServerConfig
from lanline.crypto.identity import Identity
from lanline.errors import InvalidInput, RefusalCode, RequestRefused
from lanline.proto.events import MessageReceived
from lanline.server.app import RunningServer, serving
from lanline.transport.listener import Listener
from lanline.wire.chat import admin, entries
from lanline.wire.chat.answers import Done

PASSWORD = "correct horse battery"
LIMIT_S = 60.0


def a_server(folder: Path, **limits: Any) -> contextlib.AbstractAsyncContextManager[RunningServer]:
    return serving(folder / "data", ServerConfig(host="127.0.0.1", port=0, limits=Limits(**limits)))


@contextlib.asynccontextmanager
async def signed_in(server: RunningServer, way: SignInWay, key: Identity | None = None) -> AsyncIterator[ChatClient]:
    known = KnownServer(*server.address, server.fingerprint)
    async with ChatClient.with_key(key or Identity.generate(), known, way=way) as client:
        await client.wait_synchronized(LIMIT_S)
        yield client


def newcomer(name: str, token: bytes) -> AsNewcomer:
    return AsNewcomer(name, PASSWORD, token)


async def admin_invite(client: ChatClient) -> bytes:
    made = await client.ask(admin.MakeInvite(1, grants_admin=True))
    assert isinstance(made, admin.InviteMade)
    return made.token


def account_of(client: ChatClient, name: str) -> int:
    return next(person.account for person in client.node.directory.people if person.name == name)


def test_a_banned_admin_does_not_come_back_by_an_invite_made_before(tmp_path: Path) -> None:
    async def attack() -> int:
        came_in = 0
        async with a_server(tmp_path) as server:
            assert server.first_invite is not None
            async with signed_in(server, newcomer("boss", server.first_invite.token)) as boss:
                async with signed_in(server, newcomer("bad", await admin_invite(boss))) as bad:
                    tokens = [await admin_invite(bad) for _ in range(3)]
                    ban = admin.SetBanned(1, account_of(boss, "bad"), is_banned=True)
                    assert isinstance(await boss.ask(ban), Done)
                for number, token in enumerate(tokens):
                    with contextlib.suppress(RequestRefused):
                        async with signed_in(server, newcomer(f"bad{number}", token)):
                            came_in += 1
        return came_in

    assert asyncio.run(attack()) == 0


def test_invites_of_earlier_starts_take_no_server_over(tmp_path: Path) -> None:
    async def attack() -> list[bool]:
        tokens: list[bytes] = []
        for _ in range(3):
            async with a_server(tmp_path) as server:
                assert server.first_invite is not None
                tokens.append(server.first_invite.token)
        came_in: list[bool] = []
        async with a_server(tmp_path) as server:
            for number, token in enumerate(tokens):
                try:
                    async with signed_in(server, newcomer(f"thief{number}", token)):
                        came_in.append(True)
                except RequestRefused:
                    came_in.append(False)
        return came_in

    assert asyncio.run(attack()) == [False] * 3


def test_a_member_fills_no_more_than_the_quota(tmp_path: Path) -> None:
    quota_bytes, size_bytes, tries = 100_000, 10_000, 40

    async def attack() -> tuple[int, list[RefusalCode]]:
        refusals: list[RefusalCode] = []
        taken = 0
        async with a_server(tmp_path, message_quota_bytes=quota_bytes) as server:
            assert server.first_invite is not None
            async with signed_in(server, newcomer("flood", server.first_invite.token)) as client:
                log = next(iter(client.node.conversations.all)).log

                def note(answer: object) -> None:
                    if isinstance(answer, RequestRefused):
                        refusals.append(answer.code)

                for number in range(tries):
                    append = entries.Append(1, log, number.to_bytes(16, "big"), "plain", bytes(size_bytes))
                    client.node.line.request(append, note)
                while taken + len(refusals) < tries:
                    found = await client.ask(entries.ReadBefore(1, log, 2**31, 1))
                    assert isinstance(found, entries.EarlierEntries)
                    taken = found.entries[-1].sequence if found.entries else 0
                    await asyncio.sleep(0.05)  # looking too often is refused
        return taken, refusals

    taken, refusals = asyncio.run(attack())
    assert taken == quota_bytes // (size_bytes + 100)
    assert refusals == [RefusalCode.QUOTA_EXCEEDED] * (tries - taken)


def test_a_server_in_between_hears_no_password_before_its_key_is_accepted(tmp_path: Path) -> None:
    heard: list[Any] = []

    async def attack() -> None:
        def accept(link: Any, _address: Any) -> None:
            link.set_handler(lambda event: heard.append(event) if isinstance(event, MessageReceived) else None)

        impostor = await Listener.open("127.0.0.1", 0, Identity.generate(), accept)
        place = f"127.0.0.1:{impostor.address[1]}"
        try:
            assert await meet_server(tmp_path, place, "ann", Patience(LIMIT_S)) is not None
            with pytest.raises(InvalidInput, match="Nothing was sent"):
                await join_server(tmp_path, place, "ann", PASSWORD, patience=Patience(LIMIT_S))
        finally:
            impostor.close("")
            await impostor.wait_closed()

    asyncio.run(attack())
    assert heard == []

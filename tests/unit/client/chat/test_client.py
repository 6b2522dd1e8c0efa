"""How commands wait for what comes of them."""

from __future__ import annotations

import asyncio

from lanline.client.chat.client import ChatClient
from lanline.client.chat.session import AsDevice
from lanline.client.pin import KnownServer
from lanline.crypto.identity import Identity
from lanline.ticket import Ticket


def test_who_waits_for_an_answer_goes_on_when_it_is_there_though_nothing_else_happens() -> None:
    async def scenario() -> None:
        client = ChatClient.with_key(Identity.generate(), KnownServer("127.0.0.1", 1, bytes(32)), way=AsDevice())
        client._running = asyncio.get_running_loop().create_future()  # type: ignore[assignment]
        answer: Ticket[None] = Ticket()
        waiting = asyncio.create_task(client.wait_settled(answer, 3600.0))
        await asyncio.sleep(0)
        answer.settle(None)
        assert await asyncio.wait_for(waiting, 60.0)

    asyncio.run(scenario())

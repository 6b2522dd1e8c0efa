from __future__ import annotations

import asyncio
from typing import Any

from lanline.client.video.plainserver import PlainServer
from lanline.client.video.plainviewers import MOST_VIEWERS
from lanline.transport.refusals import Refusal


class Camera:
    """In the place of a capture: takes every wish."""

    def request_key(self) -> None: ...

    def want(self, _: bool) -> None: ...


class ForgedHellos:
    """In the place of a socket: one hello from each of many addresses, and then each refuses what it gets."""

    def __init__(self, count: int) -> None:
        self._addresses = [(f"10.0.{number // 250}.{number % 250 + 1}", 5000) for number in range(count)]

    def receive(self) -> list[tuple[bytes, tuple[str, int]]]:
        return [(b"hello", address) for address in self._addresses]

    def refusals(self) -> list[Refusal]:
        return [Refusal(address, is_certain=True) for address in self._addresses]


def test_forged_hellos_do_not_fill_a_log_and_do_not_hide_a_complaint() -> None:
    told: list[str] = []

    async def scenario() -> None:
        camera: Any = Camera()
        server = PlainServer(camera, 1200, told.append)
        forged: Any = ForgedHellos(MOST_VIEWERS + 1)
        server._socket = forged
        server._on_readable()
        assert server.viewers == 0, "each came and went"
        server._on_readable()

    asyncio.run(scenario())
    news = [line for line in told if "watches" in line or "is gone" in line]
    assert news[0] == "10.0.0.1:5000 watches. Viewers: 1."
    assert len(news) == 20
    assert [line for line in told if line not in news] == [
        f"More than {MOST_VIEWERS} want to watch: 10.0.2.1:5000 was not let in."
    ]

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from lanline.errors import AddressUnavailable
from lanline.server.healthport import HealthPort

LIMIT_S = 60.0


class House:
    """A port with what stands behind it."""

    def __init__(self) -> None:
        self.trouble = ""
        self.warning = ""
        self.port = HealthPort(self.problem, lambda: self.warning, lambda: {"links": 3, "messages_total": 41})
        self.number = 0

    async def problem(self) -> str:
        return self.trouble

    async def ask(self, request: str) -> tuple[str, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writer.write(request.encode("latin-1"))
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return head, body

    async def get(self, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[str, str]:
        head, body = await self.ask(f"{method} {path} HTTP/1.1\r\nHost: {host}:{self.number}\r\n\r\n")
        return head.partition("\r\n")[0].removeprefix("HTTP/1.1 "), body


def run(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def within() -> None:
        house = House()
        house.number = await house.port.open(0)
        try:
            async with asyncio.timeout(LIMIT_S):
                await scenario(house)
        finally:
            house.port.close()

    asyncio.run(within())


def test_health_says_what_is_wrong() -> None:
    async def scenario(house: House) -> None:
        assert await house.get("/health") == ("200 OK", "ok\n")
        house.trouble = "There is no room left."
        assert await house.get("/health") == ("503 Service Unavailable", "There is no room left.\n")
        assert await house.get("/health", "HEAD") == ("503 Service Unavailable", "")

    run(scenario)


def test_metrics_are_in_the_words_of_prometheus() -> None:
    async def scenario(house: House) -> None:
        status, body = await house.get("/metrics?name=x", host="localhost")
        assert status == "200 OK"
        assert "# TYPE lanline_links gauge\nlanline_links 3.0\n" in body
        assert "# TYPE lanline_messages_total counter\nlanline_messages_total 41.0\n" in body

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/", "localhost", "404 Not Found"),
        ("POST", "/health", "localhost", "405 Method Not Allowed"),
        ("GET", "/metrics", "chat.example.org", "421 Misdirected Request"),
    ],
)
def test_all_else_is_refused(method: str, path: str, host: str, status: str) -> None:
    async def scenario(house: House) -> None:
        assert (await house.get(path, method, host))[0] == status

    run(scenario)


def test_an_old_request_without_a_host_is_answered() -> None:
    async def scenario(house: House) -> None:
        head, _ = await house.ask("GET /health HTTP/1.0\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK")

    run(scenario)


@pytest.mark.parametrize("garbage", ["\0" * 20_000, "\r\n\r\n", "GET\r\n\r\n", "\xff\xfe\r\n\r\n"])
def test_garbage_hurts_nobody(garbage: str) -> None:
    async def scenario(house: House) -> None:
        with contextlib.suppress(ConnectionResetError):  # it hung up on the rest
            await house.ask(garbage)
        assert (await house.get("/health"))[0] == "200 OK"

    run(scenario)


def test_a_port_that_is_taken_is_told() -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(AddressUnavailable, match=f"TCP port {house.number} on 127.0.0.1 is taken"):
            await House().port.open(house.number)

    run(scenario)


def test_it_listens_on_loopback_alone() -> None:
    async def scenario(house: House) -> None:
        assert house.port._server is not None
        names = [sock.getsockname()[0] for sock in house.port._server.sockets]
        assert names == ["127.0.0.1"]

    run(scenario)


def test_what_soon_is_a_problem_is_said_and_the_server_is_well_all_the_same() -> None:
    async def scenario(house: House) -> None:
        house.warning = "The disk is nearly full."
        assert await house.get("/health") == ("200 OK", "ok\nThe disk is nearly full.\n")

    run(scenario)

"""A port on the loopback address for whoever watches the server: `/health` for a supervisor, `/metrics` for Prometheus.

So little of HTTP that no library is needed: one request a connection, two pages, no body taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from lanline.transport.addresses import port_unavailable
from lanline.transport.lanaddress import LOOPBACK

_REQUEST_LIMIT_BYTES = 8192
_REQUEST_LIMIT_S = 5.0
_PLAIN = "text/plain; charset=utf-8"
_OUR_NAMES = {"localhost", LOOPBACK}

Page = tuple[str, str, bytes]
"""Status, content type, body."""


class HealthPort:
    def __init__(
        self,
        problem: Callable[[], Awaitable[str]],
        warning: Callable[[], str],
        figures: Callable[[], Mapping[str, float]],
    ) -> None:
        """`problem` says what keeps the server from its work, `warning` what soon may; nothing when it is well."""
        self._problem = problem
        self._warning = warning
        self._figures = figures
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> int:
        """Raises AddressUnavailable."""
        try:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=_REQUEST_LIMIT_BYTES)
        except OSError as cause:
            raise port_unavailable("TCP", LOOPBACK, port, cause) from cause
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_LIMIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head.decode("latin-1")))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or asks for something else than a page
        finally:
            writer.close()

    async def _answer(self, head: str) -> bytes:
        request, *fields = head.split("\r\n")
        method, _, rest = request.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        status, kind, body = await self._page(method, path, _host(fields))
        lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
        return "\r\n".join((*lines, "", "")).encode() + (body if method != "HEAD" else b"")

    async def _page(self, method: str, path: str, host: str) -> Page:
        if method not in {"GET", "HEAD"}:
            return "405 Method Not Allowed", _PLAIN, b"This page is only read.\n"
        if host not in _OUR_NAMES:
            # A page in a browser on this machine may have a name that leads here.
            return "421 Misdirected Request", _PLAIN, b"Ask for 127.0.0.1 or localhost.\n"
        match path:
            case "/health":
                problem = await self._problem()
                if problem:
                    return "503 Service Unavailable", _PLAIN, f"{problem}\n".encode()
                warning = self._warning()
                return "200 OK", _PLAIN, f"ok\n{warning}\n".encode() if warning else b"ok\n"
            case "/metrics":
                from lanline.server import metrics  # noqa: PLC0415 -- a start need not wait for what may never be asked

                return "200 OK", metrics.CONTENT_TYPE, metrics.exposition(self._figures())
        return "404 Not Found", _PLAIN, b"There are /health and /metrics.\n"


def _host(fields: list[str]) -> str:
    for field in fields:
        name, _, value = field.partition(":")
        if name.strip().lower() == "host":
            return value.strip().lower().rpartition(":")[0] if ":" in value else value.strip().lower()
    return LOOPBACK  # HTTP/1.0 needs to name none

"""A thread with an event loop of its own, on which a test's servers run while the test does something else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self


class Stage:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def serve(self, protocol: Callable[[], asyncio.BaseProtocol], **options: Any) -> int:
        """The port on which the servers made by `protocol` listen."""

        async def start() -> asyncio.Server:
            return await self._loop.create_server(protocol, "127.0.0.1", 0, **options)

        return self._listening(self.call(start()))

    def serve_streams(
        self, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]], **options: Any
    ) -> int:
        async def start() -> asyncio.Server:
            return await asyncio.start_server(talk, "127.0.0.1", 0, **options)

        return self._listening(self.call(start()))

    def _listening(self, server: asyncio.Server) -> int:
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # one turn, in which transports that were aborted close

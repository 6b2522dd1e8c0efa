"""Who sees the packets of a call and can send, but holds none back: relays both ways, and forges or copies meanwhile.

The caller takes it for the server's address, which stands for a source that is forged.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from lanline.proto.link.preamble import CONNECTION_ID_BYTES
from serverhouse.ports import free_port

Address = tuple[str, int]
ClientId = bytes


class Onlooker:
    def __init__(
        self,
        server: Address,
        *,
        forged: Callable[[ClientId], list[bytes]] = lambda _: [],
        copies: bool = False,
        relays: bool = True,
    ) -> None:
        """`forged` goes to the caller before every true answer and at every packet of its. With `copies`, each sealed
        packet of the caller comes to the server first from another address; what is sent there goes to the caller.
        """
        self.forgeries = self.copied = self.lured = 0
        self._server, self._forged, self._copies, self._relays = server, forged, copies, relays
        self._caller: Address | None = None
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        self._front, self._back, self._elsewhere = self._sockets
        loop = asyncio.get_running_loop()
        for sock, read in zip(self._sockets, (self._on_front, self._on_back, self._on_lured), strict=True):
            sock.setblocking(False)
            # That of the front is free over TCP too, for a host that listens there.
            sock.bind(("127.0.0.1", free_port() if sock is self._front else 0))
            loop.add_reader(sock.fileno(), read)

    @property
    def address(self) -> Address:
        return self._front.getsockname()[:2]  # type: ignore[no-any-return]

    def _on_front(self) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data, caller = self._front.recvfrom(65_536)
                self._caller = caller[:2]
                self._forge(data)
                if self._copies and data[0] & 0x80:
                    self._elsewhere.sendto(data, self._server)
                    self.copied += 1
                if self._relays:
                    self._back.sendto(data, self._server)

    def _forge(self, data: bytes) -> None:
        if self._caller is None or data[0] & 0x80:
            return
        for packet in self._forged(data[6 : 6 + CONNECTION_ID_BYTES]):
            self._front.sendto(packet, self._caller)
            self.forgeries += 1

    def _on_back(self) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data = self._back.recv(65_536)
                self._forge(data)
                if self._caller is not None:
                    self._front.sendto(data, self._caller)

    def _on_lured(self) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data = self._elsewhere.recv(65_536)
                self.lured += 1
                if self._caller is not None:
                    self._front.sendto(data, self._caller)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.remove_reader(sock.fileno())
            sock.close()


async def copy_packets(
    server: Address, stop_after_s: float, tell_port: Callable[[int], None], begin: Callable[[], Awaitable[object]]
) -> dict[str, int]:
    """Relays for whoever calls at the port that is told, and copies each packet so that the copy comes first."""
    onlooker = Onlooker(server, copies=True)
    tell_port(onlooker.address[1])
    await begin()
    await asyncio.sleep(stop_after_s)
    onlooker.close()
    return {"copied_packets": onlooker.copied, "lured_packets": onlooker.lured}

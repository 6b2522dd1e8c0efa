"""Datagrams between hosts of one process: for a server that is embedded, and for tests that need no port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lanline.errors import AddressUnavailable
from lanline.transport.datagrams import Address


class MemoryNetwork:
    def __init__(self) -> None:
        self._sockets: dict[Address, MemorySocket] = {}

    def bind(self, address: Address) -> MemorySocket:
        if address in self._sockets:
            raise AddressUnavailable(f"Port {address[1]} on {address[0]} is taken by another host of this process.")
        sock = self._sockets[address] = MemorySocket(self, address)
        return sock

    def carry(self, source: Address, destination: Address, datagrams: list[bytes]) -> None:
        sock = self._sockets.get(destination)
        if sock is not None:
            sock.arrive(source, datagrams)

    def release(self, address: Address) -> None:
        self._sockets.pop(address, None)


class MemorySocket:
    def __init__(self, network: MemoryNetwork, address: Address) -> None:
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._arrived: list[tuple[bytes, Address]] = []
        self._on_readable: Callable[[], None] | None = None
        self.address = address
        self.forbids_fragmentation = True
        self.id_prefix = b""

    def start(self, on_readable: Callable[[], None]) -> None:
        self._on_readable = on_readable

    def arrive(self, source: Address, datagrams: list[bytes]) -> None:
        if not self._arrived:
            self._loop.call_soon(self._notify)
        self._arrived += [(datagram, source) for datagram in datagrams]

    def _notify(self) -> None:
        if self._on_readable is not None:
            self._on_readable()

    def receive(self) -> list[tuple[bytes, Address]]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def send(self, address: Address, datagrams: list[bytes]) -> None:
        self._network.carry(self.address, address, datagrams)

    def close(self) -> None:
        self._on_readable = None
        self._network.release(self.address)

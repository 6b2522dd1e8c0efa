"""ENet by pyenet: reliable packets on one channel. It does not encrypt.

Its host is serviced whenever its socket is readable and every millisecond, for its timers. What is sent in one turn of
the loop leaves together.
"""

from __future__ import annotations

import asyncio

import enet

from contenders import OnMessage, Place

TITLE = "ENet (pyenet), not encrypted"
CARRIER = "udp"
PARTS = ("latency", "bulk", "goodput")
DATAGRAM = "1400 B"
"""Its own default, which its binding offers no way to change."""

CHANNEL = 0
SERVICE_INTERVAL_S = 0.001


class EnetLink:
    def __init__(self, host: EnetHost, peer: enet.Peer) -> None:
        self._host = host
        self._peer = peer

    def send(self, message: bytes) -> None:
        if self._host.lost:
            raise ConnectionError("ENet gave the peer up")
        self._peer.send(CHANNEL, enet.Packet(message, enet.PACKET_FLAG_RELIABLE))
        self._host.flush_soon()

    async def drain(self) -> None:
        """Its send queue has no bound and no signal; the harness limits what is on its way."""
        if self._host.lost:
            raise ConnectionError("ENet gave the peer up")


class EnetHost:
    """One ENet host with at most one peer, driven by the event loop."""

    def __init__(self, address: enet.Address | None, on_message: OnMessage) -> None:
        self.host = enet.Host(address, 1, 1, 0, 0)
        self.connected = asyncio.Event()
        self.lost = False
        self._on_message = on_message
        self._link: EnetLink | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.host.socket.fileno(), self._service)
        self._leaving = False
        self._tick()

    def flush_soon(self) -> None:
        if not self._leaving:
            self._leaving = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._leaving = False
        self.host.flush()

    def _tick(self) -> None:
        self._service()
        self._loop.call_later(SERVICE_INTERVAL_S, self._tick)

    def _service(self) -> None:
        while (event := self.host.service(0)).type != enet.EVENT_TYPE_NONE:
            if event.type == enet.EVENT_TYPE_RECEIVE:
                assert self._link is not None, "ENet tells of a connection before its first packet"
                self._on_message(self._link, event.packet.data)
            elif event.type == enet.EVENT_TYPE_CONNECT:
                self._link = EnetLink(self, event.peer)
                self.connected.set()
            else:
                self.lost = True

    @property
    def link(self) -> EnetLink:
        assert self._link is not None, "wait for `connected` first"
        return self._link


async def listen(place: Place, on_message: OnMessage) -> object:
    return EnetHost(enet.Address(place.host.encode(), place.port), on_message)


async def connect(place: Place, on_message: OnMessage) -> EnetLink:
    host = EnetHost(None, on_message)
    host.host.connect(enet.Address(place.host.encode(), place.port), 1)
    await host.connected.wait()
    return host.link

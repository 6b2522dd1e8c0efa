"""Attackers of a video server, over real sockets: each runs for so long at such a rate, and counts what it got for it.

    attack(address, stop_after_s, bits_per_s) -> counts

They know the protocol and not the secret of the watch link, unless they are given it: then they are viewers that lie.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Self

from lanline.crypto.identity import Identity
from lanline.crypto.watchproof import watch_proof
from lanline.errors import LinkError, MalformedPacket
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.transport.connection import Connection
from lanline.transport.linkhost import LinkHost
from lanline.transport.udp import UdpSocket
from lanline.wire.video import KeyFrameWanted, Nack, Offer, Report, Subscribe, decode_answer, encode_video

Address = tuple[str, int]
Counts = Counter[str]
_HANDSHAKE_BYTES = 2500
_LARGE_BYTES = 100 * 1024
"""A viewer may send such a message, a stranger may not."""
_CROWD = 200
_UDP_HEADERS_BYTES = 28


def hold_links(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Calls for half of the time, and says nothing. How many links stand at the end, and why the others were closed."""

    async def attack(until: float) -> Counts:
        counts = Counts()
        async with _Caller() as caller:
            async for _ in _paced(until - stop_after_s / 2, _HANDSHAKE_BYTES * 8 / bits_per_s):
                await caller.call(address, counts)
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            counts["held"] = caller.open_links()
        return counts

    return _run(attack, stop_after_s)


def watch_uninvited(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Asks to watch without the secret, on each channel, again and again. Bytes of pictures, and offers with keys."""

    async def attack(until: float) -> Counts:
        counts = Counts()
        async with _Caller() as caller:
            async for number in _paced(until, _HANDSHAKE_BYTES * 8 / bits_per_s):
                connection = await caller.call(address, counts)
                if connection is None:
                    continue
                channel = (Channel.CHAT, Channel.CONTROL)[number % 2]
                with _closed_link_counted(counts):
                    connection.send_nowait(channel, encode_video(Subscribe(proof=bytes(32))))
                await asyncio.sleep(0.05)
                connection.close()
            await asyncio.sleep(0.1)
            counts["picture_bytes"] = caller.stream_bytes
        return counts

    return _run(attack, stop_after_s)


def fill_memory(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Sends the beginnings of large messages on all channels of one link. What the server took of them."""

    async def attack(until: float) -> Counts:
        counts = Counts()
        async with _Caller() as caller:
            connection = await caller.call(address, counts)
            if connection is None:
                return counts
            with _closed_link_counted(counts):
                for channel in (Channel.CHAT, Channel.CONTROL, Channel.BULK):
                    connection.send_nowait(channel, bytes(_LARGE_BYTES))
            outbox: Any = connection._link._outgoing.outbox  # type: ignore[attr-defined]  # how much was taken
            async for _ in _paced(until, 100_000 * 8 / bits_per_s):
                await asyncio.sleep(0.02)
                streams = [outbox.stream(channel) for channel in (Channel.CHAT, Channel.CONTROL, Channel.BULK)]
                taken = sum(stream.limit for stream in streams)
                counts["allowed_bytes"] = max(counts["allowed_bytes"], taken)
                if connection.closed is not None:
                    break
        return counts

    return _run(attack, stop_after_s)


def flood_requests(address: Address, stop_after_s: float, bits_per_s: float, *, secret: bytes) -> Counts:
    """A viewer that lies: everything is lost, always, and each request is made as often as the rate allows."""

    async def attack(until: float) -> Counts:
        counts = Counts()
        async with _Caller() as caller:
            connection = await caller.call(address, counts)
            if connection is None:
                return counts
            subscribe = encode_video(Subscribe(proof=watch_proof(secret, connection.binding)))
            connection.send_nowait(Channel.CHAT, subscribe)
            while not (offers := caller.offers):
                if time.monotonic() >= until:
                    return counts
                await asyncio.sleep(0.01)
            stream_id = offers[0].rungs[-1].stream_id
            async for number in _paced(until, 700 * 8 / bits_per_s):
                newest = caller.newest_number
                numbers = list(range(max(0, newest - 255), newest + 1))
                requests = [
                    (Channel.CHAT, subscribe),
                    (Channel.MEDIA, encode_video(Nack(stream_id, numbers))),
                    (Channel.MEDIA, encode_video(KeyFrameWanted(stream_id))),
                    (Channel.MEDIA, encode_video(Report(2**53, 2**53, 1, 1, 1, 0, -(2**53)))),
                ]
                with _closed_link_counted(counts):
                    connection.send_nowait(*requests[number % 4])
                    counts["requests"] += 1
            await asyncio.sleep(0.1)
            counts["offers"] = len(caller.offers)
            counts["picture_bytes"] = caller.stream_bytes
        return counts

    return _run(attack, stop_after_s)


def say_hello_once(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """The plain format: one hello, as if in somebody else's name. Bytes that came for it in the last half second."""
    counts = Counts()
    until = time.monotonic() + stop_after_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.sendto(b"hello", address)
        counts["sent_bytes"] = 5
        sock.settimeout(0.05)
        while (now := time.monotonic()) < until:
            try:
                size = len(sock.recv(65_536))
            except TimeoutError:
                continue
            counts["received_bytes"] += size
            if until - now < 0.5:
                counts["received_at_the_end_bytes"] += size
            if counts["received_bytes"] * 8 > bits_per_s * stop_after_s:
                break
    return counts


def hello_crowd(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """The plain format: hellos from ever other ports, as fast as the rate allows. What came back to them all."""
    counts = Counts()
    begun = time.monotonic()
    sockets: deque[socket.socket] = deque()
    try:
        while (now := time.monotonic()) < begun + stop_after_s:
            if counts["sent_bytes"] * 8 > bits_per_s * (now - begun):
                time.sleep(0.001)
                continue
            if len(sockets) >= _CROWD:
                sockets.popleft().close()
            sockets.append(sock := socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.sendto(b"hello", address)
                counts["sent_bytes"] += 5 + _UDP_HEADERS_BYTES
                counts["hellos"] += 1
                for each in sockets:
                    counts["received_bytes"] += len(each.recv(65_536))
    finally:
        for sock in sockets:
            sock.close()
    return counts


def _run(attack: Any, stop_after_s: float) -> Counts:
    work: Coroutine[Any, Any, Counts] = attack(time.monotonic() + stop_after_s)
    return asyncio.run(work)


async def _paced(until: float, every_s: float) -> AsyncIterator[int]:
    """Numbers from 0 on, no quicker than that, until the time is over; the loop has its turn in between."""
    begun = time.monotonic()
    number = 0
    while (now := time.monotonic()) < until:
        if begun + number * every_s <= now:
            yield number
            number += 1
            if number % 8:
                continue
        await asyncio.sleep(0.001)


class _closed_link_counted:  # noqa: N801 -- reads as what it does
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, LinkError):
            self._counts["not_sent"] += 1
            return True
        return False


class _Caller:
    """One socket, of as many links as are called, each with a key of its own maker."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self.offers: list[Offer] = []
        self.stream_bytes = 0
        self.newest_number = 0

    async def __aenter__(self) -> Self:
        self._host = LinkHost(await UdpSocket.bind("127.0.0.1", 0), Identity.generate())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._host.close()

    async def call(self, address: Address, counts: Counts) -> Connection | None:
        counts["called"] += 1
        try:
            async with asyncio.timeout(2.0):
                connection = await self._host.connect(address)
        except (LinkError, TimeoutError):
            counts["unanswered"] += 1
            return None
        self._connections.append(connection)

        def on_event(event: object) -> None:
            if isinstance(event, LinkClosed):
                counts[f"closed {event.code.name}"] += 1
            elif isinstance(event, MessageReceived):
                self._on_message(connection, event.payload)

        connection.set_handler(on_event)
        return connection

    def _on_message(self, connection: Connection, payload: bytes) -> None:
        try:
            answer = decode_answer(payload)
        except MalformedPacket:
            return
        if isinstance(answer, Offer):
            self.offers.append(answer)
            for stream in answer.rungs:
                connection.receive_stream(stream.stream_id, self._on_packet)

    def _on_packet(self, packet: bytes) -> None:
        self.stream_bytes += len(packet)
        self.newest_number = int.from_bytes(packet[8:16], "big")

    def open_links(self) -> int:
        return sum(connection.closed is None for connection in self._connections)

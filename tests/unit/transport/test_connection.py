"""What a session holds, over a link that only keeps account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lanline.errors import CloseCode, LinkError, LinkNotOpen, SendBufferFull
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.events import (
    LinkClosed,
    LinkEstablished,
    LinkEvent,
    MessageReceived,
    MessagesDelivered,
    PeerMoved,
    SendBufferDrained,
)
from lanline.transport.connection import Connection
from lanline.transport.driver import Driver
from unit.transport.standins import MessageLinkStandIn

ESTABLISHED = LinkEstablished(b"fingerprint", b"binding")
CLOSED = LinkClosed(CloseCode.DONE, "good night", by_peer=True)


class Bench:
    def __init__(self) -> None:
        self.link = MessageLinkStandIn()
        self.turns = 0
        self.connection = Connection(self.link, Driver(self.link, deliver=lambda: False, transmit=self.count))
        self.happens = self.connection.handle_event

    def count(self, _now: float) -> None:
        self.turns += 1


def run(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60.0):
            await scenario(Bench())

    asyncio.run(main())


def message(payload: bytes, channel: Channel = Channel.CHAT) -> MessageReceived:
    return MessageReceived(channel, payload)


def test_many_sends_make_one_turn() -> None:
    async def scenario(bench: Bench) -> None:
        assert bench.connection.send_nowait(Channel.CHAT, b"one") == 1
        assert bench.connection.send_framed_nowait(Channel.CHAT, b"framed", 5) == 5
        assert bench.turns == 0
        await asyncio.sleep(0)
        assert bench.turns == 1

    run(scenario)


def test_a_send_that_is_refused_asks_for_no_turn() -> None:
    async def scenario(bench: Bench) -> None:
        bench.link.is_full = True
        with pytest.raises(SendBufferFull):
            bench.connection.send_nowait(Channel.CHAT, b"no")
        await asyncio.sleep(0)
        assert bench.turns == 0

    run(scenario)


def test_trust_asks_for_a_turn_in_which_the_peer_hears_of_its_room() -> None:
    async def scenario(bench: Bench) -> None:
        bench.connection.trust()
        await asyncio.sleep(0)
        assert (bench.link.is_trusted, bench.turns) == (True, 1)

    run(scenario)


def test_events_wait_in_order_and_their_room_is_given_back_when_they_are_taken() -> None:
    async def scenario(bench: Bench) -> None:
        for event in (ESTABLISHED, message(b"one"), PeerMoved(("::1", 1)), message(b"three")):
            bench.happens(event)
        assert bench.link.released == []
        assert await bench.connection.receive() is ESTABLISHED
        assert await bench.connection.receive() == message(b"one")
        assert bench.link.released == [(Channel.CHAT, 3)]
        await asyncio.sleep(0)
        assert bench.turns == 1
        assert (bench.connection.peer_fingerprint, bench.connection.binding) == (b"fingerprint", b"binding")

    run(scenario)


def test_a_handler_is_given_what_waited_and_then_what_comes() -> None:
    async def scenario(bench: Bench) -> None:
        seen: list[LinkEvent] = []
        bench.happens(message(b"one"))
        bench.connection.set_handler(seen.append)
        bench.happens(message(b"two"))
        bench.happens(SendBufferDrained(Channel.CHAT))
        assert seen == [message(b"one"), message(b"two"), SendBufferDrained(Channel.CHAT)]
        assert bench.link.released == [(Channel.CHAT, 3)] * 2

    run(scenario)


def test_a_handler_that_fails_is_reported_and_room_is_given_back_all_the_same() -> None:
    async def scenario(bench: Bench) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        problem = RuntimeError("a bug")

        def fail(_event: LinkEvent) -> None:
            raise problem

        bench.connection.set_handler(fail)
        bench.happens(message(b"one"))
        bench.connection.introduce(lambda _connection, _address: fail(CLOSED), ("::1", 1))
        assert [context["exception"] for context in reported] == [problem, problem]
        assert bench.link.released == [(Channel.CHAT, 3)]

    run(scenario)


def test_a_session_that_never_reads_piles_up_neither_confirmations_nor_media() -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(1, 10_001):
            for channel in RELIABLE_CHANNELS:
                bench.happens(MessagesDelivered(channel, number))
                bench.happens(SendBufferDrained(channel))
        for _ in range(10_000):
            bench.happens(message(b"", Channel.MEDIA))
            bench.happens(message(bytes(1000), Channel.MEDIA))
        waiting = bench.connection._waiting
        assert waiting is not None
        assert len(waiting) < 1000
        assert sum(len(event.payload) for event in waiting if isinstance(event, MessageReceived)) <= 256 * 1024
        for channel in RELIABLE_CHANNELS:
            assert await bench.connection.receive() == MessagesDelivered(channel, 10_000)

    run(scenario)


def test_media_is_taken_in_again_when_somebody_reads() -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(2):
            for _ in range(1000):
                bench.happens(message(bytes(1000), Channel.MEDIA))
            kept = len(bench.connection._waiting or ())
            assert kept > 200
            for _ in range(kept):
                await bench.connection.receive()
        assert bench.connection._unread_media_bytes == 0

    run(scenario)


def test_all_who_wait_for_an_event_are_woken() -> None:
    async def scenario(bench: Bench) -> None:
        bench.link.is_full = True
        tasks = [
            asyncio.create_task(coroutine)
            for coroutine in (
                bench.connection.receive(),
                bench.connection.wait_writable(Channel.CHAT),
                bench.connection.wait_closed(),
            )
        ]
        cancelled = asyncio.create_task(bench.connection.receive())
        await asyncio.sleep(0)
        cancelled.cancel()
        bench.link.is_full = False
        bench.happens(SendBufferDrained(Channel.CHAT))
        await tasks[1]
        bench.happens(CLOSED)
        assert await tasks[0] is CLOSED
        assert await tasks[2] is CLOSED
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    run(scenario)


def test_after_the_end_there_is_nothing_to_wait_for() -> None:
    async def scenario(bench: Bench) -> None:
        bench.link.is_full = True
        writer = asyncio.create_task(bench.connection.wait_writable(Channel.CHAT))
        await asyncio.sleep(0)
        bench.happens(message(b"last words"))
        bench.happens(CLOSED)
        with pytest.raises(LinkNotOpen, match="good night"):
            await writer
        assert await bench.connection.receive() == message(b"last words")
        assert await bench.connection.receive() is CLOSED
        with pytest.raises(LinkNotOpen, match="good night"):
            await bench.connection.receive()
        assert await bench.connection.wait_closed() is CLOSED

    run(scenario)


def test_a_call_ends_established_or_with_the_reason() -> None:
    async def scenario(bench: Bench) -> None:
        bench.happens(ESTABLISHED)
        assert await bench.connection.wait_established() is bench.connection
        other = Bench()
        other.happens(CLOSED)
        with pytest.raises(LinkError, match="good night"):
            await other.connection.wait_established()

    run(scenario)


def test_a_caller_that_stops_waiting_hangs_up() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await bench.connection.wait_established()
        assert bench.link.closed == [(CloseCode.DONE, "")]
        assert bench.turns == 1

    run(scenario)

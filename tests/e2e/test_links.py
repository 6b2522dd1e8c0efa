"""What a session may rely on, whichever link it has: one suite for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from e2e.end import End
from e2e.wires import CALLER_IDENTITY, HOST_IDENTITY, KINDS, Wire, run
from lanline.errors import CloseCode, LinkError, LinkNotOpen, MessageTooLarge, SendBufferFull
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.events import (
    LinkClosed,
    LinkEstablished,
    LinkEvent,
    MessageReceived,
    MessagesDelivered,
    SendBufferDrained,
)
from lanline.proto.framing import frame_messages
from lanline.transport.connection import Connection

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_both_ends_know_the_other_one_and_share_a_binding(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        other, _ = await wire.link()
        assert caller.connection.peer_fingerprint == HOST_IDENTITY.fingerprint
        assert host.connection.peer_fingerprint == CALLER_IDENTITY.fingerprint
        assert len(caller.connection.binding) == 32
        assert caller.connection.binding == host.connection.binding != other.connection.binding
        assert isinstance(host.events[0], LinkEstablished)
        assert caller.events == []

    run(kind, scenario)


@every_kind
def test_messages_arrive_in_order_both_ways_and_are_reported_as_delivered(kind: str) -> None:
    payloads = [number.to_bytes(2, "big") * (number * 37 % 1900) for number in range(300)]

    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        for channel in RELIABLE_CHANNELS:
            for sender in (caller, host):
                numbers = [sender.connection.send_nowait(channel, payload) for payload in payloads]
                assert numbers == list(range(1, 301))
        for sender, receiver in ((caller, host), (host, caller)):
            for channel in RELIABLE_CHANNELS:
                await sender.wait_until(lambda end=sender, channel=channel: end.delivered[channel] == 300)
                await receiver.wait_until(lambda end=receiver, channel=channel: len(end.received[channel]) == 300)
                assert receiver.received[channel] == payloads
                told = [
                    event.through
                    for event in sender.events
                    if isinstance(event, MessagesDelivered) and event.channel is channel
                ]
                assert told == sorted(set(told))

    run(kind, scenario)


@every_kind
def test_a_batch_framed_once_goes_to_many(kind: str) -> None:
    payloads = [b"message %d" % number for number in range(100)]
    framed = frame_messages(payloads)

    async def scenario(wire: Wire) -> None:
        pairs = [await wire.link() for _ in range(3)]
        for _, host in pairs:
            host.connection.send_nowait(Channel.CHAT, b"first")
            assert host.connection.send_framed_nowait(Channel.CHAT, framed, len(payloads)) == 101
        for caller, host in pairs:
            await host.wait_until(lambda host=host: host.delivered[Channel.CHAT] == 101)
            assert caller.received[Channel.CHAT] == [b"first", *payloads]

    run(kind, scenario)


@every_kind
def test_a_batch_of_datagrams_goes_to_many(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        assert host.connection.send_framed_nowait(Channel.MEDIA, frame_messages([b"one", b"two"]), 2) == 0
        host.connection.send_nowait(Channel.CHAT, b"and now")
        await caller.wait_until(lambda: caller.received[Channel.CHAT])
        assert caller.received[Channel.MEDIA] == [b"one", b"two"]

    run(kind, scenario)


@every_kind
def test_an_empty_batch_is_no_message(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        assert caller.connection.send_framed_nowait(Channel.CHAT, b"", 0) == 0
        assert caller.connection.send_nowait(Channel.CHAT, b"") == 1
        await caller.wait_until(lambda: caller.delivered[Channel.CHAT] == 1)
        assert host.received[Channel.CHAT] == [b""]

    run(kind, scenario)


@every_kind
def test_ten_megabytes_in_one_message(kind: str) -> None:
    payload = bytes(range(250)) * 40_000

    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        caller.connection.send_nowait(Channel.CHAT, payload)
        await host.wait_until(lambda: host.received[Channel.CHAT])
        assert host.received[Channel.CHAT] == [payload]
        await caller.wait_until(lambda: caller.delivered[Channel.CHAT] == 1)

    run(kind, scenario)


@every_kind
def test_a_message_over_the_limit_is_refused_and_the_link_goes_on(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        with pytest.raises(MessageTooLarge, match="at most 5000 bytes; this one has 5001"):
            caller.connection.send_nowait(Channel.CHAT, bytes(5001))
        assert caller.connection.send_nowait(Channel.CHAT, bytes(5000)) == 1
        await host.wait_until(lambda: host.received[Channel.CHAT])

    run(kind, scenario, max_message_bytes=5000)


@every_kind
def test_datagrams_arrive_whole_up_to_the_size_that_the_link_names(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        for sender, receiver in (await wire.link(), tuple(reversed(await wire.link()))):
            most = sender.connection.largest_datagram_bytes
            assert most >= 1000
            assert sender.connection.is_writable(Channel.MEDIA)
            payloads = [b"", b"frame", bytes(most)]
            assert [sender.connection.send_nowait(Channel.MEDIA, payload) for payload in payloads] == [0, 0, 0]
            with pytest.raises(MessageTooLarge, match=f"at most {most} bytes"):
                sender.connection.send_nowait(Channel.MEDIA, bytes(most + 1))
            await receiver.wait_until(lambda end=receiver: len(end.received[Channel.MEDIA]) == 3)
            assert receiver.received[Channel.MEDIA] == payloads

    run(kind, scenario)


@every_kind
def test_a_writer_that_was_refused_waits_and_goes_on(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        payloads = [number.to_bytes(4, "big") * 2000 for number in range(300)]
        refused = 0
        for payload in payloads:
            try:
                caller.connection.send_nowait(Channel.BULK, payload)
            except SendBufferFull:
                refused += 1
                await caller.connection.wait_writable(Channel.BULK)
                caller.connection.send_nowait(Channel.BULK, payload)
        await host.wait_until(lambda: len(host.received[Channel.BULK]) == 300)
        assert host.received[Channel.BULK] == payloads
        assert 0 < caller.events.count(SendBufferDrained(Channel.BULK)) <= refused

    run(kind, scenario, send_buffer_bytes=100_000)


@every_kind
def test_room_is_not_reported_to_who_never_lacked_it(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, _ = await wire.link()
        caller.connection.send_nowait(Channel.BULK, bytes(500_000))
        await caller.wait_until(lambda: caller.delivered[Channel.BULK] == 1)
        assert SendBufferDrained(Channel.BULK) not in caller.events
        assert caller.connection.is_writable(Channel.BULK)

    run(kind, scenario, send_buffer_bytes=100_000)


@every_kind
def test_who_does_not_read_holds_up_its_own_sender_and_nobody_else(kind: str) -> None:
    window, buffer, size = 400_000, 300_000, 4000

    async def scenario(wire: Wire) -> None:
        wire.reads = False
        sender = End(await wire.call())
        lazy = (await wire.wait_accepted())[0]
        wire.reads = True
        other, other_host = await wire.link()

        sent, round_trips, refused_at = 0, 0, -1
        while round_trips - refused_at < 20:
            while sender.connection.is_writable(Channel.CHAT):
                sent += size
                assert sent <= window + buffer + 2 * size + 65_536, "the sender's memory has no bound"
                sender.connection.send_nowait(Channel.CHAT, sent.to_bytes(4, "big") * (size // 4))
                refused_at = round_trips
            other.connection.send_nowait(Channel.CHAT, b"are you there?")
            round_trips += 1
            await other.wait_until(lambda count=round_trips: other.delivered[Channel.CHAT] == count)
        assert len(other_host.received[Channel.CHAT]) == round_trips

        reader = End(lazy)
        await sender.connection.wait_writable(Channel.CHAT)
        await reader.wait_until(lambda: len(reader.received[Channel.CHAT]) * size == sent)
        assert [int.from_bytes(each[:4], "big") for each in reader.received[Channel.CHAT]] == list(
            range(size, sent + 1, size)
        )

    run(kind, scenario, receive_window_bytes=window, send_buffer_bytes=buffer)


@every_kind
def test_empty_messages_that_nobody_reads_do_not_pile_up_without_end(kind: str) -> None:
    window = 300_000
    batch = frame_messages([b""] * 5000)

    async def scenario(wire: Wire) -> None:
        other, _ = await wire.link()
        wire.reads = False
        flooder = End(await wire.call())
        lazy = (await wire.wait_accepted(2))[1]
        for _ in range(30):
            if flooder.connection.is_writable(Channel.CHAT):
                flooder.connection.send_framed_nowait(Channel.CHAT, batch, 5000)
            number = other.connection.send_nowait(Channel.CHAT, b"meanwhile")
            await other.wait_until(lambda count=number: other.delivered[Channel.CHAT] == count)
        assert lazy._waiting is not None
        assert len(lazy._waiting) <= (window + 65_536) // 4

    run(kind, scenario, receive_window_bytes=window, send_buffer_bytes=100_000)


@every_kind
@pytest.mark.parametrize("leaver_is_caller", [True, False])
def test_a_goodbye_arrives_with_its_code_and_reason(kind: str, leaver_is_caller: bool) -> None:
    async def scenario(wire: Wire) -> None:
        ends = await wire.link()
        leaver, other = ends if leaver_is_caller else ends[::-1]
        leaver.connection.send_nowait(Channel.CHAT, b"before")
        await leaver.wait_until(lambda: leaver.delivered[Channel.CHAT] == 1)
        leaver.connection.close(CloseCode.GOING_AWAY, "Zu Mittag zurück.")
        assert leaver.closed == LinkClosed(CloseCode.GOING_AWAY, "Zu Mittag zurück.", by_peer=False)
        await other.wait_until(lambda: other.closed)
        assert other.closed == LinkClosed(CloseCode.GOING_AWAY, "Zu Mittag zurück.", by_peer=True)
        assert other.received[Channel.CHAT] == [b"before"]
        for end in ends:
            assert await end.connection.wait_closed() is end.closed
            assert [event for event in end.events if isinstance(event, LinkClosed)] == [end.events[-1]]

    run(kind, scenario)


@every_kind
def test_a_long_reason_is_cut(kind: str) -> None:
    reason = "ä" * 500

    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        caller.connection.close(CloseCode.DONE, reason)
        await host.wait_until(lambda: host.closed)
        assert host.closed is not None
        assert reason.startswith(host.closed.reason)
        assert len(host.closed.reason) >= 50

    run(kind, scenario)


@every_kind
def test_a_link_that_is_closed_refuses_every_use(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        waiting = asyncio.create_task(_wait_writable_when_full(caller))
        await asyncio.sleep(0)
        caller.connection.close()
        await host.wait_until(lambda: host.closed)
        with pytest.raises(LinkNotOpen):
            await waiting
        for end in (caller, host):
            connection = end.connection
            for channel in Channel:
                assert not connection.is_writable(channel)
                with pytest.raises(LinkNotOpen):
                    connection.send_nowait(channel, b"late")
                with pytest.raises(LinkNotOpen):
                    connection.send_framed_nowait(channel, frame_messages([b"late"]), 1)
                with pytest.raises(LinkNotOpen):
                    await connection.wait_writable(channel)
            with pytest.raises(LinkNotOpen):
                await connection.receive()
            connection.close(CloseCode.BUSY, "again")
            assert end.closed is not None
            assert end.closed.code is CloseCode.DONE

    run(kind, scenario)


async def _wait_writable_when_full(end: End) -> None:
    while end.connection.is_writable(Channel.BULK):
        end.connection.send_nowait(Channel.BULK, bytes(1_000_000))
    await end.connection.wait_writable(Channel.BULK)


@every_kind
def test_another_key_than_the_expected_one_is_an_error(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        with pytest.raises(LinkError, match="The other side has another key than the one that is known"):
            await wire.call(expected_fingerprint=CALLER_IDENTITY.fingerprint)
        connection = await wire.call(expected_fingerprint=HOST_IDENTITY.fingerprint)
        assert connection.peer_fingerprint == HOST_IDENTITY.fingerprint

    run(kind, scenario)


@every_kind
def test_nobody_there_is_an_error_in_good_time(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        for _ in range(10):
            began = time.monotonic()
            with pytest.raises(LinkError, match=r"(Nobody|Nothing) answers at"):
                await wire.call(wire.nobody)
            if time.monotonic() - began < 0.3 + 1.0:
                return
        pytest.fail("each time it took longer, which is more than a busy machine")

    run(kind, scenario, handshake_timeout_s=0.3)


async def _let_in(wire: Wire) -> Connection:
    """As a client does whose handshake took seconds, on a busy machine, and gave way to that of another."""
    for _ in range(20):
        with contextlib.suppress(LinkError):
            return await wire.call()
    return await wire.call()


@every_kind
def test_two_hundred_callers_at_once(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        callers = [End(connection) for connection in await asyncio.gather(*(_let_in(wire) for _ in range(200)))]
        await wire.wait_accepted(200)
        assert len({end.connection.binding for end in callers}) == 200
        for number, caller in enumerate(callers):
            caller.connection.send_nowait(Channel.CHAT, b"%d" % number)
        for caller in callers:
            await caller.wait_until(lambda caller=caller: caller.delivered[Channel.CHAT] == 1)
        assert sorted(int(end.received[Channel.CHAT][0]) for end in wire.ends) == list(range(200))

    run(kind, scenario, handshake_timeout_s=120.0)


@every_kind
def test_an_answer_given_in_a_handler_leaves_in_the_same_turn(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        caller, host = await wire.link()
        log: list[str] = []
        driver = host.connection._driver
        transmit = driver._transmit

        def transmit_and_log(now: float) -> None:
            transmit(now)
            log.append("transmitted")

        def answer(event: LinkEvent) -> None:
            if isinstance(event, MessageReceived):
                host.connection.send_nowait(Channel.CHAT, b"answer")
                asyncio.get_running_loop().call_soon(log.append, "next turn")
                log.append("answered")

        driver._transmit = transmit_and_log
        host.connection.set_handler(answer)
        caller.connection.send_nowait(Channel.CHAT, b"question")
        await caller.wait_until(lambda: caller.received[Channel.CHAT])
        at = log.index("answered")
        assert log[at : at + 2] == ["answered", "transmitted"]
        await caller.wait_until(lambda: "next turn" in log)
        assert log.index("next turn") > at + 1

    run(kind, scenario)


@every_kind
def test_a_session_that_fails_in_a_handler_hurts_no_other_link(kind: str) -> None:
    async def scenario(wire: Wire) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        caller, host = await wire.link()
        other, other_host = await wire.link()
        problem = ValueError("a bug")

        def fail(_event: LinkEvent) -> None:
            raise problem

        host.connection.set_handler(fail)
        caller.connection.send_nowait(Channel.CHAT, b"trigger")
        await caller.wait_until(lambda: caller.delivered[Channel.CHAT] == 1)
        other.connection.send_nowait(Channel.CHAT, b"still there?")
        await other_host.wait_until(lambda: other_host.received[Channel.CHAT])
        caller.connection.send_nowait(Channel.CHAT, b"and you?")
        await caller.wait_until(lambda: caller.delivered[Channel.CHAT] == 2)
        assert {context["exception"] for context in reported} == {problem}

    run(kind, scenario)

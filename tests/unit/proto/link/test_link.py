"""One established link: its messages, and what limits them."""

from __future__ import annotations

import random
import tracemalloc
from types import SimpleNamespace

import pytest

from lanline.errors import CloseCode, LinkNotOpen, MessageTooLarge, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, MessagesDelivered, SendBufferDrained
from lanline.proto.framing import frame_messages
from lanline.proto.link.frames import encode_stream
from lanline.proto.link.link import LinkState
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import (
    BULK,
    CHAT,
    CLIENT,
    CONTROL,
    MEDIA,
    TICKS_S,
    Pair,
    drop_all,
    drop_next,
    lose,
    numbered,
    pass_all,
    seal,
)

# Messages.


def test_messages_arrive_once_and_in_order_on_every_reliable_channel_despite_loss() -> None:
    for seed in range(3):
        pair = Pair()
        client, server = pair.establish()
        pair.client.script, pair.server.script = lose(0.2, seed), lose(0.2, seed + 100)
        for message in numbered(200):
            for channel in (CONTROL, CHAT, BULK):
                client.send_message(channel, message)
                server.send_message(channel, message)
            pair.run_for(0.003)
        pair.run_until(lambda c=client, s=server: c.is_all_delivered and s.is_all_delivered, 60.0)  # type: ignore[misc]
        for channel in (CONTROL, CHAT, BULK):
            assert pair.server.messages(channel) == numbered(200)
            assert pair.client.messages(channel) == numbered(200)
            assert pair.client.delivered(channel) == pair.server.delivered(channel) == 200


def test_duplicated_and_reordered_packets_deliver_once_and_in_order() -> None:
    pair = Pair()
    client, _ = pair.establish()
    luck = random.Random(5)
    for host in pair.hosts:
        host.script = lambda _, data: [(luck.random() * 0.1, data) for _ in range(1 + luck.randrange(3))]
    for message in numbered(300):
        client.send_message(CHAT, message)
        pair.run_for(0.002)
    pair.run_until(lambda: client.is_all_delivered)
    assert pair.server.messages() == numbered(300)


def test_delivered_is_reported_only_for_what_arrived() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = drop_all
    client.send_message(CHAT, b"lost")
    pair.run_for(5.0)
    assert not pair.client.of(MessagesDelivered)
    pair.client.script = pass_all
    pair.run_until(lambda: pair.client.delivered() == 1, 5.0)
    assert pair.server.messages() == [b"lost"]


def test_empty_message_is_a_message() -> None:
    pair = Pair()
    client, _ = pair.establish()
    assert client.send_message(CHAT, b"") == 1
    pair.run_until(lambda: pair.client.delivered() == 1)
    assert pair.server.messages() == [b""]


def test_batch_framed_once_counts_as_its_messages() -> None:
    pair = Pair()
    client, _ = pair.establish()
    before = len(pair.client.sent)
    assert client.send_framed(CHAT, frame_messages(numbered(40)), 40) == 40
    pair.drain_all()
    assert len(pair.client.sent) - before == 1
    pair.run_until(lambda: pair.client.delivered() == 40)
    assert pair.server.messages() == numbered(40)


def test_what_one_turn_says_leaves_in_one_datagram() -> None:
    pair = Pair()
    client, _ = pair.establish()
    before = len(pair.client.sent)
    for message in numbered(20):
        client.send_message(CHAT, message)
    client.send_message(CONTROL, b"first")
    pair.drain_all()
    assert len(pair.client.sent) - before == 1


def test_message_of_16_mebibytes_arrives_and_one_byte_more_is_refused() -> None:
    pair = Pair()
    client, _ = pair.establish()
    most = LinkProfile().max_message_bytes
    with pytest.raises(MessageTooLarge, match=f"at most {most} bytes; this one has {most + 1}"):
        client.send_message(BULK, bytes(most + 1))
    message = random.Random(1).randbytes(most)
    client.send_message(BULK, message)
    pair.run_until(lambda: client.is_all_delivered)
    assert pair.server.messages(BULK) == [message]


def test_messages_given_before_the_handshake_wait_for_it() -> None:
    pair = Pair()
    link = pair.connect()
    link.send_message(CHAT, b"early")
    pair.run_until(lambda: pair.server.messages() == [b"early"])


def test_nothing_may_be_sent_after_the_close() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.close(client)
    for _ in range(2):
        with pytest.raises(LinkNotOpen):
            client.send_message(CHAT, b"late")
        with pytest.raises(LinkNotOpen):
            client.send_framed(CHAT, b"", 0)
        assert not client.is_writable(CHAT)
        pair.run_for(5.0)
    assert client.state is LinkState.CLOSED


# Limits.


def test_full_send_buffer_refuses_and_says_when_there_is_room_again() -> None:
    pair = Pair(LinkProfile(send_buffer_bytes=100_000))
    client, _ = pair.establish()
    for _ in range(10):
        client.send_message(CHAT, bytes(10_000))
    with pytest.raises(SendBufferFull):
        client.send_message(CHAT, bytes(10_000))
    assert client.is_writable(BULK)
    assert not pair.client.of(SendBufferDrained)
    pair.run_until(lambda: pair.client.of(SendBufferDrained) == [SendBufferDrained(CHAT)])
    client.send_message(CHAT, bytes(10_000))
    pair.run_until(lambda: pair.client.delivered() == 11)


def test_refused_message_takes_no_number() -> None:
    pair = Pair(LinkProfile(send_buffer_bytes=1000))
    client, _ = pair.establish()
    assert client.send_message(CHAT, bytes(1000)) == 1
    with pytest.raises(SendBufferFull):
        client.send_message(CHAT, bytes(900))
    pair.run_until(lambda: client.is_all_delivered)
    assert client.send_message(CHAT, bytes(900)) == 2


def test_receiver_that_does_not_release_stops_the_sender_at_the_window() -> None:
    window = LinkProfile().receive_window_bytes
    pair = Pair(LinkProfile(send_buffer_bytes=4 * window))
    client, server = pair.establish()
    pair.server.releases = False
    for _ in range(300):
        client.send_message(CHAT, bytes(10_000))
    pair.run_for(20.0)
    held = sum(map(len, pair.server.messages()))
    assert window - 20_000 <= held <= window + 10_000
    # A full window is no silence: the link goes on, and other channels too.
    client.send_message(CONTROL, b"still here")
    pair.run_for(100.0)
    assert pair.server.messages(CONTROL) == [b"still here"]
    assert client.state is LinkState.ESTABLISHED
    server.release(CHAT, held)
    pair.server.releases = True
    pair.run_until(lambda: pair.client.delivered() == 300)


def test_lost_permission_to_send_more_is_repeated() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.server.releases = False
    for _ in range(200):
        client.send_message(CHAT, bytes(10_000))
    pair.run_for(10.0)
    drop_next(pair.server, 1, 2)
    server.release(CHAT, sum(map(len, pair.server.messages())))
    pair.server.releases = True
    pair.run_until(lambda: pair.client.delivered() == 200, 10.0)


def test_memory_for_a_peer_that_sends_around_a_gap_is_bounded() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.send_message(CHAT, b"x")
    pair.run_for(1.0)
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        for offset in range(10, 240_000, 2):
            server.receive_sealed(seal(client, encode_stream(CHAT, offset, b"y")), CLIENT, pair.now)
        assert tracemalloc.get_traced_memory()[0] - start < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert server.state is LinkState.CLOSING


def test_overlapping_shreds_are_refused() -> None:
    pair = Pair()
    client, _ = pair.establish()
    for offset in range(200_000, 1, -100):
        pair.inject(seal(client, encode_stream(CHAT, offset, bytes(1100))), CLIENT, pair.server)
    pair.run_for(0.1)
    assert pair.server.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert "shreds" in pair.server.closed.reason


def test_datagram_that_does_not_fit_is_refused_with_both_sizes() -> None:
    pair = Pair()
    client, _ = pair.establish()
    most = client.largest_datagram_bytes
    with pytest.raises(MessageTooLarge, match=f"at most {most} bytes on this path; this one has {most + 1}"):
        client.send_message(MEDIA, bytes(most + 1))
    before = len(pair.client.sent)
    client.send_message(MEDIA, bytes(most))
    pair.run_for(0.1)
    assert pair.server.messages(MEDIA) == [bytes(most)]
    assert len(pair.client.sent[before][1]) == LinkProfile().mtu_bytes


def test_unreliable_channel_drops_the_oldest_when_it_is_behind() -> None:
    pair = Pair(LinkProfile(datagram_buffer_bytes=10_000))
    client, _ = pair.establish()
    frames_of_video = numbered(100, 500)
    for each in frames_of_video:
        client.send_message(MEDIA, each)
    pair.run_for(2.0)
    arrived = pair.server.messages(MEDIA)
    assert arrived == frames_of_video[-len(arrived) :]
    assert 15 <= len(arrived) <= 20


def test_lost_datagram_is_not_sent_again_and_a_lost_message_beside_it_is() -> None:
    pair = Pair()
    client, _ = pair.establish()
    drop_next(pair.client, 1)
    client.send_message(MEDIA, b"frame")
    client.send_message(CHAT, b"word")
    pair.run_for(3.0)
    assert pair.server.messages() == [b"word"]
    assert not pair.server.messages(MEDIA)


def test_datagram_twice_on_the_way_arrives_once() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data), (0.02, data)]
    client.send_message(MEDIA, b"frame")
    pair.run_for(1.0)
    assert pair.server.messages(MEDIA) == [b"frame"]


def test_acknowledgement_goes_along_with_the_first_packet_of_many() -> None:
    pair = Pair(LinkProfile(most_mtu_bytes=1200))
    client, _ = pair.establish()
    client.send_message(BULK, bytes(40_000))
    pair.run_for(1.0)
    runs: list[int] = []
    seal_run = client._outgoing._sealer.seal_run  # type: ignore[union-attr]

    def watch(head: bytes, number: int, payloads: list[bytes]) -> list[bytes]:
        runs.append(len(payloads))
        return seal_run(head, number, payloads)

    client._outgoing._sealer = SimpleNamespace(seal=client._outgoing._sealer.seal, seal_run=watch)  # type: ignore[union-attr, assignment]
    received = client._outgoing._received
    # As if the last packet had come once more, and were to be acknowledged again.
    received.record(received.largest, pair.now, 100, ack_eliciting=True)
    client.send_message(BULK, bytes(40_000))
    before = len(pair.client.sent)
    pair.drain_all()
    assert not received.waiting
    assert 1 <= runs[0] < len(pair.client.sent) - before


# Priorities.


def test_chat_waits_for_at_most_one_packet_of_bulk() -> None:
    pair = Pair(LinkProfile(most_mtu_bytes=16_332))  # found by then: the next packet is no probe for a larger one
    client, _ = pair.establish()
    client.send_message(BULK, bytes(16_000_000))
    pair.run_for(0.1)
    for number in range(10):
        before = len(pair.client.sent)
        client.send_message(CHAT, b"word")
        stream = client._outgoing.outbox.stream(CHAT)
        pair.run_until(lambda count=before: len(pair.client.sent) > count)  # type: ignore[misc]
        # The very next packet had it.
        assert stream._sent_to == 8 * (number + 1)
    assert not client._outgoing.outbox.stream(BULK).is_idle


def test_blocked_bulk_does_not_block_chat() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.releases = False
    client.send_message(BULK, bytes(2_000_000))
    client.send_message(BULK, bytes(2_000_000))
    pair.run_for(10.0)
    for message in numbered(50):
        client.send_message(CHAT, message)
    pair.run_for(1.0)
    assert pair.server.messages() == numbered(50)


# Stop and wait.


def test_stop_and_wait_has_one_packet_in_flight() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    before = len(pair.client.sent)
    client.send_message(CHAT, bytes(50_000))
    most = 0

    def is_done() -> bool:
        nonlocal most
        most = max(most, len(client._outgoing.recovery.in_flight))
        return client.is_all_delivered

    pair.run_until(is_done)
    assert most == 1
    assert len(pair.client.sent) - before == pytest.approx(50_000 / 1150, abs=3)


def test_fixed_window_holds_for_probes_of_larger_datagrams_too() -> None:
    pair = Pair(LinkProfile(window_packets=1))
    client, _ = pair.establish()
    client.send_message(CHAT, bytes(50_000))

    def is_done() -> bool:
        assert len(client._outgoing.recovery.in_flight) <= 1
        return client.is_all_delivered

    pair.run_until(is_done)


def test_stop_and_wait_tries_five_times_and_fails_after_two_and_a_half_seconds() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    pair.client.script = drop_all
    before, start = len(pair.client.sent), pair.now
    client.send_message(CHAT, b"anybody?")
    pair.run_for(10.0)
    tries = [time - start for time, _ in pair.client.sent[before:]]
    assert tries == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0], abs=TICKS_S)
    assert pair.client.closed.code is CloseCode.UNREACHABLE
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(2.5, abs=TICKS_S)


def test_stop_and_wait_fails_on_time_with_a_large_message_too() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    pair.client.script = drop_all
    before, start = len(pair.client.sent), pair.now
    client.send_message(CHAT, bytes(5000))
    pair.run_for(10.0)
    assert [time - start for time, _ in pair.client.sent[before:]] == pytest.approx(
        [0.0, 0.5, 1.0, 1.5, 2.0], abs=TICKS_S
    )
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(2.5, abs=TICKS_S)


def test_stop_and_wait_fourth_repeat_that_arrives_saves_the_link() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    drop_next(pair.client, 1, 2, 3, 4)
    client.send_message(CHAT, b"one")
    client.send_message(CHAT, b"two")
    pair.run_for(10.0)
    assert pair.server.messages() == [b"one", b"two"]
    assert client.state is LinkState.ESTABLISHED


def test_stop_and_wait_lost_acknowledgement_delivers_once() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    drop_next(pair.server, 1)
    start = pair.now
    client.send_message(CHAT, b"one")
    pair.run_until(lambda: pair.client.delivered() == 1, 3.0)
    assert pair.now - start == pytest.approx(0.52, abs=TICKS_S)
    assert pair.server.messages() == [b"one"]


# Strangers.

_CAREFUL = LinkProfile(stranger_window_bytes=16_384)


def test_a_stranger_may_say_little() -> None:
    pair = Pair(LinkProfile(), server_profile=_CAREFUL)
    client, server = pair.establish()
    client.send_message(CHAT, b"small")
    pair.run_for(5.0)
    client.send_message(CHAT, bytes(16_385))
    pair.run_for(5.0)
    assert pair.server.messages() == [b"small"]
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert server.state is not LinkState.ESTABLISHED


@pytest.mark.parametrize("channel", [BULK, CONTROL])
def test_a_stranger_is_sent_off_at_the_first_byte_on_another_channel(channel: Channel) -> None:
    pair = Pair(LinkProfile(), server_profile=_CAREFUL)
    client, _ = pair.establish()
    client.send_framed(channel, b"\0\0\0\7half", 1)
    pair.run_for(5.0)
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION


def test_who_is_trusted_later_may_send_as_much_as_anybody() -> None:
    pair = Pair(LinkProfile(), server_profile=_CAREFUL)
    client, server = pair.establish()
    client.send_message(CHAT, b"it is me")
    pair.run_for(5.0)
    server.trust()
    for channel in (CHAT, BULK, CONTROL):
        client.send_message(channel, bytes(3_000_000))
    pair.run_for(5.0)
    assert pair.server.messages()[1:] == [bytes(3_000_000)]
    assert pair.server.messages(BULK) == pair.server.messages(CONTROL) == [bytes(3_000_000)]

"""One established link: messages, limits, silence, moves, damage, and the end."""

from __future__ import annotations

import random
import tracemalloc

import pytest

import lanline.crypto.sealing
from lanline.errors import CloseCode, LinkNotOpen, MessageTooLarge, SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.events import LinkClosed, LinkEstablished, MessagesDelivered, PeerMoved, SendBufferDrained
from lanline.proto.framing import frame_messages
from lanline.proto.link.frames import PING, encode_ack, encode_close, encode_max_data, encode_stream
from lanline.proto.link.link import Link, LinkState
from lanline.proto.link.profile import LinkProfile
from unit.proto.link.pair import CLIENT, MOVED, SERVER, STRANGER, Host, Pair, drop, drop_all, lose, pass_all

_TICKS_S = 0.012
"""Timers of an endpoint ring together, each a little late."""

CHAT, BULK, MEDIA, CONTROL = Channel.CHAT, Channel.BULK, Channel.MEDIA, Channel.CONTROL


def seal(link: Link, payload: bytes) -> bytes:
    """A packet as this end would send it, with whatever in it."""
    return link._outgoing._seal(payload)


def numbered(count: int, size: int = 20) -> list[bytes]:
    return [number.to_bytes(4, "big").ljust(size, b".") for number in range(count)]


def drop_next(host: Host, *ahead: int) -> None:
    host.script = drop(*(len(host.sent) + each for each in ahead))


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


# Priorities.


def test_chat_waits_for_at_most_one_packet_of_bulk() -> None:
    pair = Pair()
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
    assert tries == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0], abs=_TICKS_S)
    assert pair.client.closed.code is CloseCode.UNREACHABLE
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(2.5, abs=_TICKS_S)


def test_stop_and_wait_fails_on_time_with_a_large_message_too() -> None:
    pair = Pair(LinkProfile.stop_and_wait())
    client, _ = pair.establish()
    pair.client.script = drop_all
    before, start = len(pair.client.sent), pair.now
    client.send_message(CHAT, bytes(5000))
    pair.run_for(10.0)
    assert [time - start for time, _ in pair.client.sent[before:]] == pytest.approx(
        [0.0, 0.5, 1.0, 1.5, 2.0], abs=_TICKS_S
    )
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(2.5, abs=_TICKS_S)


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
    assert pair.now - start == pytest.approx(0.52, abs=_TICKS_S)
    assert pair.server.messages() == [b"one"]


# Silence.


def test_idle_link_costs_almost_no_packets_and_lives() -> None:
    pair = Pair()
    client, server = pair.establish()
    before = len(pair.client.sent) + len(pair.server.sent)
    pair.run_for(10_000.0)
    assert client.state is server.state is LinkState.ESTABLISHED
    # One ping and one answer from somebody each 15 seconds.
    assert len(pair.client.sent) + len(pair.server.sent) - before <= 2 * 10_000 / 15 + 2
    client.send_message(CHAT, b"awake")
    pair.run_until(lambda: pair.server.messages() == [b"awake"], 1.0)


def test_peer_that_vanished_is_noticed_by_an_idle_link() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = pair.server.script = drop_all
    start = pair.now
    pair.run_for(200.0)
    for host in pair.hosts:
        assert host.closed.code is CloseCode.UNREACHABLE
        assert 25.0 < host.time_of(LinkClosed) - start <= 18.0 + 30.0 + 0.2
    assert client.state is server.state is LinkState.CLOSED
    assert not pair.client.endpoint.links


def test_peer_that_vanished_is_noticed_thirty_seconds_after_something_was_sent() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.script = drop_all
    start = pair.now
    client.send_message(CHAT, b"?")
    pair.run_for(100.0)
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(30.0, abs=0.1)
    assert pair.client.delivered() == 0


def test_steady_writing_does_not_hide_that_nobody_answers() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.server.script = drop_all
    start = pair.now
    for _ in range(40):
        if client.state is LinkState.ESTABLISHED:
            client.send_message(CHAT, b"?")
        pair.run_for(1.0)
    assert pair.client.time_of(LinkClosed) - start == pytest.approx(30.0, abs=1.0)


def test_link_survives_a_partition_that_is_shorter_than_its_patience() -> None:
    pair = Pair()
    client, _ = pair.establish()
    client.send_message(CHAT, b"before")
    pair.client.script = pair.server.script = drop_all
    pair.run_for(1.0)
    client.send_message(CHAT, b"during")
    pair.run_for(25.0)
    pair.client.script = pair.server.script = pass_all
    pair.run_until(lambda: pair.server.messages() == [b"before", b"during"], 3.0)


def test_silent_peer_is_probed_ever_more_slowly() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = drop_all
    before = len(pair.client.sent)
    client.send_message(CHAT, b"?")
    pair.run_for(29.0)
    assert len(pair.client.sent) - before < 60


def test_timers_do_not_pile_up() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = lose(0.1, 1)
    most = 0
    for number in range(2000):
        (client if number % 3 else server).send_message(CHAT, b"tick")
        pair.run_for(0.007)
        most = max(most, len(pair.client.endpoint._timers), len(pair.server.endpoint._timers))
    assert most <= 12


# The end.


def test_close_tells_the_peer_code_and_reason() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.close(CloseCode.GOING_AWAY, "good night — até logo", pair.now)
    pair.run_for(5.0)
    assert pair.client.closed == LinkClosed(CloseCode.GOING_AWAY, "good night — até logo", by_peer=False)
    assert pair.server.closed == LinkClosed(CloseCode.GOING_AWAY, "good night — até logo", by_peer=True)
    assert client.state is server.state is LinkState.CLOSED
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links


def test_close_twice_is_one_close() -> None:
    pair = Pair()
    client, _ = pair.establish()
    for _ in range(3):
        pair.close(client)
    pair.run_for(3.0)
    pair.close(client)
    pair.drain_all()
    assert len(pair.client.of(LinkClosed)) == len(pair.server.of(LinkClosed)) == 1


def test_lost_close_is_said_again_to_a_peer_that_still_speaks() -> None:
    pair = Pair()
    client, server = pair.establish()
    drop_next(pair.client, 1)
    pair.close(client)
    pair.drain_all()
    server.send_message(CHAT, b"are you there?")
    pair.run_for(1.0)
    assert pair.server.closed.by_peer
    assert pair.server.closed.code is CloseCode.DONE


def test_lost_close_is_told_by_a_reset_once_the_link_is_forgotten() -> None:
    pair = Pair()
    client, server = pair.establish()
    drop_next(pair.client, 1)
    pair.close(client)
    pair.run_for(5.0)
    assert not pair.client.endpoint.links
    assert server.state is LinkState.ESTABLISHED
    server.send_message(CHAT, b"are you there?")
    pair.run_for(1.0)
    assert pair.server.closed.code is CloseCode.RESET


def test_long_reason_is_cut_and_still_fits() -> None:
    pair = Pair(LinkProfile(mtu_bytes=548))
    client, _ = pair.establish()
    client.close(CloseCode.DONE, "€" * 10_000, pair.now)
    pair.run_for(1.0)
    assert pair.server.closed.reason.startswith("€" * 80)
    assert all(len(data) <= 548 for _, data in pair.client.sent)


def test_unknown_close_code_is_taken_for_a_reset() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.inject(seal(client, encode_close(60_000, "new")), CLIENT, pair.server)
    assert pair.server.closed == LinkClosed(CloseCode.RESET, "new", by_peer=True)


def test_both_close_at_the_same_moment() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.close(client)
    pair.close(server)
    pair.run_for(5.0)
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links
    assert len(pair.client.of(LinkClosed)) == len(pair.server.of(LinkClosed)) == 1


def test_close_during_the_handshake_ends_at_once() -> None:
    pair = Pair()
    link = pair.connect()
    pair.run_for(0.025)
    pair.close(link)
    pair.run_for(15.0)
    assert pair.client.closed.code is CloseCode.DONE
    assert not pair.client.endpoint.links
    assert not pair.server.endpoint.links


# What an authenticated peer must not do.


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(encode_ack([(0, 10**9)], 0.0), id="ack of packets never sent"),
        pytest.param(encode_stream(CHAT, 2**40, b"x"), id="beyond the limit"),
        pytest.param(encode_stream(MEDIA, 0, b"x"), id="stream on an unreliable channel"),
        pytest.param(encode_stream(77, 0, b"x"), id="unknown channel"),
        pytest.param(encode_stream(CHAT, 0, b"\xff\xff\xff\xff"), id="message of 4 GiB"),
        pytest.param(encode_max_data(CHAT, 2**64 - 1)[:-1], id="cut short"),
        pytest.param(b"\x63", id="unknown frame"),
        pytest.param(encode_stream(CHAT, 0, b""), id="empty stream frame"),
    ],
)
def test_violation_closes_the_link_with_a_reason(payload: bytes) -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.inject(seal(client, payload), CLIENT, pair.server)
    assert pair.server.closed.code is CloseCode.PROTOCOL_VIOLATION
    pair.run_for(1.0)
    assert pair.client.closed.by_peer
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION
    assert pair.client.closed.reason == pair.server.closed.reason != ""


def test_limit_that_is_taken_back_is_ignored() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.inject(seal(client, encode_max_data(CHAT, 0)), CLIENT, pair.server)
    server.send_message(CHAT, b"still allowed")
    pair.run_until(lambda: pair.client.messages() == [b"still allowed"], 1.0)


def test_packet_of_nothing_but_padding_is_harmless() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.inject(seal(client, bytes(1000)), CLIENT, pair.server)
    pair.inject(seal(client, b""), CLIENT, pair.server)
    pair.run_for(0.1)
    assert server.state is LinkState.ESTABLISHED


# Damage and replay.


def test_each_flipped_byte_costs_no_more_than_the_packet() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.send_message(CHAT, b"precious")
    (_, good), *_ = pair.drain(pair.client)[:1] or [(SERVER, b"")]
    for position in range(len(good)):
        for bit in (1, 0x80):
            bad = good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :]
            answers = pair.inject(bad, CLIENT, pair.server)
            assert sum(len(data) for _, data in answers) <= len(bad)
    assert not pair.server.messages()
    assert server.state is LinkState.ESTABLISHED
    pair.run_until(lambda: pair.server.messages() == [b"precious"], 1.0)


def test_each_shortened_packet_costs_no_more_than_the_packet() -> None:
    pair = Pair()
    client, server = pair.establish()
    client.send_message(CHAT, b"precious")
    ((_, good),) = pair.drain(pair.client)
    for size in range(len(good)):
        assert sum(len(data) for _, data in pair.inject(good[:size], CLIENT, pair.server)) <= size
    assert server.state is LinkState.ESTABLISHED
    pair.run_until(lambda: pair.server.messages() == [b"precious"], 1.0)


@pytest.mark.parametrize("size", range(8, 33))
def test_packet_too_short_to_be_one_is_dropped(size: int) -> None:
    pair = Pair()
    _, server = pair.establish()
    assert not pair.inject((server.local_id + b"\0\0\0" + b"\x70" * 30)[:size], CLIENT, pair.server)
    assert not pair.inject((server.local_id + b"\x70" * 30)[:size], CLIENT, pair.server)
    assert server.state is LinkState.ESTABLISHED


def test_packet_too_short_to_be_one_gets_no_second_goodbye() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.close(server)
    pair.drain_all()
    assert not pair.inject(server.local_id, CLIENT, pair.server)


def test_replayed_packets_are_refused_from_any_address() -> None:
    pair = Pair()
    client, server = pair.establish()
    before = len(pair.client.sent)
    for message in numbered(20):
        client.send_message(CHAT, message)
        pair.run_for(0.02)
    recorded = [data for _, data in pair.client.sent[before:]]
    client.send_message(MEDIA, b"frame")
    pair.run_for(0.1)
    answered = len(pair.server.sent)
    for data in recorded + [data for _, data in pair.client.sent[-3:]]:
        for source in (CLIENT, STRANGER):
            assert not pair.inject(data, source, pair.server)
    assert len(pair.server.sent) == answered
    assert pair.server.messages() == numbered(20)
    assert len(pair.server.messages(MEDIA)) == 1
    assert server.address == CLIENT


def test_packet_of_another_link_does_not_open() -> None:
    pair = Pair()
    client, server = pair.establish()
    other = Pair()
    other_client, _ = other.establish()
    packet = server.local_id + seal(other_client, bytes([PING]))[8:]
    assert not pair.inject(packet, CLIENT, pair.server)
    del client
    assert server.state is LinkState.ESTABLISHED


# Moves.


def test_peer_that_speaks_from_another_address_is_followed() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.move_client()
    client.send_message(CHAT, b"from here")
    pair.run_for(1.0)
    assert pair.server.of(PeerMoved) == [PeerMoved(MOVED)]
    assert server.address == MOVED
    server.send_message(CHAT, b"there")
    pair.run_until(lambda: pair.client.messages() == [b"there"], 1.0)
    assert pair.server.messages() == [b"from here"]


def test_unproven_address_gets_at_most_three_times_what_came_from_it() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(1_000_000))
    pair.run_for(0.2)
    client.send_message(CHAT, b"caught and sent on by somebody")
    ((_, packet),) = [each for each in pair.drain(pair.client) if len(each[1]) > 40][-1:]
    # The true client falls silent, and the spoofed address never answers.
    pair.client.script = drop_all
    del pair._under_way[:]
    before = pair.server.sent_bytes
    pair.inject(packet, STRANGER, pair.server)
    assert server.address == STRANGER
    pair.run_for(20.0)
    assert 0 < pair.server.sent_bytes - before <= 3 * len(packet)


def test_acknowledgement_of_what_went_to_the_old_address_proves_nothing() -> None:
    pair = Pair()
    _, server = pair.establish()
    pair.client.script = drop_all
    before = len(pair.client.sent)
    for _ in range(8):
        server.send_message(CHAT, b"to the old address")
        pair.run_for(0.012)
    first, *_, second = [data for _, data in pair.client.sent[before:]]
    # Caught on the way and sent on: the first moves the link, the second acknowledges packets from before.
    for data in (first, second):
        pair.inject(data, STRANGER, pair.server)
    assert server.address == STRANGER
    assert server._outgoing._new_address is not None


def test_moved_peer_gets_full_speed_once_it_answers() -> None:
    pair = Pair()
    client, server = pair.establish()
    server.send_message(BULK, bytes(500_000))
    pair.run_for(0.05)
    pair.move_client()
    client.send_message(CHAT, b"moved")
    pair.run_until(lambda: server.is_all_delivered, 10.0)
    assert server._outgoing._new_address is None
    assert pair.client.messages(BULK) == [bytes(500_000)]


def test_peer_that_pretends_to_have_moved_cannot_aim_the_stream_at_a_victim() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = drop_all
    server.send_message(BULK, bytes(1_000_000))
    spent = aimed = 0
    for _ in range(200):
        guess = encode_ack([(0, server._outgoing._next_number - 1)], 0.0)
        packet = seal(client, bytes([PING]) + guess)
        spent += len(packet)
        answers = pair.inject(packet, STRANGER, pair.server)
        aimed += sum(len(data) for address, data in answers if address == STRANGER)
        pair.now += 0.01
    assert 0 < aimed <= 3 * spent


@pytest.mark.parametrize("lost", range(4))
def test_moved_peer_is_proven_whatever_answer_is_lost(lost: int) -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.move_client()
    client.send_message(CHAT, b"moved")
    drop_next(pair.client, lost + 1)
    pair.run_for(10.0)
    assert pair.server.messages() == [b"moved"]
    assert server._outgoing._new_address is None


def test_ping_that_may_not_leave_is_tried_again_only_later() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.run_for(1.0)
    pair.client.script = drop_all
    pair.inject(seal(client, bytes([PING])), STRANGER, pair.server)
    assert server._outgoing._new_address is not None
    server._outgoing._new_address.allowance_bytes = 0
    rings = 0
    while server.state is LinkState.ESTABLISHED:
        deadline = pair.server.endpoint.next_deadline()
        assert deadline is not None
        pair.now = max(pair.now, deadline)
        pair.server.endpoint.handle_timer(pair.now)
        pair.drain(pair.server)
        rings += 1
        assert rings < 200


def test_old_packet_from_another_address_moves_nothing() -> None:
    pair = Pair()
    client, server = pair.establish()
    late = seal(client, bytes([PING]))
    pair.inject(seal(client, bytes([PING])), CLIENT, pair.server)
    pair.inject(late, STRANGER, pair.server)
    assert server.address == CLIENT
    assert not pair.server.of(PeerMoved)


def test_peer_that_moves_all_the_time_is_still_served() -> None:
    pair = Pair()
    client, server = pair.establish()
    for number in range(100):
        pair.move_client((f"192.0.2.{number}", 7))
        client.send_message(CHAT, b"up")
        server.send_message(CHAT, b"down")
        pair.run_for(0.05)
    pair.run_until(lambda: client.is_all_delivered and server.is_all_delivered, 10.0)
    assert len(pair.server.messages()) == len(pair.client.messages()) == 100


# Keys.


def test_keys_are_renewed_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanline.crypto.sealing, "EPOCH_BITS", 4)
    pair = Pair()
    client, server = pair.establish()
    luck = random.Random(3)
    pair.client.script = lambda _, data: [(luck.random() * 0.02, data)]
    for message in numbered(300):
        client.send_message(CHAT, message)
        server.send_message(CHAT, message)
        pair.run_for(0.01)
    pair.run_until(lambda: client.is_all_delivered and server.is_all_delivered)
    assert client._outgoing._next_number > 16 * 10
    assert pair.server.messages() == pair.client.messages() == numbered(300)


# Path MTU.


def test_black_hole_for_large_datagrams_is_passed_with_small_ones_and_probed_later() -> None:
    pair = Pair(LinkProfile(most_mtu_bytes=1200))
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    client.send_message(CHAT, bytes(20_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert client._outgoing._mtu.current == LinkProfile().floor_mtu_bytes
    with pytest.raises(MessageTooLarge):
        client.send_message(MEDIA, bytes(1000))
    pair.client.script = pass_all
    pair.run_for(40.0)
    client.send_message(CHAT, b"go")
    pair.run_for(1.0)
    assert client._outgoing._mtu.current == LinkProfile().mtu_bytes
    client.send_message(MEDIA, bytes(1000))
    pair.run_until(lambda: pair.server.messages(MEDIA) == [bytes(1000)], 1.0)


def test_larger_datagrams_are_used_once_they_pass_and_given_up_when_they_do_not() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 9000 else []
    client.send_message(BULK, bytes(8_000_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert 8000 < client._outgoing._mtu.current <= 9000
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 1300 else []
    client.send_message(BULK, bytes(1_000_000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    assert client._outgoing._mtu.current == LinkProfile().mtu_bytes


def test_larger_datagrams_are_looked_for_when_many_small_messages_wait_but_not_for_a_few() -> None:
    pair = Pair()
    client, _ = pair.establish()
    for few_or_many, finds_more in ((5, False), (2000, True)):
        for _ in range(20):
            for _ in range(few_or_many):
                client.send_message(CHAT, bytes(200))
            pair.run_until(lambda: client.is_all_delivered, 20.0)
        assert (client._outgoing._mtu.current > LinkProfile().mtu_bytes) is finds_more


def test_black_hole_that_stays_is_probed_with_a_packet_now_and_then() -> None:
    pair = Pair()
    client, server = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    client.send_message(CHAT, bytes(5000))
    pair.run_for(600.0)
    assert server.state is client.state is LinkState.ESTABLISHED
    large = [time for time, data in pair.client.sent if len(data) > 700 and time > pair.now - 590.0]
    # Twice in each half minute.
    assert 15 <= len(large) <= 2 * 600 / 30
    client.send_message(CHAT, bytes(5000))
    pair.run_until(lambda: client.is_all_delivered, 3.0)


def test_datagrams_waiting_when_the_path_narrows_are_dropped_and_do_not_block() -> None:
    pair = Pair()
    client, _ = pair.establish()
    pair.client.script = lambda _, data: [(0.0, data)] if len(data) <= 700 else []
    for _ in range(100):
        client.send_message(MEDIA, bytes(1000))
    client.send_message(CHAT, bytes(3000))
    pair.run_until(lambda: client.is_all_delivered, 20.0)
    client.send_message(MEDIA, b"small")
    pair.run_until(lambda: pair.server.messages(MEDIA)[-1:] == [b"small"], 3.0)


def test_probe_for_a_larger_size_waits_until_a_moved_peer_is_proven() -> None:
    pair = Pair()
    client, server = pair.establish()
    server._outgoing._mtu.on_timeouts(3, 1200, pair.now - 100.0)
    pair.client.script = drop_all
    before = len(pair.server.sent)
    pair.inject(seal(client, bytes([PING]) + bytes(400)), STRANGER, pair.server)
    assert len(pair.server.sent) - before == 1


def test_datagram_too_large_for_an_unproven_address_is_not_replaced_by_pings() -> None:
    pair = Pair()
    client, server = pair.establish()
    server._outgoing._probes = 0
    before = len(pair.server.sent)
    pair.inject(seal(client, bytes([PING]) + bytes(300)), STRANGER, pair.server)
    pair.client.script = drop_all
    server.send_message(MEDIA, bytes(1100))
    pair.drain_all()
    assert len(pair.server.sent) - before == 1


# Numbers about the path.


def test_round_trip_and_loss_are_measured() -> None:
    pair = Pair(delay_s=0.050)
    client, _ = pair.establish()
    pair.client.script = lose(0.1, 7)
    for _ in range(1000):
        client.send_message(CHAT, b"tick")
        pair.run_for(0.01)
    assert client.round_trip_s == pytest.approx(0.100, rel=0.2)
    assert 0.03 < client.loss_rate < 0.25


def test_late_loss_timer_after_everything_arrived_is_harmless() -> None:
    """The deadline of a packet that was overtaken stays behind when its late acknowledgement settles all."""
    pair = Pair()
    client, _ = pair.establish()
    luck = random.Random(11)
    pair.client.script = lambda _, data: [] if luck.random() < 0.05 else [(luck.choice((0.0, 0.0, 0.012)), data)]
    for _ in range(1500):
        client.send_message(CHAT, b"x")
        pair.run_for(luck.choice((0.0005, 0.002, 0.1)))
    pair.run_until(lambda: client.is_all_delivered)
    assert len(pair.server.messages()) == 1500
    assert len(pair.server.of(LinkEstablished)) == 1


@pytest.mark.parametrize("size", range(33, 150, 3))
def test_answer_to_an_unproven_address_stays_within_its_credit_with_many_gaps_to_tell(size: int) -> None:
    pair = Pair()
    client, server = pair.establish()
    for _ in range(40):
        client._outgoing._next_number += 1
        server.receive_sealed(seal(client, bytes([PING])), CLIENT, pair.now)
    pair.drain(pair.server)
    pair.client.script = pair.server.script = drop_all
    server.send_message(CHAT, bytes(100))
    packet = seal(client, bytes([PING]).ljust(size - 32, b"\0"))
    answers = pair.inject(packet, STRANGER, pair.server)
    before = pair.server.sent_bytes
    pair.run_for(20.0)
    assert sum(len(data) for _, data in answers) + pair.server.sent_bytes - before <= 3 * len(packet)

"""What goes first, what waits, and how much memory a slow peer costs."""

from __future__ import annotations

import random

import pytest

from lanline.errors import CloseCode, SendBufferFull
from lanline.proto.channels import RELIABLE_CHANNELS, Channel
from lanline.proto.events import SendBufferDrained
from lanline.proto.framing import PREFIX_BYTES, frame_messages
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.units import INITIAL_CREDIT_BYTES
from unit.proto.websocket.pair import End, Pair, make_server


def fill(end: End, channel: Channel, size: int = 1000) -> int:
    """Send until the buffer is full; the number of messages that were taken."""
    count = 0
    while end.link.is_writable(channel):
        count = end.link.send_message(channel, bytes(size))
    return count


def test_chat_overtakes_ten_megabytes_of_bulk() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.BULK, bytes(10_000_000))
    pair.move(pair.client, pair.server)
    pair.client.link.send_message(Channel.CHAT, b"quick")
    pair.client.link.send_message(Channel.CONTROL, b"quicker")
    before = pair.transferred
    pair.move(pair.client, pair.server)
    assert pair.server.received == {Channel.CONTROL: [b"quicker"], Channel.CHAT: [b"quick"]}
    assert pair.transferred - before < 70_000
    pair.settle()
    assert pair.server.received[Channel.BULK] == [bytes(10_000_000)]


def test_channels_go_out_in_their_order() -> None:
    pair = Pair().establish()
    for channel in reversed(Channel):
        pair.client.link.send_message(channel, channel.name.encode())
    pair.settle()
    assert [event.channel for event in pair.server.events[1:5]] == list(Channel)  # type: ignore[union-attr]


def test_a_bulk_message_is_there_before_the_next_one_has_come() -> None:
    """Who asks for a piece when one has come would otherwise ask for two at once, and for ever get two at once."""
    pair = Pair().establish()
    for letter in b"ab":
        pair.server.link.send_message(Channel.BULK, bytes([letter]) * 5000)
    data = pair.server.link.bytes_to_send(0.0)
    pair.client.link.receive_bytes(data[: len(data) // 2 + 50], 0.0)
    pair.client.drain()
    assert pair.client.received[Channel.BULK] == [b"a" * 5000]


def test_no_more_is_handed_over_than_there_is_room_for() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.BULK, bytes(3_000_000))
    assert pair.client.link.bytes_to_send(0.0, room=0) == b""
    assert pair.client.link.bytes_to_send(0.0, room=-5) == b""
    assert pair.client.link.has_more_to_send
    for room in (1, 100, 20_000, 65_536):
        size = len(pair.client.link.bytes_to_send(0.0, room=room))
        assert 0 < size <= room + 100


def test_a_turn_hands_over_at_most_the_default_room() -> None:
    pair = Pair().establish()
    for end in pair.ends:
        end.link.send_message(Channel.BULK, bytes(1_000_000))
        end.link.send_message(Channel.CHAT, bytes(1_000_000))
    pair.settle()
    assert pair.largest_write < 65_536 + 500


def test_a_full_buffer_refuses_and_then_reports_room() -> None:
    pair = Pair(WebSocketProfile(send_buffer_bytes=10_000)).establish()
    taken = fill(pair.client, Channel.CHAT)
    assert taken == 10
    with pytest.raises(SendBufferFull):
        pair.client.link.send_message(Channel.CHAT, b"no room")
    with pytest.raises(SendBufferFull):
        pair.client.link.send_framed(Channel.CHAT, frame_messages([b"no room"]), 1)
    assert pair.client.link.is_writable(Channel.BULK)
    pair.settle()
    assert pair.client.events.count(SendBufferDrained(Channel.CHAT)) == 1
    assert pair.client.link.send_message(Channel.CHAT, b"room") == 11
    pair.settle()
    assert len(pair.server.received[Channel.CHAT]) == 11


def test_room_is_not_reported_to_a_writer_that_was_never_refused() -> None:
    pair = Pair(WebSocketProfile(send_buffer_bytes=10_000)).establish()
    pair.client.link.send_message(Channel.CHAT, bytes(50_000))
    pair.settle()
    assert SendBufferDrained(Channel.CHAT) not in pair.client.events
    assert pair.client.link.is_writable(Channel.CHAT)


def test_one_message_may_be_larger_than_the_buffer() -> None:
    pair = Pair(WebSocketProfile(send_buffer_bytes=1000)).establish()
    pair.client.link.send_message(Channel.BULK, bytes(500_000))
    assert not pair.client.link.is_writable(Channel.BULK)
    pair.settle()
    assert pair.client.link.is_writable(Channel.BULK)
    assert pair.server.received[Channel.BULK] == [bytes(500_000)]


@pytest.mark.parametrize("channel", RELIABLE_CHANNELS)
def test_a_reader_that_does_not_release_holds_the_sender_back(channel: Channel) -> None:
    profile = WebSocketProfile(receive_window_bytes=200_000, send_buffer_bytes=100_000)
    pair = Pair(profile).establish()
    pair.server.releases = False
    for _ in range(20):
        fill(pair.client, channel)
        pair.settle()
    held = sum(map(len, pair.server.received[channel]))
    assert 199_000 <= held <= 200_000 + 1004 + 4 * 200
    assert not pair.client.link.is_writable(channel)

    pair.server.releases = True
    for payload in list(pair.server.received[channel]):
        pair.server.link.release(channel, len(payload))
    pair.settle()
    assert pair.client.link.is_writable(channel)
    assert len(pair.server.received[channel]) == pair.client.delivered[channel]
    assert sum(map(len, pair.server.received[channel])) > held


@pytest.mark.parametrize("size", [0, 1])
def test_tiny_messages_that_nobody_takes_do_not_pile_up_without_end(size: int) -> None:
    window, cost = 200_000, PREFIX_BYTES + size
    pair = Pair(WebSocketProfile(receive_window_bytes=window, send_buffer_bytes=100_000)).establish()
    pair.server.releases = False
    many = frame_messages([bytes(size)] * 10_000)
    for _ in range(20):
        if pair.client.link.is_writable(Channel.CHAT):
            pair.client.link.send_framed(Channel.CHAT, many, 10_000)
        pair.settle()
    held = pair.server.received[Channel.CHAT]
    assert len(held) <= window // cost + 1
    assert not pair.client.link.is_writable(Channel.CHAT)

    pair.server.releases = True
    for payload in list(held):
        pair.server.link.release(Channel.CHAT, len(payload))
    pair.settle()
    assert pair.client.link.is_writable(Channel.CHAT)
    assert len(held) == pair.client.delivered[Channel.CHAT]


def test_a_channel_without_credit_does_not_stop_the_others() -> None:
    pair = Pair(WebSocketProfile(receive_window_bytes=INITIAL_CREDIT_BYTES)).establish()
    pair.server.releases = False
    fill(pair.client, Channel.CHAT)
    pair.settle()
    pair.client.link.send_message(Channel.BULK, b"bulk")
    pair.client.link.send_message(Channel.CONTROL, b"control")
    pair.settle()
    assert pair.server.received[Channel.BULK] == [b"bulk"]
    assert pair.server.received[Channel.CONTROL] == [b"control"]
    assert not pair.client.link.has_more_to_send


def test_credit_flows_for_a_long_time_with_odd_sizes() -> None:
    generator = random.Random(7)
    pair = Pair(WebSocketProfile(receive_window_bytes=INITIAL_CREDIT_BYTES, send_buffer_bytes=300_000)).establish()
    sent: dict[Channel, list[bytes]] = {channel: [] for channel in RELIABLE_CHANNELS}
    for _ in range(400):
        channel = generator.choice(RELIABLE_CHANNELS)
        payload = generator.randbytes(generator.choice([0, 1, 5000, 70_000]))
        if pair.client.link.is_writable(channel):
            pair.client.link.send_message(channel, payload)
            sent[channel].append(payload)
        pair.move(*generator.choice([pair.ends, pair.ends[::-1]]), room=generator.choice([0, 50, 5000, 65_536]))
    pair.settle()
    assert {channel: pair.server.received[channel] for channel in RELIABLE_CHANNELS} == sent


def test_media_that_nobody_takes_is_dropped_oldest_first() -> None:
    pair = Pair(WebSocketProfile(unreliable_buffer_bytes=10_000)).establish()
    for number in range(100):
        assert pair.client.link.send_message(Channel.MEDIA, bytes([number]) * 1000) == 0
    assert pair.client.link.is_writable(Channel.MEDIA)
    pair.settle()
    assert [payload[0] for payload in pair.server.received[Channel.MEDIA]] == list(range(90, 100))


def test_media_waits_for_room_and_not_for_credit() -> None:
    pair = Pair().establish()
    pair.server.releases = False
    for _ in range(300):
        pair.client.link.send_message(Channel.MEDIA, bytes(1000))
        pair.settle()
    assert len(pair.server.received[Channel.MEDIA]) == 300
    pair.server.link.release(Channel.MEDIA, 1000)


def test_closing_gives_up_what_is_queued() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.BULK, bytes(10_000_000))
    pair.move(pair.client, pair.server)
    before = pair.transferred
    pair.client.link.close(0, "", pair.now)  # type: ignore[arg-type]
    pair.settle()
    assert pair.transferred - before < 500
    assert pair.server.closed is not None
    assert not pair.client.link._outgoing[Channel.BULK].is_ready


def test_empty_messages_use_up_no_credit() -> None:
    pair = Pair(WebSocketProfile(receive_window_bytes=INITIAL_CREDIT_BYTES)).establish()
    for _ in range(40_000):
        pair.client.link.send_message(Channel.CHAT, b"")
    pair.settle()
    assert len(pair.server.received[Channel.CHAT]) == 40_000


def stranger() -> Pair:
    pair = Pair()
    pair.server = make_server(WebSocketProfile(stranger_window_bytes=16_384))
    return pair.establish()


def test_a_stranger_may_say_little() -> None:
    pair = stranger()
    pair.client.link.send_message(Channel.CHAT, b"small")
    pair.settle()
    pair.client.link.send_message(Channel.CHAT, bytes(16_385))
    pair.settle()
    assert pair.server.received[Channel.CHAT] == [b"small"]
    assert pair.client.closed is not None
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION


@pytest.mark.parametrize("channel", [Channel.BULK, Channel.CONTROL])
def test_a_stranger_is_sent_off_at_the_first_byte_on_another_channel(channel: Channel) -> None:
    pair = stranger()
    pair.client.link.send_framed(channel, b"\0\0\0\7half", 1)
    pair.settle()
    assert pair.client.closed is not None
    assert pair.client.closed.code is CloseCode.PROTOCOL_VIOLATION


def test_who_is_trusted_later_may_send_as_much_as_anybody() -> None:
    pair = stranger()
    pair.client.link.send_message(Channel.CHAT, b"it is me")
    pair.settle()
    pair.server.link.trust()
    for channel in RELIABLE_CHANNELS:
        pair.client.link.send_message(channel, bytes(3_000_000))
    pair.settle()
    assert [pair.server.received[channel][-1] for channel in RELIABLE_CHANNELS] == [bytes(3_000_000)] * 3

"""What waits to be sent, and the order in which it leaves."""

from __future__ import annotations

import pytest

from lanline.errors import SendBufferFull
from lanline.proto.channels import Channel
from lanline.proto.link.frames import DatagramFrame, StreamFrame, decode_frames, encode_max_data
from lanline.proto.link.outbox import INITIAL_LIMIT_BYTES, Outbox
from lanline.proto.link.profile import LinkProfile


def packet(outbox: Outbox, room: int) -> list[Channel]:
    """The channels in one packet."""
    parts: list[bytes] = []
    left = outbox.take_data(parts, [], room)
    assert sum(map(len, parts)) == room - left <= room
    decoded = decode_frames(b"".join(parts))
    return [frame.channel for frame in decoded if isinstance(frame, StreamFrame | DatagramFrame)]


def filled() -> Outbox:
    outbox = Outbox(LinkProfile())
    for channel in (Channel.BULK, Channel.CHAT, Channel.CONTROL):
        outbox.write(channel, bytes(60), 1)
    outbox.write_datagram(Channel.MEDIA, bytes(60))
    return outbox


def test_channels_leave_in_the_order_of_their_priority() -> None:
    assert packet(filled(), 1000) == [Channel.CONTROL, Channel.CHAT, Channel.MEDIA, Channel.BULK]


def test_small_packets_keep_the_order_too() -> None:
    outbox = filled()
    assert [packet(outbox, 80) for _ in range(4)] == [
        [Channel.CONTROL],
        [Channel.CHAT],
        [Channel.MEDIA],
        [Channel.BULK],
    ]
    assert not outbox.is_pending
    assert not outbox.is_all_delivered


def test_stream_without_credit_waits_and_others_go_on() -> None:
    outbox = Outbox(LinkProfile())
    outbox.write(Channel.CHAT, bytes(INITIAL_LIMIT_BYTES + 1), 1)
    while outbox.is_pending:
        packet(outbox, 1000)
    outbox.write(Channel.BULK, bytes(10), 1)
    assert packet(outbox, 1000) == [Channel.BULK]
    outbox.stream(Channel.CHAT).limit += 1
    assert packet(outbox, 1000) == [Channel.CHAT]


def test_full_buffer_refuses_and_a_single_large_message_passes() -> None:
    outbox = Outbox(LinkProfile(send_buffer_bytes=100))
    outbox.write(Channel.CHAT, bytes(1000), 1)
    with pytest.raises(SendBufferFull):
        outbox.write(Channel.CHAT, bytes(1), 1)
    outbox.write(Channel.BULK, bytes(1), 1)


def test_many_small_writes_are_as_good_as_a_long_one() -> None:
    outbox = Outbox(LinkProfile())
    outbox.write(Channel.CHAT, bytes(2000), 1)
    assert not outbox.has_long_write
    for _ in range(10):
        outbox.write(Channel.CHAT, bytes(1000), 1)
    assert outbox.has_long_write
    stream, offset, pieces = outbox.take_run(1100, 100)
    assert stream is outbox.stream(Channel.CHAT)
    assert (offset, len(pieces)) == (0, 10)


def test_oldest_datagrams_go_when_there_are_too_many() -> None:
    outbox = Outbox(LinkProfile(datagram_buffer_bytes=300))
    for number in range(10):
        outbox.write_datagram(Channel.MEDIA, bytes([number]) * 96)
    parts: list[bytes] = []
    outbox.take_data(parts, [], 1000)
    kept = [frame.data[0] for frame in decode_frames(b"".join(parts)) if isinstance(frame, DatagramFrame)]
    assert kept == [7, 8, 9]
    assert outbox._datagram_bytes == 0


def test_datagram_larger_than_the_whole_buffer_leaves_nothing_behind() -> None:
    outbox = Outbox(LinkProfile(datagram_buffer_bytes=50))
    outbox.write_datagram(Channel.MEDIA, bytes(100))
    assert not outbox.is_pending
    assert outbox._datagram_bytes == 0


def test_datagrams_over_a_size_are_dropped() -> None:
    outbox = Outbox(LinkProfile())
    for size in (500, 100, 600):
        outbox.write_datagram(Channel.MEDIA, bytes(size))
    outbox.drop_datagrams_over(400)
    assert packet(outbox, 1000) == [Channel.MEDIA]
    assert not outbox.is_pending
    assert outbox._datagram_bytes == 0


def test_control_frames_leave_once_and_as_far_as_they_fit() -> None:
    outbox = Outbox(LinkProfile())
    first, second = encode_max_data(Channel.CHAT, 1), encode_max_data(Channel.BULK, 2)
    for frame in (encode_max_data(Channel.CHAT, 0), first, second, first):
        outbox.write_control(frame)
    parts: list[bytes] = []
    assert outbox.take_control(parts, 12) == ((first,), 2)
    assert outbox.take_control(parts, 10) == ((second,), 0)
    assert outbox.take_control(parts, 1000) == ((), 1000)
    assert parts == [first, second]

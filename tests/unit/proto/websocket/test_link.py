"""What a session sees of two honest links."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import CloseCode, LinkNotOpen, MessageTooLarge
from lanline.proto.channels import RELIABLE_CHANNELS, UNRELIABLE_CHANNELS, Channel
from lanline.proto.events import LinkClosed, LinkEstablished, MessageReceived, SendBufferDrained
from lanline.proto.framing import frame_messages
from lanline.proto.messagelink import MessageLink
from lanline.proto.websocket.link import WebSocketLink
from lanline.proto.websocket.profile import WebSocketProfile
from lanline.proto.websocket.units import MAX_BODY_BYTES
from unit.proto.websocket.pair import CLIENT_IDENTITY, SERVER_IDENTITY, End, Pair


def test_both_ends_learn_the_other_ones_fingerprint_and_the_same_binding() -> None:
    pair = Pair().establish()
    client, server = pair.client.established, pair.server.established
    assert client is not None
    assert server is not None
    assert client.peer_fingerprint == SERVER_IDENTITY.fingerprint
    assert server.peer_fingerprint == CLIENT_IDENTITY.fingerprint
    assert client.binding == server.binding
    assert len(client.binding) == 32


def test_another_link_has_another_binding() -> None:
    first, second = Pair().establish().client.established, Pair().establish().client.established
    assert first is not None
    assert second is not None
    assert first.binding != second.binding


def test_it_has_every_call_of_a_message_link() -> None:
    calls = [name for name in vars(MessageLink) if not name.startswith("_")]
    assert calls
    assert all(hasattr(WebSocketLink, name) for name in calls)


@pytest.mark.parametrize("channel", list(Channel))
def test_messages_arrive_once_and_in_order_both_ways(channel: Channel) -> None:
    pair = Pair().establish()
    payloads = [b"", b"hi", "grüß dich".encode(), bytes(9000)]
    for sender in pair.ends:
        numbers = [sender.link.send_message(channel, payload) for payload in payloads]
        assert numbers == ([0, 0, 0, 0] if channel in UNRELIABLE_CHANNELS else [1, 2, 3, 4])
    pair.settle()
    assert all(end.received[channel] == payloads for end in pair.ends)


@pytest.mark.parametrize("channel", RELIABLE_CHANNELS)
def test_reliable_messages_are_reported_as_delivered(channel: Channel) -> None:
    pair = Pair().establish()
    for _ in range(5):
        pair.client.link.send_message(channel, b"x" * 300)
    assert pair.client.delivered[channel] == 0
    pair.settle()
    assert pair.client.delivered[channel] == 5


def test_a_turn_is_confirmed_with_one_number() -> None:
    pair = Pair().establish()
    for _ in range(50):
        pair.client.link.send_message(Channel.CHAT, b"x")
    pair.settle()
    assert [event for event in pair.client.events if type(event).__name__ == "MessagesDelivered"] == [
        pair.client.events[-1]
    ]


def test_a_message_still_in_pieces_is_not_delivered() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.BULK, bytes(200_000))
    pair.move(pair.client, pair.server)
    pair.move(pair.server, pair.client)
    assert pair.client.delivered[Channel.BULK] == 0
    pair.settle()
    assert pair.client.delivered[Channel.BULK] == 1


@pytest.mark.parametrize("sender_is_client", [True, False])
def test_messages_queued_before_the_link_is_open_follow_the_opening(sender_is_client: bool) -> None:
    pair = Pair()
    sender, receiver = pair.ends if sender_is_client else pair.ends[::-1]
    sender.link.send_message(Channel.CHAT, b"early")
    sender.link.send_message(Channel.MEDIA, b"frame")
    pair.settle()
    assert isinstance(receiver.events[0], LinkEstablished)
    assert receiver.received == {Channel.CHAT: [b"early"], Channel.MEDIA: [b"frame"]}


def test_a_batch_framed_once_reaches_every_peer() -> None:
    payloads = [f"message {number}".encode() for number in range(100)]
    framed = frame_messages(payloads)
    for _ in range(3):
        pair = Pair().establish()
        pair.server.link.send_message(Channel.CHAT, b"first")
        assert pair.server.link.send_framed(Channel.CHAT, framed, len(payloads)) == 101
        assert pair.server.link.send_framed(Channel.MEDIA, framed, len(payloads)) == 0
        pair.settle()
        assert pair.client.received == {Channel.CHAT: [b"first", *payloads], Channel.MEDIA: payloads}
        assert pair.server.delivered[Channel.CHAT] == 101


def test_what_waits_on_one_channel_goes_out_together() -> None:
    pair = Pair().establish()
    for _ in range(20):
        pair.client.link.send_message(Channel.CHAT, b"x" * 200)
    size = pair.move(pair.client, pair.server)
    # 204 bytes each, then one unit header, one frame header, one record.
    assert size <= 20 * 204 + 2 + 8 + 22


def test_a_message_of_the_largest_size_passes_a_smaller_window() -> None:
    pair = Pair(WebSocketProfile(max_message_bytes=3_000_000, receive_window_bytes=65_536)).establish()
    payload = random.Random(1).randbytes(3_000_000)
    pair.client.link.send_message(Channel.BULK, payload)
    pair.client.link.send_message(Channel.CHAT, payload)
    pair.settle()
    assert pair.server.received == {Channel.BULK: [payload], Channel.CHAT: [payload]}


def test_too_large_a_message_is_refused_and_nothing_is_queued() -> None:
    pair = Pair(WebSocketProfile(max_message_bytes=1000)).establish()
    with pytest.raises(MessageTooLarge):
        pair.client.link.send_message(Channel.CHAT, bytes(1001))
    with pytest.raises(MessageTooLarge):
        pair.client.link.send_message(Channel.MEDIA, bytes(MAX_BODY_BYTES + 1))
    with pytest.raises(MessageTooLarge):
        pair.client.link.send_framed(Channel.MEDIA, frame_messages([b"small", bytes(MAX_BODY_BYTES + 1)]), 2)
    assert pair.client.link.send_message(Channel.CHAT, bytes(1000)) == 1


def test_the_close_reaches_the_peer_with_its_code_and_reason() -> None:
    pair = Pair().establish()
    pair.server.link.close(CloseCode.REPLACED, "You signed in elsewhere.", pair.now)
    pair.settle()
    assert pair.server.closed == LinkClosed(CloseCode.REPLACED, "You signed in elsewhere.", by_peer=False)
    assert pair.client.closed == LinkClosed(CloseCode.REPLACED, "You signed in elsewhere.", by_peer=True)
    assert pair.client.link.is_closed
    assert pair.server.link.is_closed


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_survives_the_way(code: CloseCode) -> None:
    pair = Pair().establish()
    pair.client.link.close(code, "", pair.now)
    pair.settle()
    assert pair.server.closed == LinkClosed(code, "", by_peer=True)


def test_a_long_reason_is_cut_between_characters() -> None:
    pair = Pair().establish()
    pair.client.link.close(CloseCode.DONE, "ö" * 500, pair.now)
    pair.settle()
    assert pair.server.closed == LinkClosed(CloseCode.DONE, "ö" * 61, by_peer=True)


def test_a_reason_brings_no_control_characters_to_the_terminal() -> None:
    pair = Pair().establish()
    pair.client.link.close(CloseCode.DONE, "\x1b[2Jbye\n", pair.now)
    pair.settle()
    assert pair.server.closed == LinkClosed(CloseCode.DONE, " [2Jbye ", by_peer=True)


def test_a_closed_link_takes_nothing_more() -> None:
    pair = Pair().establish()
    pair.client.link.send_message(Channel.CHAT, b"given up")
    pair.client.link.close(CloseCode.DONE, "", pair.now)
    pair.client.link.close(CloseCode.BUSY, "", pair.now)
    pair.settle()
    for end in pair.ends:
        with pytest.raises(LinkNotOpen):
            end.link.send_message(Channel.CHAT, b"late")
        with pytest.raises(LinkNotOpen):
            end.link.send_framed(Channel.CHAT, frame_messages([b"late"]), 1)
        assert not end.link.is_writable(Channel.CHAT)
        end.link.release(Channel.CHAT, 0)
        end.link.receive_bytes(b"late", pair.now)
        assert end.link.next_event() is None
        assert end.link.next_deadline() is None
        assert not end.link.has_more_to_send
        assert end.link.bytes_to_send(pair.now) == b""
    assert pair.server.received == {}
    assert [event for event in pair.server.events if isinstance(event, LinkClosed)] == [pair.server.closed]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=50),
    messages=st.lists(
        st.tuples(st.booleans(), st.sampled_from(list(Channel)), st.binary(max_size=300), st.integers(1, 100)),
        max_size=30,
    ),
)
def test_however_the_stream_is_cut_the_events_are_the_same(
    sizes: list[int], messages: list[tuple[bool, Channel, bytes, int]]
) -> None:
    def run(pair: Pair) -> list[object]:
        for from_client, channel, payload, repeat in messages:
            end = pair.client if from_client else pair.server
            end.link.send_message(channel, payload * repeat)
        pair.settle()
        pair.server.link.close(CloseCode.DONE, "enough", pair.now)
        pair.settle()
        return [_without_secrets(end) for end in pair.ends]

    position = 0

    def cut(data: bytes):  # noqa: ANN202
        nonlocal position
        while data:
            size = sizes[position % len(sizes)]
            position += 1
            yield data[:size]
            data = data[size:]

    assert run(Pair()) == run(Pair(cut=cut))


def _without_secrets(end: End) -> list[object]:
    kept = (MessageReceived, LinkClosed, SendBufferDrained)
    return [[event for event in end.events if isinstance(event, kept)], dict(end.delivered)]

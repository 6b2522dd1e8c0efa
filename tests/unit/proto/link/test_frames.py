"""Frames and bytes, there and back; whatever else comes is a ProtocolViolation and nothing worse."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanline.errors import ProtocolViolation
from lanline.proto.channels import RELIABLE_CHANNELS, UNRELIABLE_CHANNELS, Channel
from lanline.proto.link import frames
from lanline.proto.link.frames import (
    AckFrame,
    CloseFrame,
    DatagramFrame,
    Frame,
    MaxDataFrame,
    PingFrame,
    ResetTokenFrame,
    StreamFrame,
    decode_frames,
)

RELIABLE, UNRELIABLE = st.sampled_from(RELIABLE_CHANNELS), st.sampled_from(UNRELIABLE_CHANNELS)


@st.composite
def ack_ranges(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Disjoint, not adjacent, highest first."""
    steps = draw(st.lists(st.tuples(st.integers(2, 10**6), st.integers(0, 10**6)), min_size=1, max_size=32))
    ranges, at = [], draw(st.integers(0, 2**40))
    for gap, span in steps:
        ranges.append((at + gap, at + gap + span))
        at += gap + span
    return ranges[::-1]


def encode(frame: Frame) -> bytes:  # noqa: PLR0911 -- one return for each type of frame
    match frame:
        case AckFrame(delay_s, ranges):
            return frames.encode_ack(ranges, delay_s)
        case StreamFrame(channel, offset, data):
            return frames.encode_stream(channel, offset, data)
        case DatagramFrame(channel, data):
            return frames.encode_datagram(channel, data)
        case MaxDataFrame(channel, limit):
            return frames.encode_max_data(channel, limit)
        case ResetTokenFrame(token):
            return frames.encode_reset_token(token)
        case CloseFrame(code, reason):
            return frames.encode_close(code, reason)
        case _:
            return frames.ENCODED_PING


FRAMES = st.one_of(
    st.builds(AckFrame, st.integers(0, 2**31).map(lambda us: us * 1e-6), ack_ranges()),
    st.builds(StreamFrame, RELIABLE, st.integers(0, 2**62), st.binary(min_size=1, max_size=100)),
    st.builds(DatagramFrame, UNRELIABLE, st.binary(max_size=100)),
    st.builds(MaxDataFrame, RELIABLE, st.integers(0, 2**64 - 1)),
    st.builds(ResetTokenFrame, st.binary(min_size=16, max_size=16)),
    st.builds(CloseFrame, st.integers(0, 2**16 - 1), st.text(max_size=60)),
    st.just(PingFrame()),
)


def same(one: Frame, other: Frame) -> bool:
    if isinstance(one, AckFrame) and isinstance(other, AckFrame):
        return one.ranges == other.ranges and abs(one.delay_s - other.delay_s) < 2e-6
    return one == other


def has_one_ack(sent: list[Frame]) -> bool:
    return sum(isinstance(frame, AckFrame) for frame in sent) <= 1


@given(st.lists(FRAMES, max_size=8).filter(has_one_ack), st.integers(0, 20))
def test_frames_come_back_as_they_were(sent: list[Frame], padding: int) -> None:
    payload = b"".join(map(encode, sent)) + bytes(padding)
    received = decode_frames(payload)
    assert len(received) == len(sent)
    assert all(same(one, other) for one, other in zip(sent, received, strict=True))


def test_a_packet_holds_no_more_frames_than_there_is_a_use_for() -> None:
    small = frames.encode_datagram(Channel.MEDIA, b"") + frames.encode_stream(Channel.CHAT, 0, b"x")
    assert len(decode_frames(small * 40 + frames.ENCODED_PING * frames.MAX_OTHER_FRAMES)) == 80 + 32
    ack = frames.encode_ack([(1, 1)], 0.0)
    for payload in (frames.ENCODED_PING * 33, ack * 2, frames.encode_response(bytes(8)) * 33):
        with pytest.raises(ProtocolViolation, match="more frames"):
            decode_frames(payload)


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_garbage_is_a_violation_and_nothing_worse(payload: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        decode_frames(payload)


@settings(max_examples=500)
@given(st.lists(FRAMES, min_size=1, max_size=4), st.data())
def test_damaged_frames_are_a_violation_and_nothing_worse(sent: list[Frame], data: st.DataObject) -> None:
    payload = bytearray(b"".join(map(encode, sent)))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        received = decode_frames(bytes(payload[: data.draw(st.integers(0, len(payload)))]))
    except ProtocolViolation:
        return
    for frame in received:
        if isinstance(frame, AckFrame):
            numbers = [number for first, last in frame.ranges for number in (last, first)]
            assert numbers == sorted(numbers, reverse=True)
            assert numbers[-1] >= 0


@given(FRAMES.filter(lambda frame: not isinstance(frame, PingFrame)))
def test_every_frame_cut_short_is_a_violation(frame: Frame) -> None:
    payload = encode(frame)
    for size in range(1, len(payload)):
        with pytest.raises(ProtocolViolation):
            decode_frames(payload[:size])


def test_acknowledgement_ends_where_a_gap_is_too_wide_to_say() -> None:
    far = [(2**40, 2**40), (5, 9)]
    assert decode_frames(frames.encode_ack(far, 0.0)) == [AckFrame(0.0, far[:1])]


def test_reason_that_cannot_be_sent_as_it_is_is_sent_as_it_can() -> None:
    (frame,) = decode_frames(frames.encode_close(3, "\udcff" + "ä" * 500))
    assert isinstance(frame, CloseFrame)
    assert frame.reason.startswith("?" + "ä" * 100)


def test_channels_of_the_other_kind_are_refused() -> None:
    for payload in (
        frames.encode_stream(Channel.MEDIA, 0, b"x"),
        frames.encode_max_data(Channel.MEDIA, 9),
        frames.encode_datagram(Channel.CHAT, b"x"),
    ):
        with pytest.raises(ProtocolViolation):
            decode_frames(payload)


@pytest.mark.parametrize("gap", [0, 1])
def test_ranges_that_touch_or_overlap_are_refused(gap: int) -> None:
    good = frames.encode_ack([(20, 22), (10, 12)], 0.0)
    assert decode_frames(good) == [AckFrame(0.0, [(20, 22), (10, 12)])]
    with pytest.raises(ProtocolViolation):
        decode_frames(good[:-8] + gap.to_bytes(4, "big") + good[-4:])


def test_more_ranges_than_allowed_are_refused() -> None:
    payload = frames.encode_ack([(number * 3, number * 3) for number in range(40, 8, -1)], 0.0)
    assert len(decode_frames(payload)) == 1
    with pytest.raises(ProtocolViolation):
        decode_frames(payload[:1] + b"\x20" + payload[2:] + bytes(8))

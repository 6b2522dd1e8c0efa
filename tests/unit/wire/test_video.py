from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanline.errors import MalformedPacket
from lanline.wire.video import (
    Ended,
    KeyFrameWanted,
    Nack,
    Offer,
    Refused,
    Report,
    StreamCodec,
    StreamOffer,
    Subscribe,
    Unsubscribe,
    VideoAnswer,
    VideoRequest,
    decode_answer,
    decode_request,
    encode_video,
)

STREAM_ID = b"\x80stream1"
RUNG = StreamOffer(STREAM_ID, bytes(32), 3, StreamCodec.H264, 1280, 720, 2_000_000)
REQUESTS: list[VideoRequest] = [
    Subscribe(720, 2_000_000, wants_audio=False),
    Unsubscribe(),
    KeyFrameWanted(STREAM_ID),
    Nack(STREAM_ID, [1, 2, 2**40]),
    Report(100_000, 1, 2, 3, 4, 5, -6),
]
ANSWERS: list[VideoAnswer] = [Offer(29.97, [RUNG], RUNG, "lab"), Refused("full"), Ended()]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_read_as_it_was_written(request_: VideoRequest) -> None:
    assert decode_request(encode_video(request_)) == request_


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_read_as_it_was_written(answer: VideoAnswer) -> None:
    assert decode_answer(encode_video(answer)) == answer


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_no_request(answer: VideoAnswer) -> None:
    with pytest.raises(MalformedPacket):
        decode_request(encode_video(answer))


@pytest.mark.parametrize(
    "bad",
    [
        Nack(STREAM_ID, []),
        Nack(STREAM_ID, list(range(257))),
        Nack(b"short", [1]),
        Nack(STREAM_ID, [-1]),
        Subscribe(max_height=-1),
        Report(-1, 0, 0, 0, 0, 0, 0),
    ],
)
def test_what_is_out_of_bounds_is_refused(bad: VideoRequest) -> None:
    with pytest.raises(MalformedPacket):
        decode_request(encode_video(bad))


@pytest.mark.parametrize(
    "bad", [Offer(0.0, [RUNG]), Offer(30.0, []), Offer(30.0, [RUNG] * 17), Offer(float("nan"), [RUNG])]
)
def test_an_offer_out_of_bounds_is_refused(bad: Offer) -> None:
    with pytest.raises(MalformedPacket):
        decode_answer(encode_video(bad))


@given(st.binary(max_size=80))
def test_garbage_raises_only_what_is_documented(data: bytes) -> None:
    for decode in (decode_request, decode_answer):
        try:
            decode(data)
        except MalformedPacket:
            continue

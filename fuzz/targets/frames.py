"""What a sealed packet contains."""

from __future__ import annotations

from lanline.errors import ProtocolViolation
from lanline.proto.channels import Channel
from lanline.proto.link import frames
from lanline.proto.link.frames import AckFrame, decode_frames


def fuzz_one(data: bytes) -> None:
    try:
        decoded = decode_frames(data)
    except ProtocolViolation:
        return
    for frame in decoded:
        if isinstance(frame, AckFrame):
            numbers = [number for first, last in frame.ranges for number in (last, first)]
            assert numbers == sorted(numbers, reverse=True)
            assert numbers[-1] >= 0
            assert decode_frames(frames.encode_ack(frame.ranges, frame.delay_s))


def seeds() -> list[bytes]:
    encoded = [
        frames.ENCODED_PING,
        frames.encode_ack([(9, 12), (2, 4)], 0.01),
        frames.encode_stream(Channel.CHAT, 5, b"text"),
        frames.encode_datagram(Channel.MEDIA, b"frame"),
        frames.encode_max_data(Channel.BULK, 10**6),
        frames.encode_reset_token(bytes(16)),
        frames.encode_close(1, "reason"),
    ]
    return [*encoded, b"".join(encoded)]

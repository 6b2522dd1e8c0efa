"""A frame on its way: one picture, or a few milliseconds of sound, encoded."""

from __future__ import annotations

import msgspec

from lanline.wire.video import StreamCodec

SOUND_FRAME_S = 0.020
"""What a frame of sound holds."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """`captured_at_us` is on the publisher's clock, of which 32 bits travel: only differences mean anything."""

    frame_id: int
    codec: StreamCodec
    is_key: bool
    captured_at_us: int
    payload: bytes
    rung: int = 0


class ReceivedFrame(msgspec.Struct, frozen=True, gc=False):
    """`first_number` and `end_number` are the packet numbers it took in its stream: two frames follow on each other
    when the one begins where the other ends.
    """

    frame: Frame
    stream_id: bytes
    first_number: int
    end_number: int

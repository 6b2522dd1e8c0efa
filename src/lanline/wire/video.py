"""What a publisher and a viewer of live video say to each other over their link. docs/protocol/media.md, 5.

`VideoRequest` is what a viewer says, `VideoAnswer` what a publisher says. Pictures travel in stream packets, not here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from lanline.errors import MalformedPacket

STREAM_ID_BYTES = 8
STREAM_SECRET_BYTES = 32
MOST_RUNGS = 16
MOST_NACKED = 256
MAX_REASON_CHARACTERS = 256
MAX_PROOF_BYTES = 32

StreamId = Annotated[bytes, msgspec.Meta(min_length=STREAM_ID_BYTES, max_length=STREAM_ID_BYTES)]
Secret = Annotated[bytes, msgspec.Meta(min_length=STREAM_SECRET_BYTES, max_length=STREAM_SECRET_BYTES)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Side = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]


class StreamCodec(IntEnum):
    JPEG = 0
    H264 = 1
    VP8 = 2
    AV1 = 3
    OPUS = 4

    @property
    def is_intra_only(self) -> bool:
        """Every frame stands alone, so a lost one hurts no other."""
        return self in {StreamCodec.JPEG, StreamCodec.OPUS}


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """The largest that is of use to this viewer; 0 is no limit. Said again, it replaces what was said before."""

    max_height: Side = 0
    max_bits_per_s: Count = 0
    wants_audio: bool = True
    proof: Annotated[bytes, msgspec.Meta(max_length=MAX_PROOF_BYTES)] = b""
    """That the viewer has the secret of the watch link: needed the first time on a link (section 9)."""
    records: bool = False
    """It writes a file, which needs a key frame every few seconds: said the first time, it holds for the link."""


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    pass


class KeyFrameWanted(msgspec.Struct, frozen=True, tag="key"):
    stream_id: StreamId


class Nack(msgspec.Struct, frozen=True, tag="nack"):
    """Numbers of packets to be sent once more."""

    stream_id: StreamId
    numbers: Annotated[list[Count], msgspec.Meta(min_length=1, max_length=MOST_NACKED)]


class Report(msgspec.Struct, frozen=True, tag="report"):
    """What the last interval was like. Chunks are those of frames that were settled in it, parity not among them."""

    interval_us: Count
    received_bytes: Count
    chunks: Count
    lost_before_repair: Count
    lost_after_repair: Count
    queue_us: Count
    """What the quickest packet of the interval's later half took beyond the quickest of the last 10 to 20 s."""
    trend_us: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    """By how much that is more than in the interval before."""
    at_us: Count = 0
    """When it was sent, on the viewer's clock, if an Echo is wanted."""


VideoRequest = Subscribe | Unsubscribe | KeyFrameWanted | Nack | Report


class StreamOffer(msgspec.Struct, frozen=True):
    """`secret` is that of `epoch`; who has it can open this epoch and every later one."""

    stream_id: StreamId
    secret: Secret
    epoch: Count
    codec: StreamCodec
    width: Side = 0
    height: Side = 0
    bits_per_s: Count = 0


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """The answer to Subscribe; again when a stream enters a new epoch. Rungs from the smallest to the largest."""

    fps: Annotated[float, msgspec.Meta(gt=0, le=1000)]
    rungs: Annotated[list[StreamOffer], msgspec.Meta(min_length=1, max_length=MOST_RUNGS)]
    audio: StreamOffer | None = None
    title: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Not now: `reason` is for the person."""

    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON_CHARACTERS)]


class Echo(msgspec.Struct, frozen=True, tag="echo"):
    """To a Report that wants one, at once, with its time: the viewer knows by it what a round trip takes."""

    at_us: Count


class Still(msgspec.Struct, frozen=True, tag="still"):
    """What was captured last is the picture of this frame, the newest of its stream: nothing has changed."""

    stream_id: StreamId
    frame_id: Count
    end_number: Count
    """The stream's next packet will have this number: what came before and is not there is missing."""
    captured_at_us: Count


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """There will be no more of this broadcast."""


VideoAnswer = Offer | Echo | Still | Refused | Ended

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[VideoRequest] = msgspec.msgpack.Decoder(VideoRequest)
_answers: msgspec.msgpack.Decoder[VideoAnswer] = msgspec.msgpack.Decoder(VideoAnswer)


def encode_video(message: VideoRequest | VideoAnswer) -> bytes:
    return _encoder.encode(message)


def decode_request(data: bytes) -> VideoRequest:
    try:
        return _requests.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MalformedPacket("a request of a viewer cannot be read") from cause


def decode_answer(data: bytes) -> VideoAnswer:
    try:
        return _answers.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MalformedPacket("an answer of a publisher cannot be read") from cause

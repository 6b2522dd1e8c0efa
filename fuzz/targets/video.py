"""Plain datagrams, messages, and sealed packets as a hostile publisher or another viewer could seal them."""

from __future__ import annotations

import contextlib

from lanline.crypto.streams import StreamSealer
from lanline.errors import MalformedPacket
from lanline.proto.media.frame import Frame
from lanline.proto.media.packetiser import Packetiser
from lanline.proto.media.plain import PlainPacketiser, PlainReassembler
from lanline.proto.media.viewer import Viewer
from lanline.wire.video import (
    Nack,
    Offer,
    StreamCodec,
    StreamOffer,
    Subscribe,
    decode_answer,
    decode_request,
    encode_video,
)

_SECRET = bytes(32)
_STREAM_ID = b"\x80stream1"
_MOST_PACKETS = 64
_RUNG = StreamOffer(_STREAM_ID, _SECRET, 0, StreamCodec.H264, 320, 240, 100_000)
_PLAIN_LIMIT_BYTES = 20_000


def fuzz_one(data: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with contextlib.suppress(MalformedPacket):
            message = decode(data)
            assert decode(encode_video(message)) == message
    pieces = _pieces(data)
    plain = PlainReassembler(max_buffer_bytes=_PLAIN_LIMIT_BYTES)
    for _, piece in pieces:
        plain.receive_datagram(piece)
        assert plain.buffered_bytes <= _PLAIN_LIMIT_BYTES
    _watch(pieces)


def _pieces(data: bytes) -> list[tuple[int, bytes]]:
    """Each begins with two bytes: by how much its number is higher than the last one's, and how long it is."""
    pieces = []
    while len(data) > 2 and len(pieces) < _MOST_PACKETS:
        pieces.append((data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return pieces


def _watch(pieces: list[tuple[int, bytes]]) -> None:
    viewer, sealer = Viewer(), StreamSealer(_STREAM_ID, _SECRET)
    viewer.subscribe(0.0)
    viewer.receive_message(encode_video(Offer(30.0, [_RUNG])), 0.01)
    now = 0.02
    for step, content in pieces:
        sealer.next_number = max(0, sealer.next_number + step - 16)
        viewer.receive_packet(sealer.seal([content])[0], now)
        now += 0.004
        for _ in range(4):
            deadline = viewer.next_deadline()
            if deadline is not None and deadline <= now:
                viewer.handle_timer(now)
    for _, payload in viewer.messages_to_send():
        decode_request(payload)


def seeds() -> list[bytes]:
    contents = Packetiser(50).packetise(Frame(1, StreamCodec.H264, True, 0, bytes(range(100))), 1, [0] * 5)
    sealed = b"".join(bytes([17, len(content)]) + content for content in contents)
    datagrams = b"".join(bytes([17, len(chunk)]) + chunk for chunk in PlainPacketiser(64).packetise(bytes(100)))
    messages = [Subscribe(), Nack(_STREAM_ID, [1, 2]), Offer(30.0, [_RUNG])]
    return [sealed, datagrams, *map(encode_video, messages)]

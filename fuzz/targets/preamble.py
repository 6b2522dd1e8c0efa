"""One datagram before keys exist."""

from __future__ import annotations

from lanline.errors import MalformedPacket
from lanline.proto.link.preamble import (
    ClientRecords,
    Hello,
    OtherVersion,
    Refused,
    Reset,
    Retry,
    ServerRecords,
    Versions,
    decode_preamble,
    encode_preamble,
)


def fuzz_one(data: bytes) -> None:
    try:
        packet = decode_preamble(data)
    except MalformedPacket:
        return
    # The padding of a hello is not looked at, and the version of its answer neither.
    if not isinstance(packet, OtherVersion):
        assert decode_preamble(encode_preamble(packet)) == packet


def seeds() -> list[bytes]:
    packets = (
        Hello(bytes(8)),
        Retry(bytes(8), bytes(20)),
        ClientRecords(bytes(8), bytes(20), b"records"),
        ServerRecords(bytes(8), bytes(8), b"records"),
        Versions(bytes(8), b"\2"),
        Refused(bytes(8), 5),
        Reset(bytes(8), bytes(16)),
        OtherVersion(bytes(8), 7, is_hello=True),
    )
    return [encode_preamble(packet) for packet in packets]

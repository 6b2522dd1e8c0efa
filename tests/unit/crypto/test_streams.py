"""Packets that are sealed once for many."""

from __future__ import annotations

import pytest

from lanline.crypto.sealing import EPOCH_BITS
from lanline.crypto.streams import HEADER_BYTES, SEALED_OVERHEAD_BYTES, StreamOpener, StreamSealer, new_stream_id
from lanline.errors import MalformedPacket

SECRET = bytes(range(32))
STREAM_ID = b"\x80abcdefg"


def test_a_stream_id_looks_like_a_connection_id() -> None:
    assert new_stream_id(b"\x01abcdefgh") == b"\x81abcdefg"


def test_what_is_sealed_opens_with_the_secret() -> None:
    sealer = StreamSealer(STREAM_ID, SECRET)
    packets = sealer.seal([b"one", b"two"]) + sealer.seal([b"three"])
    opener = StreamOpener(SECRET, 0)
    assert [opener.open(packet) for packet in packets] == [(0, b"one"), (1, b"two"), (2, b"three")]
    assert {packet[:8] for packet in packets} == {STREAM_ID}
    assert len(packets[0]) == 3 + SEALED_OVERHEAD_BYTES


@pytest.mark.parametrize("place", [0, 8, 15, HEADER_BYTES, -1])
def test_a_packet_that_was_changed_does_not_open(place: int) -> None:
    packet = bytearray(StreamSealer(STREAM_ID, SECRET).seal([b"picture"])[0])
    packet[place] ^= 1
    with pytest.raises(MalformedPacket):
        StreamOpener(SECRET, 0).open(bytes(packet))


def test_another_secret_opens_nothing() -> None:
    packet = StreamSealer(STREAM_ID, SECRET).seal([b"picture"])[0]
    with pytest.raises(MalformedPacket):
        StreamOpener(bytes(32), 0).open(packet)


@pytest.mark.parametrize("packet", [b"", bytes(SEALED_OVERHEAD_BYTES - 1), bytes(SEALED_OVERHEAD_BYTES)])
def test_what_is_too_short_or_nonsense_is_refused(packet: bytes) -> None:
    with pytest.raises(MalformedPacket):
        StreamOpener(SECRET, 0).open(packet)


def test_who_joins_in_a_later_epoch_opens_it_and_nothing_before() -> None:
    sealer = StreamSealer(STREAM_ID, SECRET)
    early = sealer.seal([b"early"])[0]
    sealer.next_number = 1 << EPOCH_BITS
    late = sealer.seal([b"late"])[0]
    assert sealer.epoch == 1
    opener = StreamOpener(sealer.secret, sealer.epoch)
    assert opener.open(late) == (1 << EPOCH_BITS, b"late")
    with pytest.raises(MalformedPacket):
        opener.open(early)
    assert StreamOpener(SECRET, 0).open(late)[1] == b"late"

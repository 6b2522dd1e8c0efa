"""Sealed packets: they open once the keys agree, in any order around a renewal, and never otherwise."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

import lanline.crypto.sealing
from lanline.crypto.sealing import Opener, Sealer, Suite
from lanline.errors import MalformedPacket

SECRET, HEAD = bytes(range(32)), b"\x80head..."


def split(packet: bytes) -> tuple[bytes, int, bytes]:
    return packet[:16], int.from_bytes(packet[8:16], "big"), packet[16:]


@pytest.fixture
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanline.crypto.sealing, "EPOCH_BITS", 3)


@pytest.mark.parametrize("suite", [AESGCM, ChaCha20Poly1305])
def test_sealed_opens_with_the_same_secret_only(suite: Suite) -> None:
    packet = Sealer(suite, SECRET).seal(HEAD, 7, b"payload")
    assert packet[:16] == HEAD + (7).to_bytes(8, "big")
    assert len(packet) == 16 + 7 + 16
    assert Opener(suite, SECRET).open(*split(packet)) == b"payload"
    with pytest.raises(MalformedPacket):
        Opener(suite, bytes(32)).open(*split(packet))


def test_same_payload_never_looks_the_same() -> None:
    sealer = Sealer(AESGCM, SECRET)
    packets = [sealer.seal(HEAD, number, b"same")[16:] for number in range(50)]
    assert len(set(packets)) == 50


@given(st.binary(max_size=100), st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_is_noticed(payload: bytes, position: int, mask: int) -> None:
    packet = bytearray(Sealer(AESGCM, SECRET).seal(HEAD, 5, payload))
    packet[position % len(packet)] ^= mask
    with pytest.raises(MalformedPacket):
        Opener(AESGCM, SECRET).open(*split(bytes(packet)))


@given(st.integers(16, 48))
def test_shortened_packet_does_not_open(size: int) -> None:
    packet = Sealer(AESGCM, SECRET).seal(HEAD, 5, bytes(17))
    with pytest.raises(MalformedPacket):
        Opener(AESGCM, SECRET).open(*split(packet[:size]))


@pytest.mark.usefixtures("short_epochs")
def test_keys_change_with_the_epoch_and_old_packets_of_the_last_one_still_open() -> None:
    sealer, opener = Sealer(AESGCM, SECRET), Opener(AESGCM, SECRET)
    packets = [sealer.seal(HEAD, number, bytes([number])) for number in range(40)]
    for number in (0, 6, 9, 7, 8, 15, 18, 14, 17, 23, 26, 33, 31, 39):
        assert opener.open(*split(packets[number])) == bytes([number])


@pytest.mark.usefixtures("short_epochs")
def test_run_is_sealed_as_its_packets_would_be_one_by_one() -> None:
    for first in range(20):
        for size in range(20):
            one_by_one, run = Sealer(AESGCM, SECRET), Sealer(AESGCM, SECRET)
            for number in range(first):
                assert one_by_one.seal(HEAD, number, b"") == run.seal(HEAD, number, b"")
            payloads = [bytes([each]) for each in range(size)]
            expected = [one_by_one.seal(HEAD, first + each, payload) for each, payload in enumerate(payloads)]
            assert run.seal_run(HEAD, first, payloads) == expected
            following = first + size
            assert one_by_one.seal(HEAD, following, b"x") == run.seal(HEAD, following, b"x")


@pytest.mark.usefixtures("short_epochs")
def test_epochs_far_away_are_refused_without_a_new_key() -> None:
    sealer, opener = Sealer(AESGCM, SECRET), Opener(AESGCM, SECRET)
    packets = [sealer.seal(HEAD, number, b"x") for number in range(40)]
    with pytest.raises(MalformedPacket):
        opener.open(*split(packets[17]))
    with pytest.raises(MalformedPacket):
        opener.open(HEAD + b"\xff" * 8, 2**64 - 1, bytes(40))
    for number in (9, 17):
        opener.open(*split(packets[number]))
    with pytest.raises(MalformedPacket):
        opener.open(*split(packets[7]))
    assert opener._current.number == 2


@pytest.mark.usefixtures("short_epochs")
def test_forged_number_of_the_next_epoch_does_not_move_the_keys() -> None:
    sealer, opener = Sealer(AESGCM, SECRET), Opener(AESGCM, SECRET)
    for _ in range(5):
        with pytest.raises(MalformedPacket):
            opener.open(HEAD + (9).to_bytes(8, "big"), 9, bytes(40))
    for number in range(30):
        assert opener.open(*split(sealer.seal(HEAD, number, b"x"))) == b"x"


@pytest.mark.usefixtures("short_epochs")
def test_two_epochs_never_share_a_key() -> None:
    sealer, keys = Sealer(AESGCM, SECRET), set()
    for number in range(0, 80, 8):
        sealer.seal(HEAD, number, b"")
        keys.add(sealer._epoch.secret + sealer._salt)
    assert len(keys) == 10

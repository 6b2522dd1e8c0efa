"""The DTLS handshake in memory: two runs agree, whatever order, number or certificate; garbage is refused."""

from __future__ import annotations

import base64
import random
from itertools import permutations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from lanline.crypto.dtls import DtlsHandshake, DtlsKeys, _cut_records, with_fresh_numbers
from lanline.crypto.identity import Identity
from lanline.errors import IdentityProblem, MalformedPacket

ALICE, BOB = Identity.generate(), Identity.generate()
ALICE_KEYS, BOB_KEYS = DtlsKeys(ALICE), DtlsKeys(BOB)


def begin() -> tuple[DtlsHandshake, DtlsHandshake]:
    return ALICE_KEYS.start_handshake(is_client=True), BOB_KEYS.start_handshake(is_client=False)


def complete(client: DtlsHandshake, server: DtlsHandshake, rounds: int = 4) -> None:
    records = client.advance(b"")
    for _ in range(rounds):
        records = server.advance(b"".join(records))
        records = client.advance(b"".join(records))
        if client.is_complete:
            return


def test_both_ends_know_each_other_and_export_the_same() -> None:
    client, server = begin()
    complete(client, server)
    assert client.is_complete
    assert server.is_complete
    assert client.peer_fingerprint == BOB.fingerprint
    assert server.peer_fingerprint == ALICE.fingerprint
    assert client.suite is server.suite
    assert client.export(b"EXPORTER-a", b"x", 64) == server.export(b"EXPORTER-a", b"x", 64)
    assert client.export(b"EXPORTER-a", b"x", 64) != client.export(b"EXPORTER-a", b"y", 64)
    assert client.export(b"EXPORTER-a", b"x", 64) != client.export(b"EXPORTER-b", b"x", 64)


def test_two_handshakes_export_different_secrets() -> None:
    exports = set()
    for _ in range(3):
        client, server = begin()
        complete(client, server)
        exports.add(client.export(b"EXPORTER-a", b"", 32))
    assert len(exports) == 3


def test_records_fit_into_small_datagrams() -> None:
    client, server = begin()
    flight = client.advance(b"")
    answer = server.advance(b"".join(flight))
    last = client.advance(b"".join(answer))
    for record in flight + answer + last:
        assert len(record) <= 480
        assert len(record) == 13 + int.from_bytes(record[11:13], "big")


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_records_in_any_order_are_understood_once_they_are_repeated(order: tuple[int, ...]) -> None:
    client, server = begin()
    flight = server.advance(b"".join(client.advance(b"")))
    last = client.advance(b"".join(flight))
    for index in order:
        server.advance(last[index])
    if not server.is_complete:
        server.advance(b"".join(with_fresh_numbers(last, 10)))
    assert server.is_complete


@pytest.mark.parametrize("seed", range(20))
def test_flights_that_arrive_in_pieces_lead_to_the_end_when_they_are_repeated(seed: int) -> None:
    luck = random.Random(seed)
    client, server = begin()
    flights = {client: client.advance(b""), server: []}
    numbers = {client: 0, server: 0}
    for _ in range(60):
        for sender, receiver in ((client, server), (server, client)):
            records = with_fresh_numbers(flights[sender], numbers[sender])
            numbers[sender] += len(records)
            for record in luck.sample(records, len(records) // 2 + 1) if records else []:
                answer = [] if receiver.is_complete else receiver.advance(record)
                flights[receiver] = answer or flights[receiver]
    assert client.is_complete
    assert server.is_complete
    assert client.export(b"EXPORTER-a", b"", 32) == server.export(b"EXPORTER-a", b"", 32)


def test_what_openssl_repeats_by_its_own_clock_is_dropped() -> None:
    client, server = begin()
    hello = client.advance(b"")
    assert client._without_repeats(hello) == []
    flight = server.advance(b"".join(hello))
    assert server._without_repeats(flight) == []
    last = client.advance(b"".join(flight))
    assert client._without_repeats(hello + last) == []
    finished = server.advance(b"".join(last))
    assert server._without_repeats(flight + finished) == []
    client.advance(b"".join(finished))
    assert client.is_complete


def test_repeats_in_front_of_a_new_flight_do_not_hide_it() -> None:
    client, server = begin()
    flight = server.advance(b"".join(client.advance(b"")))
    last = client.advance(b"".join(flight))
    fresh = BOB_KEYS.start_handshake(is_client=False)
    assert fresh._without_repeats(flight) == flight
    finished = server.advance(b"".join(last))
    assert fresh._without_repeats(flight + finished) == finished


def test_client_without_a_certificate_is_refused() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_cipher_list(b"ECDHE-ECDSA-AES256-GCM-SHA384")
    client, server = DtlsHandshake(context, is_client=True), BOB_KEYS.start_handshake(is_client=False)
    with pytest.raises(MalformedPacket):
        complete(client, server)
    assert not server.is_complete


def test_peer_without_a_common_cipher_is_refused() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
    client, server = DtlsHandshake(context, is_client=True), BOB_KEYS.start_handshake(is_client=False)
    with pytest.raises(MalformedPacket):
        complete(client, server)


def test_fingerprint_before_a_certificate_came_is_a_problem() -> None:
    client, _ = begin()
    with pytest.raises(IdentityProblem):
        _ = client.peer_fingerprint


DER = ALICE.certificate
CERTIFICATE = x509.load_der_x509_certificate(DER)
VERSION_AT, SERIAL_AT, DATE_AT = (
    DER.index(b"\xa0\x03\x02\x01\x02") + 4,
    DER.index(b"\x02\x01\x01") + 2,
    DER.index(b"200101"),
)


@pytest.mark.parametrize(
    ("position", "changed"),
    [
        pytest.param(VERSION_AT, b"\x07", id="version 8"),
        pytest.param(SERIAL_AT, b"\x81", id="negative serial number"),
        pytest.param(SERIAL_AT, b"\x00", id="serial number 0"),
        pytest.param(DATE_AT, b"209901", id="month 99"),
    ],
)
def test_odd_certificate_of_a_peer_is_harmless(position: int, changed: bytes, tmp_path: Path) -> None:
    odd = DER[:position] + changed + DER[position + len(changed) :]
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(odd) + b"-----END CERTIFICATE-----\n"
    (tmp_path / "odd.pem").write_bytes(pem)
    keys = DtlsKeys(ALICE)
    keys._context.use_certificate_file(str(tmp_path / "odd.pem"))
    client, server = keys.start_handshake(is_client=True), BOB_KEYS.start_handshake(is_client=False)
    complete(client, server)
    assert server.is_complete
    assert server.peer_fingerprint == ALICE.fingerprint


def test_key_of_another_kind_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate = (
        x509.CertificateBuilder(CERTIFICATE.subject, CERTIFICATE.subject, key.public_key(), 1)
        .not_valid_before(CERTIFICATE.not_valid_before_utc)
        .not_valid_after(CERTIFICATE.not_valid_after_utc)
        .sign(key, CERTIFICATE.signature_hash_algorithm)  # type: ignore[arg-type]
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_privatekey(key)
    context.use_certificate(certificate)
    client, server = begin()[0], DtlsHandshake(context, is_client=False)
    with pytest.raises(MalformedPacket):
        complete(client, server)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.booleans())
def test_garbage_is_dropped_or_refused(data: bytes, to_client: bool) -> None:
    client, server = begin()
    hello = client.advance(b"")
    receiver = client if to_client else server
    try:
        receiver.advance(data)
    except MalformedPacket:
        return
    assert not receiver.is_complete
    del hello


@settings(max_examples=150)
@given(st.integers(0, 2000), st.integers(1, 255), st.integers(0, 2))
def test_flipped_byte_never_makes_ends_that_disagree(position: int, mask: int, flight: int) -> None:
    client, server = begin()
    records = b"".join(client.advance(b""))
    receivers = [server, client, server, client]
    try:
        for number, receiver in enumerate(receivers):
            if number == flight:
                at = position % len(records)
                records = records[:at] + bytes([records[at] ^ mask]) + records[at + 1 :]
            records = b"".join(receiver.advance(records))
    except MalformedPacket:
        return
    if client.is_complete:
        assert client.export(b"EXPORTER-a", b"", 32) == server.export(b"EXPORTER-a", b"", 32)
        assert server.peer_fingerprint == ALICE.fingerprint


def test_records_are_cut_at_their_sizes() -> None:
    client, server = begin()
    records = server.advance(b"".join(client.advance(b"")))
    assert _cut_records(b"".join(records)) == records
    assert _cut_records(b"") == []

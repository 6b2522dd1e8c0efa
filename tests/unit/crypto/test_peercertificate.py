"""What a peer may show in a handshake over UDP and over TCP, and what is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL

from attacks.certificates import chain_context, self_signed_context
from lanline.crypto import peercertificate
from lanline.crypto.dtls import MAX_HANDSHAKE_BYTES, MAX_MESSAGE_BYTES, DtlsHandshake, DtlsKeys
from lanline.crypto.identity import Identity
from lanline.crypto.tls import MAX_HANDSHAKE_BYTES as MAX_TLS_HANDSHAKE_BYTES
from lanline.crypto.tls import TlsSession, server_context
from lanline.errors import MalformedPacket

SERVER, CLIENT = Identity.generate(), Identity.generate()
CERTIFICATE = x509.load_der_x509_certificate(CLIENT.certificate)
_NO_EXTENDED_MASTER_SECRET = 1


def shake_hands(client: DtlsHandshake, server: DtlsHandshake) -> None:
    records = client.advance(b"")
    for _ in range(2):
        records = client.advance(b"".join(server.advance(b"".join(records))))


def over_udp(context: SSL.Context) -> bool:
    """Whether the server takes such a caller."""
    client, server = DtlsHandshake(context, is_client=True), DtlsKeys(SERVER).start_handshake(is_client=False)
    try:
        shake_hands(client, server)
    except MalformedPacket:
        return False
    return server.is_complete


def over_tcp(context: SSL.Context) -> bool:
    client, server = TlsSession(context, is_server=False), TlsSession(server_context(SERVER), is_server=True)
    for _ in range(3):
        server.receive_bytes(client.bytes_to_send())
        if data := server.bytes_to_send():
            client.receive_bytes(data)
    return server.established and server.peer_fingerprint is not None


WAYS = pytest.mark.parametrize(
    ("method", "is_taken"), [(SSL.DTLS_METHOD, over_udp), (SSL.TLS_METHOD, over_tcp)], ids=["udp", "tcp"]
)


@WAYS
def test_one_certificate_with_a_p256_key_is_taken(method: int, is_taken: Callable[[SSL.Context], bool]) -> None:
    assert is_taken(self_signed_context(method, ec.generate_private_key(ec.SECP256R1())))


@WAYS
@pytest.mark.parametrize(
    "make_key",
    [
        pytest.param(lambda: rsa.generate_private_key(65537, 1024), id="rsa-1024"),
        pytest.param(lambda: rsa.generate_private_key(65537, 2048), id="rsa-2048"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP384R1()), id="p-384"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
    ],
)
def test_a_key_of_another_kind_is_refused(
    method: int, is_taken: Callable[[SSL.Context], bool], make_key: Callable[[], Any]
) -> None:
    assert not is_taken(self_signed_context(method, make_key()))


@WAYS
@pytest.mark.parametrize("is_signed_by_the_next", [True, False])
def test_a_second_certificate_is_refused(
    method: int, is_taken: Callable[[SSL.Context], bool], is_signed_by_the_next: bool
) -> None:
    assert not is_taken(chain_context(method, 2, ec.SECP256R1(), is_linked=is_signed_by_the_next))


@WAYS
def test_a_large_certificate_is_refused(method: int, is_taken: Callable[[SSL.Context], bool]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lanline")])
    names = x509.SubjectAlternativeName([x509.DNSName("x" * 60) for _ in range(64)])
    large = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .add_extension(names, critical=False)
        .not_valid_before(CERTIFICATE.not_valid_before_utc)
        .not_valid_after(CERTIFICATE.not_valid_after_utc)
        .sign(key, SHA256())
    )
    context = self_signed_context(method, key)
    context.use_certificate(large)
    assert not is_taken(context)


@pytest.mark.parametrize("is_client", [True, False])
def test_keys_that_are_not_bound_to_the_handshake_are_refused_by_both_ends(
    is_client: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = DtlsKeys(SERVER), DtlsKeys(CLIENT)
    theirs._context.set_options(_NO_EXTENDED_MASTER_SECRET)
    end, peer = ours.start_handshake(is_client), theirs.start_handshake(not is_client)
    client, server = (end, peer) if is_client else (peer, end)
    check = DtlsHandshake._check_peer
    monkeypatch.setattr(DtlsHandshake, "_check_peer", lambda each: each is peer or check(each))
    with pytest.raises(MalformedPacket, match="bind"):
        shake_hands(client, server)
    assert not end.is_complete


def message(kind: int, said_bytes: int, fragment: bytes, sequence: int = 0) -> bytes:
    body = (
        bytes([kind]) + said_bytes.to_bytes(3, "big") + sequence.to_bytes(2, "big") + bytes(3)
        + len(fragment).to_bytes(3, "big") + fragment
    )  # fmt: skip
    return b"\x16\xfe\xfd" + bytes(8) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    "record",
    [
        message(11, MAX_MESSAGE_BYTES + 1, b"x"),
        message(1, 1, b"x")[:-1] + b"",
        b"\x16\xfe\xfd" + bytes(8) + (26).to_bytes(2, "big") + 2 * message(1, 1, b"x")[13:],
    ],
    ids=["large", "cut off", "two in one"],
)
def test_a_message_that_would_take_memory_is_refused_before_openssl_sees_it(record: bytes) -> None:
    server = DtlsKeys(SERVER).start_handshake(is_client=False)
    server._connection.bio_write = None  # type: ignore[method-assign]
    with pytest.raises(MalformedPacket):
        server.advance(record)


def test_a_handshake_over_udp_has_an_end_to_its_bytes() -> None:
    server = DtlsKeys(SERVER).start_handshake(is_client=False)
    record = message(1, 1000, bytes(400), sequence=9)
    for _ in range(MAX_HANDSHAKE_BYTES // len(record)):
        server.advance(record)
    with pytest.raises(MalformedPacket, match="too many bytes"):
        server.advance(record)


def test_a_handshake_over_tcp_has_an_end_to_its_bytes() -> None:
    server = TlsSession(server_context(SERVER), is_server=True)
    # A ClientHello that never ends, in records of 1,024 bytes.
    record = b"\x16\x03\x01\x04\x00" + b"\x01\x00\xff\xff" + bytes(1020)
    sent = 0
    while server.failure is None:
        server.receive_bytes(record)
        sent += len(record)
    assert sent <= MAX_TLS_HANDSHAKE_BYTES + len(record)


def test_what_follows_the_handshake_in_the_same_piece_is_no_part_of_it() -> None:
    client, server = (
        TlsSession(self_signed_context(SSL.TLS_METHOD, CLIENT.private_key), is_server=False),
        TlsSession(server_context(SERVER), is_server=True),
    )
    server.receive_bytes(client.bytes_to_send())
    client.receive_bytes(server.bytes_to_send())
    client.send_plaintext(bytes(10_000))
    assert b"".join(server.receive_bytes(client.bytes_to_send())) == bytes(10_000)


def test_the_certificate_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    look = peercertificate.fingerprint_of_certificate
    monkeypatch.setattr(
        peercertificate, "fingerprint_of_certificate", lambda certificate: (looked.append(1), look(certificate))[1]
    )
    assert over_udp(self_signed_context(SSL.DTLS_METHOD, CLIENT.private_key))
    assert len(looked) == 1

from __future__ import annotations

import ssl

import pytest
from OpenSSL import SSL

from lanline.crypto.identity import Identity
from lanline.crypto.tls import BINDING_BYTES, RECORD_BYTES, TlsSession, client_context, server_context

SERVER, CLIENT = Identity.generate(), Identity.generate()
SERVER_CONTEXT, CLIENT_CONTEXT = server_context(SERVER), client_context(CLIENT)


def shake_hands(client: TlsSession, server: TlsSession) -> tuple[TlsSession, TlsSession]:
    for _ in range(4):
        if data := client.bytes_to_send():
            server.receive_bytes(data)
        if data := server.bytes_to_send():
            client.receive_bytes(data)
    return client, server


def sessions(expected_fingerprint: bytes | None = None) -> tuple[TlsSession, TlsSession]:
    return (
        TlsSession(CLIENT_CONTEXT, is_server=False, expected_fingerprint=expected_fingerprint),
        TlsSession(SERVER_CONTEXT, is_server=True),
    )


def test_both_learn_the_others_fingerprint_and_share_a_binding() -> None:
    client, server = shake_hands(*sessions())
    assert client.established
    assert server.established
    assert client.peer_fingerprint == SERVER.fingerprint
    assert server.peer_fingerprint == CLIENT.fingerprint
    assert client.binding == server.binding
    assert len(client.binding) == BINDING_BYTES


def test_every_session_has_its_own_binding() -> None:
    assert len({shake_hands(*sessions())[0].binding for _ in range(4)}) == 4


def test_plaintext_passes_both_ways_whole_and_in_pieces() -> None:
    client, server = shake_hands(*sessions())
    for source, target in ((client, server), (server, client)):
        plaintext = bytes(range(256)) * 300
        source.send_plaintext(plaintext)
        sealed = source.bytes_to_send()
        assert plaintext[:64] not in sealed
        records = [
            record
            for position in range(0, len(sealed), 7)
            for record in target.receive_bytes(sealed[position : position + 7])
        ]
        assert b"".join(records) == plaintext
        assert max(map(len, records)) <= RECORD_BYTES


def test_the_expected_peer_is_accepted() -> None:
    client, server = shake_hands(*sessions(SERVER.fingerprint))
    assert client.established
    assert not client.peer_was_rejected
    assert server.peer_fingerprint == CLIENT.fingerprint


def test_another_peer_is_rejected_and_never_sees_our_certificate() -> None:
    client, server = shake_hands(*sessions(CLIENT.fingerprint))
    assert client.peer_was_rejected
    assert client.failure is not None
    assert not client.established
    assert not server.established
    assert server.failure is not None
    assert server.peer_fingerprint is None


def test_a_certificate_made_anew_keeps_its_fingerprint() -> None:
    key = SERVER.private_key
    context = server_context(Identity.from_private_key(key))
    expected = SERVER.fingerprint
    client = TlsSession(CLIENT_CONTEXT, is_server=False, expected_fingerprint=expected)
    assert shake_hands(client, TlsSession(context, is_server=True))[0].established


def test_a_stranger_without_a_certificate_gets_through_with_no_fingerprint() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    client, server = shake_hands(TlsSession(context, is_server=False), TlsSession(SERVER_CONTEXT, is_server=True))
    assert client.established
    assert server.established
    assert server.peer_fingerprint is None


@pytest.mark.parametrize("server_is_old", [True, False])
def test_older_tls_is_refused(server_is_old: bool) -> None:
    old = server_context(SERVER) if server_is_old else client_context(CLIENT)
    old.set_min_proto_version(SSL.TLS1_2_VERSION)
    old.set_max_proto_version(SSL.TLS1_2_VERSION)
    client = TlsSession(CLIENT_CONTEXT if server_is_old else old, is_server=False)
    server = TlsSession(old if server_is_old else SERVER_CONTEXT, is_server=True)
    shake_hands(client, server)
    assert not client.established
    assert not server.established
    assert (client if server_is_old else server).failure is not None


def test_the_end_is_told_and_what_came_before_it_is_kept() -> None:
    client, server = shake_hands(*sessions())
    client.send_plaintext(b"last words")
    client.end()
    assert server.receive_bytes(client.bytes_to_send()) == [b"last words"]
    assert server.ended
    assert server.failure is None
    assert server.receive_bytes(b"more") == []


def test_a_damaged_record_fails_the_session_and_those_before_it_are_kept() -> None:
    client, server = shake_hands(*sessions())
    client.send_plaintext(b"first")
    good = client.bytes_to_send()
    client.send_plaintext(b"second")
    bad = client.bytes_to_send()
    assert server.receive_bytes(good + bad[:-1] + bytes((bad[-1] ^ 1,))) == [b"first"]
    assert server.failure is not None
    assert server.receive_bytes(good) == []
    server.send_plaintext(b"into the void")
    server.end()


def test_a_record_seen_twice_fails_the_session() -> None:
    client, server = shake_hands(*sessions())
    client.send_plaintext(b"once")
    record = client.bytes_to_send()
    assert server.receive_bytes(record + record) == [b"once"]
    assert server.failure is not None


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 50, b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + bytes(70_000)]
)
def test_garbage_fails_the_handshake_on_either_side(garbage: bytes) -> None:
    for session in sessions():
        assert session.receive_bytes(garbage) == []
        assert session.failure is not None
        session.end()


def test_other_peoples_tls_can_talk_to_the_server() -> None:
    """The standard library's TLS, with nothing set but that no authority signs for the peer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing)
    server = TlsSession(SERVER_CONTEXT, is_server=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    server.receive_bytes(outgoing.read())
    incoming.write(server.bytes_to_send())
    client.do_handshake()
    client.write(b"hello")
    assert server.receive_bytes(outgoing.read()) == [b"hello"]

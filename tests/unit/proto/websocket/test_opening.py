"""The handshake and everything that can be on the other side instead of a Lanline link."""

from __future__ import annotations

import pytest
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from lanline.errors import CloseCode
from lanline.proto.channels import Channel
from lanline.proto.websocket.upgrade import MAX_UPGRADE_BYTES
from unit.proto.websocket.pair import (
    CLIENT_IDENTITY,
    SERVER_IDENTITY,
    End,
    Pair,
    PuppetClient,
    PuppetServer,
    make_client,
    make_server,
)


def closed_with(end: End) -> tuple[CloseCode, bool]:
    assert end.closed is not None
    return end.closed.code, end.closed.by_peer


def test_the_expected_server_is_accepted() -> None:
    pair = Pair(expected_fingerprint=SERVER_IDENTITY.fingerprint).establish()
    assert pair.client.closed is None


def test_another_server_is_rejected_before_it_learns_anything() -> None:
    client = make_client(expected_fingerprint=CLIENT_IDENTITY.fingerprint)
    client.link.send_message(Channel.CHAT, b"secret")
    puppet = PuppetServer(client)
    puppet.take_in(client.link.bytes_to_send(0.0))
    hello_size = len(puppet.received)
    puppet.exchange()
    assert closed_with(client) == (CloseCode.IDENTITY_REJECTED, False)
    assert client.established is None
    assert not puppet.tls.established
    assert puppet.tls.peer_fingerprint is None
    # After the ClientHello only an alert, unknown_ca: neither a certificate nor a request.
    assert puppet.received.endswith(b"\x15\x03\x03\x00\x02\x02\x30")
    assert len(puppet.received) == hello_size + 7


@pytest.mark.parametrize("subprotocols", [(), ("lanline.2",), ("chat", "lanline.9")])
def test_a_client_of_another_version_is_told_what_the_server_speaks(subprotocols: tuple[str, ...]) -> None:
    server = make_server()
    puppet = PuppetClient(server, subprotocols)
    puppet.open()
    assert closed_with(server) == (CloseCode.INCOMPATIBLE_VERSION, False)
    assert b"HTTP/1.1 426 " in puppet.plaintext
    assert b"Sec-WebSocket-Protocol: lanline.1\r\n" in puppet.plaintext
    assert b"speaks lanline.1" in puppet.plaintext


def test_a_client_that_offers_this_version_among_others_is_accepted() -> None:
    server = make_server()
    PuppetClient(server, ("lanline.2", "lanline.1")).open()
    assert server.established is not None


def _without_subprotocol(protocol: ServerProtocol, request: Request) -> Response:
    protocol.available_subprotocols = None
    return protocol.accept(request)


def _with_another_subprotocol(protocol: ServerProtocol, request: Request) -> Response:
    response = protocol.accept(request)
    del response.headers["Sec-WebSocket-Protocol"]
    response.headers["Sec-WebSocket-Protocol"] = "lanline.2"
    return response


def _upgrade_required(protocol: ServerProtocol, request: Request) -> Response:
    response = protocol.reject(426, "no")
    response.headers["Sec-WebSocket-Protocol"] = "lanline.2\x9b2J"
    return response


def _not_found(protocol: ServerProtocol, request: Request) -> Response:
    return protocol.reject(404, "no such page")


def _without_length(protocol: ServerProtocol, request: Request) -> Response:
    response = protocol.reject(500, "")
    del response.headers["Content-Length"]
    return response


def _wrong_accept(protocol: ServerProtocol, request: Request) -> Response:
    response = protocol.accept(request)
    del response.headers["Sec-WebSocket-Accept"]
    response.headers["Sec-WebSocket-Accept"] = "bm8="
    return response


def _long_answer(protocol: ServerProtocol, request: Request) -> Response:
    return protocol.reject(404, "x" * (MAX_UPGRADE_BYTES + 1))


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (_without_subprotocol, CloseCode.INCOMPATIBLE_VERSION, "lanline.1"),
        (_with_another_subprotocol, CloseCode.INCOMPATIBLE_VERSION, "lanline.1"),
        (_upgrade_required, CloseCode.INCOMPATIBLE_VERSION, "lanline.2 2J"),
        (_not_found, CloseCode.HANDSHAKE_FAILED, "404"),
        (_wrong_accept, CloseCode.HANDSHAKE_FAILED, "no Lanline server"),
        (_long_answer, CloseCode.HANDSHAKE_FAILED, ""),
    ],
)
def test_a_client_says_why_a_server_will_not_do(answer: object, code: CloseCode, words: str) -> None:
    client = make_client()
    PuppetServer(client, answer).exchange()  # type: ignore[arg-type]
    assert closed_with(client) == (code, False)
    assert client.closed is not None
    assert words in client.closed.reason
    assert client.closed.reason.isprintable()
    assert client.established is None


def test_an_answer_that_lasts_until_the_end_of_the_stream_is_understood() -> None:
    client = make_client()
    PuppetServer(client, _without_length).exchange()
    assert client.closed is None
    client.link.receive_eof(0.0)
    client.drain()
    assert client.closed is not None
    assert "500" in client.closed.reason
    assert client.link.is_closed


def test_a_page_request_gets_a_short_honest_answer() -> None:
    server = make_server()
    puppet = PuppetClient(server, identity=None)
    puppet.secure()
    puppet.send_plaintext(b"GET / HTTP/1.1\r\nHost: lanline.test\r\n\r\n")
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert puppet.plaintext.startswith(b"HTTP/1.1 426 ")
    assert puppet.plaintext.endswith(
        b"This is a Lanline server. It talks to Lanline clients only: open this address with one.\n"
    )
    assert puppet.tls.ended


@pytest.mark.parametrize("request_start", [b"G", b"GET", b"GET / HTTP/1.1\r\nHost: lanline.test\r\n\r\n"])
def test_a_page_request_without_tls_gets_it_too(request_start: bytes) -> None:
    server = make_server()
    server.link.receive_bytes(request_start, 0.0)
    server.drain()
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert b"This is a Lanline server." in server.link.bytes_to_send(0.0)
    assert server.link.bytes_to_send(0.0) == b""
    assert server.link.has_ended_output


@pytest.mark.parametrize("garbage", [b"\x00", b"SSH-2.0-x\r\n", b"POST / HTTP/1.1\r\n\r\n", b"\xff" * 5000])
def test_what_is_not_tls_gets_no_answer(garbage: bytes) -> None:
    server = make_server()
    server.link.receive_bytes(garbage, 0.0)
    server.drain()
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert server.link.bytes_to_send(0.0) == b""


def test_a_client_without_a_certificate_is_told_so() -> None:
    server = make_server()
    puppet = PuppetClient(server, identity=None)
    puppet.open()
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert puppet.plaintext.startswith(b"HTTP/1.1 403 ")
    assert b"certificate" in puppet.plaintext
    assert server.established is None


def test_a_web_page_is_refused_even_with_the_right_subprotocol() -> None:
    server = make_server()
    puppet = PuppetClient(server)
    puppet.secure()
    request = puppet.protocol.connect()
    request.headers["Origin"] = "https://example.org"
    puppet.protocol.send_request(request)
    puppet.flush()
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert puppet.plaintext.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "opening",
    [
        b"\r\n\r\n",
        b"HELO lanline\r\n",
        b"GET / HTTP/3\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /" + b"x" * 9000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 9000,
        b"GET / HTTP/1.1\r\n" + (b"X: " + b"x" * 5000 + b"\r\n") * 4,
        b"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: !\r\n\r\n",
        b'GET / HTTP/1.1\r\nConnection: ,;"\r\nUpgrade: \x80\r\n\r\n',
    ],
)
def test_a_bad_request_ends_in_a_refusal(opening: bytes) -> None:
    server = make_server()
    puppet = PuppetClient(server)
    puppet.secure()
    puppet.send_plaintext(opening)
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)


@pytest.mark.parametrize(
    "early",
    [
        b"\x88\x80\x00\x00\x00\x00",  # a close frame
        b"\x88\x82\x00\x00\x00\x00\x0f\xa0",  # a close frame with a code
        b"\x82\x81\x00\x00\x00\x00x",  # a binary message
        b"\x82\xff" + b"\xff" * 8,  # one that is far too big
        b"\xff\xff\xff",  # no frame at all
    ],
)
def test_a_client_that_does_not_wait_for_the_answer_is_refused(early: bytes) -> None:
    server = make_server()
    puppet = PuppetClient(server)
    puppet.secure()
    puppet.protocol.send_request(puppet.protocol.connect())
    puppet.send_plaintext(b"".join(puppet.protocol.data_to_send()) + early)
    assert closed_with(server) == (CloseCode.HANDSHAKE_FAILED, False)
    assert puppet.plaintext == b""


def test_an_offered_compression_is_declined() -> None:
    server = make_server()
    puppet = PuppetClient(server)
    puppet.secure()
    request = puppet.protocol.connect()
    request.headers["Sec-WebSocket-Extensions"] = "permessage-deflate"
    puppet.protocol.send_request(request)
    puppet.flush()
    assert server.established is not None
    assert b"Extensions" not in puppet.plaintext


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.test ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x28"]
)
def test_a_server_without_tls_ends_the_attempt(answer: bytes) -> None:
    client = make_client()
    client.link.bytes_to_send(0.0)
    client.link.receive_bytes(answer, 0.0)
    client.drain()
    assert closed_with(client) == (CloseCode.HANDSHAKE_FAILED, False)
    assert client.closed is not None
    assert "TLS" in client.closed.reason

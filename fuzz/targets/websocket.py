"""A WebSocket link at each of its stages: before TLS, inside TLS before HTTP, and its own units once it is open."""

from __future__ import annotations

from lanline.crypto.identity import Identity
from lanline.crypto.tls import TlsSession, client_context, server_context
from lanline.proto.events import LinkClosed, MessageReceived
from lanline.proto.websocket.link import WebSocketLink

_SERVER, _CLIENT = server_context(Identity.generate()), client_context(Identity.generate())
_STAGES = 3
_REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"


def fuzz_one(data: bytes) -> None:
    if not data:
        return
    link = WebSocketLink.accept(_SERVER, 0.0)
    stage, data = data[0] % _STAGES, data[1:]
    if stage == 0:
        link.receive_bytes(data, 0.0)
    elif stage == 1:
        _inside_tls(link, data)
    else:
        _among_units(link, data)
    _drain(link)


def _inside_tls(link: WebSocketLink, data: bytes) -> None:
    tls = TlsSession(_CLIENT, is_server=False)
    for _ in range(2):
        link.receive_bytes(tls.bytes_to_send(), 0.0)
        tls.receive_bytes(link.bytes_to_send(0.0))
    tls.send_plaintext(data)
    link.receive_bytes(tls.bytes_to_send(), 0.0)


def _among_units(link: WebSocketLink, data: bytes) -> None:
    peer = WebSocketLink.connect(_CLIENT, ("fuzz", 1), 0.0)
    for _ in range(4):
        link.receive_bytes(peer.bytes_to_send(0.0), 0.0)
        peer.receive_bytes(link.bytes_to_send(0.0), 0.0)
    while data:
        size = 1 + data[0]
        peer._stack.send_unit(data[1 : 1 + size])  # noqa: SLF001 -- a dishonest peer
        data = data[1 + size :]
    link.receive_bytes(peer.bytes_to_send(0.0), 0.0)


def _drain(link: WebSocketLink) -> None:
    is_closed = False
    while (event := link.next_event()) is not None:
        assert not is_closed, "something happened after the end"
        is_closed = isinstance(event, LinkClosed)
        if isinstance(event, MessageReceived):
            link.release(event.channel, len(event.payload))
    link.bytes_to_send(0.0)


def seeds() -> list[bytes]:
    units = [b"\0\1\0\0\0\1x", b"\1\1" + bytes(8), b"\2\2media", b"\3\1" + bytes(8)]
    framed = b"".join(bytes([len(unit) - 1]) + unit for unit in units)
    return [b"\0\x16\x03\1\0\5hello", b"\0GET / HTTP/1.1\r\n\r\n", b"\1" + _REQUEST + b"\r\n", b"\2" + framed]

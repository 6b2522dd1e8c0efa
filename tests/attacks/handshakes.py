"""Handshakes with a proven address, each broken off once the server has worked, so that its place is free again."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

from attacks.stranger import ELSEWHERE, Address, Counts, Pace
from lanline.crypto.dtls import DtlsKeys
from lanline.crypto.identity import Identity
from lanline.errors import MalformedPacket
from lanline.proto.link.preamble import (
    ClientRecords,
    Hello,
    Retry,
    ServerRecords,
    decode_preamble,
    encode_preamble,
)

_ANSWER_WITHIN_S = 0.01
_FATAL_ALERT = bytes.fromhex("15fefd 0000 000000000063 0002 0228")
"""RFC 5246, 7.2: a handshake failure."""


def attack(address: Address, stop_after_s: float, bits_per_s: float, *, source: str = ELSEWHERE) -> Counts:
    """`links` are the handshakes which the server has begun; `refused` those for which nothing came."""
    counts = Counts()
    [hello_records] = DtlsKeys(Identity.generate()).start_handshake(is_client=True).advance(b"")
    pace = Pace(bits_per_s, stop_after_s)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.settimeout(_ANSWER_WITHIN_S)
        while not pace.is_over:
            client_id = b"\x80" + os.urandom(7)
            retry = _ask(sock, address, encode_preamble(Hello(client_id)), counts, pace)
            if not isinstance(retry, Retry):
                continue
            records = encode_preamble(ClientRecords(client_id, retry.token, hello_records))
            if isinstance(_ask(sock, address, records, counts, pace), ServerRecords):
                counts.links += 1
                _ask(sock, address, encode_preamble(ClientRecords(client_id, retry.token, _FATAL_ALERT)), counts, pace)
            else:
                counts.refused += 1
    return counts


def _ask(sock: socket.socket, address: Address, data: bytes, counts: Counts, pace: Pace) -> object:
    """The answer that is for this packet, or None."""
    sock.sendto(data, address)
    counts.datagrams += 1
    counts.sent_bytes += len(data)
    pace.spend(len(data))
    until = time.monotonic() + _ANSWER_WITHIN_S
    with suppress(TimeoutError, MalformedPacket):
        while time.monotonic() < until:
            answer = sock.recv(65_536)
            counts.received_bytes += len(answer)
            packet = decode_preamble(answer)
            if getattr(packet, "client_id", b"") == data[6:14]:
                return packet
    return None

"""Attacks by datagrams before there is a link, from addresses that were never proven."""

from __future__ import annotations

import random
import select
import socket
from collections import Counter
from collections.abc import Callable

from attacks.handmade import Address, Counts, Pace, flood_unproven, read_all, send_to, sources
from lanline.proto.link.preamble import (
    CONNECTION_ID_BYTES,
    RECORDS_OVERHEAD_BYTES,
    TOKEN_BYTES,
    VERSION,
    ClientRecords,
    Hello,
    OtherVersion,
    Refused,
    Reset,
    Retry,
    ServerRecords,
    Versions,
    decode_preamble,
    encode_preamble,
)

_RECORD = b"\x16\xfe\xff" + bytes(8) + b"\0\x20" + bytes(32)
_BROKEN_RECORD = b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"
"""A fatal alert in clear."""
_ANSWER_S = 0.2


def initial_flood(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """HELLO after HELLO, each with another id."""
    rng = random.Random(1)
    return flood_unproven(
        address, Pace(stop_after_s, bits_per_s), lambda _: encode_preamble(Hello(rng.randbytes(CONNECTION_ID_BYTES)))
    )


def version_trick(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """HELLO and other packets of versions that are not spoken, and answers that only a server gives."""
    rng = random.Random(2)

    def make(number: int) -> bytes:
        client_id = rng.randbytes(CONNECTION_ID_BYTES)
        kinds = (
            OtherVersion(client_id, VERSION + 1, is_hello=True),
            OtherVersion(client_id, 255, is_hello=False),
            Versions(client_id, bytes(range(200))),
            Refused(client_id, 5),
            Retry(client_id, bytes(TOKEN_BYTES)),
            ServerRecords(client_id, client_id, _RECORD),
        )
        return encode_preamble(kinds[number % len(kinds)])

    return flood_unproven(address, Pace(stop_after_s, bits_per_s), make)


def forged_tokens(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Records under tokens that the server never gave: as short as may be, so that the answer is as large as may be."""
    rng = random.Random(3)

    def make(_: int) -> bytes:
        return encode_preamble(ClientRecords(rng.randbytes(8), rng.randbytes(TOKEN_BYTES), b"\x16"))

    return flood_unproven(address, Pace(stop_after_s, bits_per_s), make)


def reset_guessing(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Sealed packets of no link, each worth a RESET; and RESETs with guessed tokens for guessed ids."""
    rng = random.Random(4)

    def make(number: int) -> bytes:
        if number % 2:
            return encode_preamble(Reset(b"\x80" + rng.randbytes(7), rng.randbytes(16)))
        return b"\xff" + rng.randbytes(32)

    return flood_unproven(address, Pace(stop_after_s, bits_per_s), make)


def noise(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """Anything, of any size, the empty datagram too."""
    rng = random.Random(5)
    return flood_unproven(
        address, Pace(stop_after_s, bits_per_s), lambda _: rng.randbytes(rng.choice((0, 1, 13, 14, 33, 128, 1200)))
    )


def replayed_cookie(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """One token, good for 60 s, under which a handshake is begun and broken off over and over."""
    return _under_one_token(address, Pace(stop_after_s, bits_per_s), lambda _: _BROKEN_RECORD)


def stolen_cookie(address: Address, stop_after_s: float, bits_per_s: float) -> Counts:
    """A good token, used from addresses that it was not given to."""
    client_id = b"\x91" + bytes(7)
    with sources(1) as (first,):
        token = _token_for(first, client_id, address, Counter())
    datagram = encode_preamble(ClientRecords(client_id, token or bytes(TOKEN_BYTES), b"\x16"))
    return flood_unproven(address, Pace(stop_after_s, bits_per_s), lambda _: datagram)


def _under_one_token(address: Address, pace: Pace, make: Callable[[int], bytes]) -> Counts:
    counts: Counts = Counter()
    client_id = b"\x92" + bytes(7)
    token: bytes | None = None
    with sources(1) as (sock,):
        while pace.wait(len(records := make(counts["sent_datagrams"])) + RECORDS_OVERHEAD_BYTES):
            token = token or _token_for(sock, client_id, address, counts)
            if token is None:
                continue
            send_to(sock, encode_preamble(ClientRecords(client_id, token, records)), address, counts)
            for answer in read_all(sock):
                counts["received_bytes"] += len(answer)
                packet = decode_preamble(answer)
                token = packet.token if isinstance(packet, Retry) else token
                counts["refusals"] += isinstance(packet, Refused)
    return counts


def _token_for(sock: socket.socket, client_id: bytes, address: Address, counts: Counts) -> bytes | None:
    send_to(sock, encode_preamble(Hello(client_id)), address, counts)
    select.select([sock], [], [], _ANSWER_S)
    for answer in read_all(sock):
        counts["received_bytes"] += len(answer)
        packet = decode_preamble(answer)
        if isinstance(packet, Retry):
            return packet.token
    return None

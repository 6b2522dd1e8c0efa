"""Finds out whether a server that does not answer speaks the other one of the two formats, plain or encrypted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct

from lanline.errors import MalformedPacket
from lanline.proto.link.preamble import CONNECTION_ID_BYTES, Hello, Retry, Versions, decode_preamble, encode_preamble
from lanline.proto.media.plain import HELLO
from lanline.transport.datagrams import Address
from lanline.transport.udp import UdpSocket

_HEADER = struct.Struct("!IHHI")
_ANSWERS_WITHIN_S = 1.0


def link_hello() -> bytes:
    """The first datagram of an encrypted link, which every such server answers without keeping anything."""
    return encode_preamble(Hello(bytes([os.urandom(1)[0] & 0x7F]) + os.urandom(CONNECTION_ID_BYTES - 1)))


def is_of_a_link(data: bytes) -> bool:
    """An answer to `link_hello`."""
    try:
        return isinstance(decode_preamble(data), Retry | Versions)
    except MalformedPacket:
        return False


def is_plain(data: bytes) -> bool:
    if len(data) <= _HEADER.size:
        return False
    _, total, index, size = _HEADER.unpack_from(data)
    return bool(size == len(data) - _HEADER.size and index < total)


async def speaks_plain(address: Address) -> bool:
    """Says one hello of the plain format, and waits a moment for a piece of a picture."""
    sock = await UdpSocket.bind("::" if ":" in address[0] else "0.0.0.0", 0, may_fragment=True)  # noqa: S104
    answered = asyncio.Event()

    def on_readable() -> None:
        if any(source == address and is_plain(data) for data, source in sock.receive()):
            answered.set()

    try:
        sock.start(on_readable)
        sock.send(address, [HELLO])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(answered.wait(), _ANSWERS_WITHIN_S)
    finally:
        sock.close()
    return answered.is_set()

"""The packets before keys exist, and the reset after they are gone: <-> bytes. Layouts: docs/protocol/link.md.

All begin with type, magic, version and a connection id; that head stays the same in every version. The first byte is
below 0x80, and that of every sealed packet is not.
"""

from __future__ import annotations

from struct import Struct

import msgspec

from lanline.errors import MalformedPacket

VERSION = 1
CONNECTION_ID_BYTES = 8
TOKEN_BYTES = 20
HELLO_BYTES = 128
"""Padded, so that no answer to a first packet is larger than it."""

_MAGIC = b"LANL"
_HEAD = Struct("!B4sB8s")
_HELLO, _RETRY, _CLIENT_RECORDS, _SERVER_RECORDS, _VERSIONS, _REFUSED, _RESET = range(1, 8)
_RESET_TOKEN_BYTES = 16

RECORDS_OVERHEAD_BYTES = _HEAD.size + TOKEN_BYTES


class Hello(msgspec.Struct, frozen=True):
    client_id: bytes


class Retry(msgspec.Struct, frozen=True):
    client_id: bytes
    token: bytes


class ClientRecords(msgspec.Struct, frozen=True):
    client_id: bytes
    token: bytes
    records: bytes


class ServerRecords(msgspec.Struct, frozen=True):
    client_id: bytes
    server_id: bytes
    records: bytes


class Versions(msgspec.Struct, frozen=True):
    """The answer to a version that is not spoken here."""

    client_id: bytes
    versions: bytes


class Refused(msgspec.Struct, frozen=True):
    client_id: bytes
    code: int


class Reset(msgspec.Struct, frozen=True):
    """No link goes by this connection id (any more); the token shows that the right host says so."""

    connection_id: bytes
    token: bytes


class OtherVersion(msgspec.Struct, frozen=True):
    """A packet with a good head, in a version not spoken here."""

    client_id: bytes
    version: int
    is_hello: bool


Preamble = Hello | Retry | ClientRecords | ServerRecords | Versions | Refused | Reset | OtherVersion


def encode_preamble(packet: Preamble) -> bytes:  # noqa: PLR0911 -- one return for each type of packet
    match packet:
        case Hello(client_id=client_id):
            return _head(_HELLO, client_id).ljust(HELLO_BYTES, b"\0")
        case Retry(client_id=client_id, token=token):
            return _head(_RETRY, client_id) + token
        case ClientRecords(client_id=client_id, token=token, records=records):
            return _head(_CLIENT_RECORDS, client_id) + token + records
        case ServerRecords(client_id=client_id, server_id=server_id, records=records):
            return _head(_SERVER_RECORDS, client_id) + server_id + records
        case Versions(client_id=client_id, versions=versions):
            return _head(_VERSIONS, client_id) + versions
        case Refused(client_id=client_id, code=code):
            return _head(_REFUSED, client_id) + code.to_bytes(2, "big")
        case Reset(connection_id=connection_id, token=token):
            return _head(_RESET, connection_id) + token
        case OtherVersion(client_id=client_id, version=version, is_hello=is_hello):
            kind = _HELLO if is_hello else _CLIENT_RECORDS
            return _HEAD.pack(kind, _MAGIC, version, client_id).ljust(HELLO_BYTES, b"\0")


def _head(kind: int, connection_id: bytes) -> bytes:
    return _HEAD.pack(kind, _MAGIC, VERSION, connection_id)


def decode_preamble(data: bytes) -> Preamble:
    if len(data) < _HEAD.size:
        raise MalformedPacket("a packet is too short")
    kind, magic, version, connection_id = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise MalformedPacket("a packet is not of this protocol")
    body = data[_HEAD.size :]
    if kind == _VERSIONS and body:
        return Versions(connection_id, body)
    if version != VERSION:
        return OtherVersion(connection_id, version, is_hello=kind == _HELLO and len(data) >= HELLO_BYTES)
    packet = _decode_body(kind, connection_id, body)
    if packet is None:
        raise MalformedPacket("a packet has the wrong size or an unknown type")
    return packet


def _decode_body(kind: int, connection_id: bytes, body: bytes) -> Preamble | None:  # noqa: PLR0911 -- as encode_preamble
    size = len(body)
    if kind == _HELLO and size == HELLO_BYTES - _HEAD.size:
        return Hello(connection_id)
    if kind == _RETRY and size == TOKEN_BYTES:
        return Retry(connection_id, body)
    if kind == _CLIENT_RECORDS and size > TOKEN_BYTES:
        return ClientRecords(connection_id, body[:TOKEN_BYTES], body[TOKEN_BYTES:])
    if kind == _SERVER_RECORDS and size > CONNECTION_ID_BYTES:
        return ServerRecords(connection_id, body[:CONNECTION_ID_BYTES], body[CONNECTION_ID_BYTES:])
    if kind == _REFUSED and size == 2:
        return Refused(connection_id, int.from_bytes(body, "big"))
    if kind == _RESET and size == _RESET_TOKEN_BYTES:
        return Reset(connection_id, body)
    return None

"""TLS handshakes made only to look at them: which versions a server speaks and which certificates it shows.

OpenSSL is used directly, because `ssl` neither shows the chain of an untrusted server nor speaks old versions. Nothing
is sent over these connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from cryptography import x509
from OpenSSL import SSL

from lanline.errors import MailDeferred, MailProblem
from lanline.model.mail.server import Security, Server, is_ip_address

VERSIONS = {
    "TLS 1.0": SSL.TLS1_VERSION,
    "TLS 1.1": SSL.TLS1_1_VERSION,
    "TLS 1.2": SSL.TLS1_2_VERSION,
    "TLS 1.3": SSL.TLS1_3_VERSION,
}
_MAX_LINES = 100


class Handshake(msgspec.Struct, frozen=True):
    version: str
    chain: tuple[x509.Certificate, ...]


async def shake_hands(server: Server, timeout_s: float, version: int | None = None) -> Handshake | None:
    """None when the server does not want this version. Raises MailDeferred when it is not there at all."""
    try:
        async with asyncio.timeout(timeout_s), _connected(server) as (reader, writer):
            if server.security is Security.STARTTLS and not await _tls_granted(reader, writer):
                return None
            return await _handshake(reader, writer, _connection(server, version))
    except SSL.Error:
        return None
    except (OSError, ValueError, EOFError) as cause:
        raise _away(server) from cause


def _away(server: Server) -> MailProblem:
    return MailDeferred(f"{server} broke off while its TLS was looked at; try again later.")


@contextlib.asynccontextmanager
async def _connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _connection(server: Server, version: int | None) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if version is not None:
        context.set_cipher_list(b"ALL:@SECLEVEL=0")  # or OpenSSL would not even ask for the old ones
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
    connection = SSL.Connection(context, None)
    if not is_ip_address(server.host):
        connection.set_tlsext_host_name(server.host.encode())
    connection.set_connect_state()
    return connection


async def _tls_granted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await _reply_code(reader)
    writer.write(b"EHLO localhost\r\n")
    await _reply_code(reader)
    writer.write(b"STARTTLS\r\n")
    return await _reply_code(reader) == b"220"


async def _reply_code(reader: asyncio.StreamReader) -> bytes:
    for _ in range(_MAX_LINES):
        line = await reader.readline()
        if not line:
            raise EOFError
        if line[3:4] != b"-":
            return line[:3]
    raise ValueError("a reply without end")


async def _handshake(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: SSL.Connection
) -> Handshake | None:
    while True:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            _flush(connection, writer)
            received = await reader.read(65_536)
            if not received:
                return None
            connection.bio_write(received)
            continue
        chain = connection.get_peer_cert_chain(as_cryptography=True) or []
        return Handshake(connection.get_protocol_version_name(), tuple(chain))


def _flush(connection: SSL.Connection, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(SSL.WantReadError):
        while True:
            writer.write(connection.bio_read(65_536))

"""TLS below, HTTP and WebSocket frames above: bytes in, units out, and the other way.

Knows nothing of channels or time. Whatever arrives, it raises nothing: it reports `StackEnded`, and
the link reads no more.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from lanline.crypto.openssl import SSL
from lanline.crypto.tls import TlsSession
from lanline.errors import CloseCode
from lanline.proto.websocket.goodbye import CODE_BASE, code_of, cut_reason, printable
from lanline.proto.websocket.upgrade import (
    MAX_UPGRADE_BYTES,
    PLAIN_HTTP_ANSWER,
    answer_request,
    check_answer,
    client_protocol,
    server_protocol,
)

MAX_WAITING_PONGS = 256
"""RFC 6455, 5.5.3 asks for an answer to the newest ping only; nobody honest has this many unread."""

MAX_STRANGER_PIECES = 64
"""Frames, and records of TLS, of somebody who has not signed in: signing in takes a dozen of each."""
_STRANGER_PIECE_BYTES = 1024
"""So much of a stranger's is taken apart before what it came to is counted: tiny frames cost most for a byte."""

_TLS_HANDSHAKE_RECORD = 0x16
"""RFC 8446, 5.1: the first byte of a ClientHello."""


class StackSecured(msgspec.Struct, frozen=True):
    pass


class StackOpened(msgspec.Struct, frozen=True):
    peer_fingerprint: bytes
    binding: bytes


class StackEnded(msgspec.Struct, frozen=True):
    code: CloseCode
    reason: str
    by_peer: bool = False


Unit = bytes | bytearray
StackOutput = Unit | StackSecured | StackOpened | StackEnded


class WebSocketStack:
    __slots__ = (
        "_is_open",
        "_is_secure",
        "_pieces_left",
        "_plain_answer",
        "_protocol",
        "_tls",
        "_upgrade_bytes",
        "_was_reached",
    )

    def __init__(self, tls: TlsSession, protocol: ClientProtocol | ServerProtocol) -> None:
        self._tls = tls
        self._protocol = protocol
        self._was_reached = False
        self._is_secure = False
        self._is_open = False
        self._pieces_left: int | None = MAX_STRANGER_PIECES
        self._upgrade_bytes = 0
        self._plain_answer = b""

    @classmethod
    def client(cls, context: SSL.Context, host: str, port: int, expected_fingerprint: bytes | None) -> WebSocketStack:
        tls = TlsSession(context, is_server=False, expected_fingerprint=expected_fingerprint)
        return cls(tls, client_protocol(host, port))

    @classmethod
    def server(cls, context: SSL.Context) -> WebSocketStack:
        return cls(TlsSession(context, is_server=True), server_protocol())

    def trust(self) -> None:
        """The peer is no stranger: it may send as much as it likes."""
        self._pieces_left = None

    def receive_bytes(self, data: bytes) -> Iterator[StackOutput]:
        if not self._was_reached and isinstance(self._protocol, ServerProtocol) and data[0] != _TLS_HANDSHAKE_RECORD:
            if b"GET ".startswith(data[:4]):
                self._plain_answer = PLAIN_HTTP_ANSWER
            yield StackEnded(CloseCode.HANDSHAKE_FAILED, "The caller does not speak TLS.")
            return
        self._was_reached = True
        for piece in self._in_pieces(data):
            yield from self._receive_sealed(piece)

    def _in_pieces(self, data: bytes) -> Iterator[bytes]:
        if self._pieces_left is None:
            yield data
            return
        for start in range(0, len(data), _STRANGER_PIECE_BYTES):
            yield data[start : start + _STRANGER_PIECE_BYTES]

    def _receive_sealed(self, data: bytes) -> Iterator[StackOutput]:
        records = self._tls.receive_bytes(data)
        if self._tls.established and not self._is_secure:
            self._is_secure = True
            yield StackSecured()
            if isinstance(self._protocol, ClientProtocol):
                self._protocol.send_request(self._protocol.connect())
        yield from self._count(len(records))
        for record in records:
            for piece in self._in_pieces(record):
                yield from self._receive_plaintext(piece)
        if self._tls.failure is not None:
            yield self._tls_failed()
        elif self._tls.ended:
            yield from self.receive_eof()

    def receive_eof(self) -> Iterator[StackOutput]:
        if self._is_open:
            yield StackEnded(CloseCode.RESET, "The connection was cut off.")
            return
        if self._is_secure:
            # An answer without a length ends here (RFC 9112, 6.3).
            self._protocol.receive_eof()
            for event in self._protocol.events_received():
                yield from self._receive_event(event)
        yield StackEnded(CloseCode.HANDSHAKE_FAILED, "The connection ended during the handshake.")

    def send_unit(self, unit: bytes) -> None:
        self._protocol.send_binary(unit)

    def send_ping(self) -> None:
        self._protocol.send_ping(b"")

    def say_goodbye(self, code: CloseCode, reason: str) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CODE_BASE + code, cut_reason(reason))
        self.flush()
        self._tls.end()

    def flush(self) -> None:
        """Seal what was sent: everything of a turn together, in as few records as possible."""
        # The library asks for the end of the stream with an empty item; when that comes is the link's to say.
        plaintext = b"".join(self._protocol.data_to_send())
        if plaintext:
            self._tls.send_plaintext(plaintext)

    def bytes_to_send(self) -> bytes:
        if self._plain_answer:
            answer, self._plain_answer = self._plain_answer, b""
            return answer
        return self._tls.bytes_to_send()

    def _count(self, pieces: int) -> Iterator[StackEnded]:
        if self._pieces_left is not None:
            self._pieces_left -= pieces
            if self._pieces_left < 0:
                yield StackEnded(CloseCode.PROTOCOL_VIOLATION, "Too much was sent before signing in.")

    def _receive_plaintext(self, plaintext: bytes) -> Iterator[StackOutput]:
        self._protocol.receive_data(plaintext)
        events = self._protocol.events_received()
        yield from self._count(len(events))
        if not self._is_open and isinstance(self._protocol, ServerProtocol) and self._spoke_too_early(len(events)):
            yield StackEnded(CloseCode.HANDSHAKE_FAILED, "The client did not wait for the answer to its request.")
            return
        for event in events:
            yield from self._receive_event(event)
        if self._protocol.parser_exc is not None:
            yield StackEnded(CloseCode.PROTOCOL_VIOLATION, _what_was_wrong(self._protocol.parser_exc))
        elif len(self._protocol.writes) > MAX_WAITING_PONGS:
            yield StackEnded(CloseCode.PROTOCOL_VIOLATION, "The peer sends pings and does not read the answers.")
        elif not self._is_open:
            yield from self._check_opening(len(plaintext))

    def _receive_event(self, event: Frame | Request | Response) -> Iterator[StackOutput]:
        if isinstance(event, Frame):
            if event.opcode is Opcode.BINARY and event.fin:
                assert isinstance(event.data, bytes | bytearray)
                yield event.data
            elif event.opcode is Opcode.CLOSE:
                yield self._peer_said_goodbye()
            elif event.opcode is not Opcode.PING and event.opcode is not Opcode.PONG:
                yield StackEnded(CloseCode.PROTOCOL_VIOLATION, "A message that is not binary, or comes in fragments.")
        else:
            yield self._receive_opening(event)

    def _receive_opening(self, event: Request | Response) -> StackOutput:
        fingerprint = self._tls.peer_fingerprint
        if isinstance(self._protocol, ClientProtocol):
            refusal = check_answer(self._protocol)
        else:
            assert isinstance(event, Request)
            refusal = answer_request(self._protocol, event, has_certificate=fingerprint is not None)
        if refusal is not None:
            return StackEnded(refusal.code, refusal.reason)
        if fingerprint is None:
            return StackEnded(CloseCode.HANDSHAKE_FAILED, "The server showed no key that can be read.")
        self._is_open = True
        return StackOpened(fingerprint, self._tls.binding)

    def _spoke_too_early(self, event_count: int) -> bool:
        """RFC 6455, 4.1: nothing follows the request before the answer. The library would still read it as frames."""
        return event_count > 1 or self._protocol.parser_exc is not None

    def _check_opening(self, size_bytes: int) -> Iterator[StackEnded]:
        self._upgrade_bytes += size_bytes
        if self._protocol.handshake_exc is not None:
            yield StackEnded(CloseCode.HANDSHAKE_FAILED, "The other side does not speak WebSocket.")
        elif self._upgrade_bytes > MAX_UPGRADE_BYTES:
            yield StackEnded(CloseCode.HANDSHAKE_FAILED, "The opening of the other side is too long.")

    def _peer_said_goodbye(self) -> StackEnded:
        close = self._protocol.close_rcvd
        assert isinstance(close, Close)
        return StackEnded(code_of(close), printable(close.reason), by_peer=True)

    def _tls_failed(self) -> StackEnded:
        if self._tls.peer_was_rejected:
            return StackEnded(CloseCode.IDENTITY_REJECTED, "The other side has another key than the one that is known.")
        if self._is_open:
            return StackEnded(CloseCode.RESET, "The connection was damaged on its way.")
        return StackEnded(CloseCode.HANDSHAKE_FAILED, "The other side did not agree to TLS 1.3 with a certificate.")


def _what_was_wrong(problem: Exception) -> str:
    return "A message over the size limit." if isinstance(problem, PayloadTooBig) else "Bytes that are not WebSocket."

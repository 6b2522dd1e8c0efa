"""TLS 1.3 in memory: contexts made from an identity, and one session as bytes in, bytes out.

Both sides show self-signed certificates. The handshake proves that the peer holds the key of its certificate; whether
that key is the right one is the pinned fingerprint's business, so no authority, name or date is looked at. A server
lets a caller without a certificate through the handshake: it has to be able to tell a stranger where it has landed.
"""

from __future__ import annotations

from lanline.crypto.identity import Identity
from lanline.crypto.openssl import SSL, crypto
from lanline.crypto.peercertificate import (
    accept_certificate,
    fingerprint_shown,
    has_more_certificates,
    restrict,
    show_certificate,
)

BINDING_LABEL = b"EXPORTER-lanline-binding"
BINDING_BYTES = 32
RECORD_BYTES = 16_384
"""RFC 8446, 5.1: the most plaintext that one record holds."""
MAX_HANDSHAKE_BYTES = 4096
"""All that the peer may send before the handshake is done: Lanline's own programs send 1,900, browsers 2,300."""

_GROUPS = b"X25519MLKEM768:X25519:P-256"
_BIO_READ_BYTES = 65_536
_SESSION_CONTEXT = b"lanline"


def server_context(identity: Identity) -> SSL.Context:
    """Made once and shared by every session of a listener."""
    context = _context(identity)
    # Nothing is resumed: a session starts with both certificates, always. Without an id, OpenSSL breaks the
    # connection of a stranger who tries to resume, instead of falling back to a full handshake.
    context.set_session_id(_SESSION_CONTEXT)
    context.set_options(SSL.OP_NO_TICKET)
    return context


def client_context(identity: Identity) -> SSL.Context:
    return _context(identity)


def _context(identity: Identity) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    show_certificate(context, identity.certificate)
    context.use_privatekey(identity.private_key)
    restrict(context, _GROUPS, SSL.VERIFY_PEER)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # A quiet session keeps no record buffers: 36 kB instead of 63.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


class _PinnedPeer:
    """Refuses a wrong server inside the handshake, before our own certificate has told it who is asking."""

    __slots__ = ("_expected_fingerprint", "rejected")

    def __init__(self, expected_fingerprint: bytes) -> None:
        self._expected_fingerprint = expected_fingerprint
        self.rejected = False

    def __call__(self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        accepted = accept_certificate(connection, certificate, error, depth, ok)
        if depth == 0 and fingerprint_shown(connection) != self._expected_fingerprint:
            self.rejected = True
        return accepted and not self.rejected


class TlsSession:
    """After a failure nothing more is read; what was read whole before it still counts."""

    __slots__ = ("_connection", "_is_server", "_pinned_peer", "_room_bytes", "ended", "established", "failure")

    def __init__(self, context: SSL.Context, *, is_server: bool, expected_fingerprint: bytes | None = None) -> None:
        self._connection = SSL.Connection(context)
        self._pinned_peer = None if expected_fingerprint is None else _PinnedPeer(expected_fingerprint)
        if self._pinned_peer is not None:
            self._connection.set_verify(SSL.VERIFY_PEER, self._pinned_peer)
        self._is_server = is_server
        self._room_bytes = MAX_HANDSHAKE_BYTES
        self.established = False
        self.ended = False
        self.failure: SSL.Error | None = None
        if is_server:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()
            self._shake_hands()

    @property
    def peer_was_rejected(self) -> bool:
        return self._pinned_peer is not None and self._pinned_peer.rejected

    @property
    def peer_fingerprint(self) -> bytes | None:
        """None: it showed no certificate."""
        return fingerprint_shown(self._connection)

    @property
    def binding(self) -> bytes:
        return self._connection.export_keying_material(BINDING_LABEL, BINDING_BYTES)

    def receive_bytes(self, data: bytes) -> list[bytes]:
        """What the data completes of the plaintext, one item for each record."""
        records: list[bytes] = []
        if self.ended or self.failure is not None:
            return records
        if not self.established:
            data = self._receive_handshake(data)
        if data:
            self._connection.bio_write(data)
        while self.established and self._read_record(records):
            pass
        return records

    def send_plaintext(self, data: bytes) -> None:
        if self.failure is None:
            try:
                self._connection.sendall(data)
            except SSL.Error as cause:
                self.failure = cause

    def end(self) -> None:
        """Send close_notify: what was sent is all there is (RFC 8446, 6.1)."""
        if self.established and self.failure is None:
            try:
                self._connection.shutdown()
            except SSL.Error as cause:
                self.failure = cause

    def bytes_to_send(self) -> bytes:
        parts: list[bytes] = []
        try:
            while True:
                parts.append(self._connection.bio_read(_BIO_READ_BYTES))
                if len(parts[-1]) < _BIO_READ_BYTES:
                    break
        except SSL.WantReadError:
            pass
        return b"".join(parts)

    def _receive_handshake(self, data: bytes) -> bytes:
        """Returns what is behind the bytes that a handshake may take: OpenSSL never sees more of a stranger's."""
        room = self._room_bytes
        self._room_bytes -= min(room, len(data))
        self._connection.bio_write(data[:room])
        self._shake_hands()
        if not self.established and self._room_bytes == 0 and self.failure is None:
            self.failure = SSL.Error("the handshake takes too many bytes")
        return data[room:] if self.established else b""

    def _shake_hands(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as cause:
            self.failure = cause
        else:
            if has_more_certificates(self._connection, is_server=self._is_server):
                self.failure = SSL.Error("the peer showed more than one certificate")
            self.established = self.failure is None

    def _read_record(self, records: list[bytes]) -> bool:
        try:
            records.append(self._connection.recv(RECORD_BYTES))
        except SSL.WantReadError:
            return False
        except SSL.ZeroReturnError:
            self.ended = True
            return False
        except SSL.Error as cause:
            self.failure = cause
            return False
        return True

"""The DTLS 1.2 handshake of a link, by OpenSSL, in memory: records in, records out, then exported secrets.

It proves both keys and agrees on secrets; sending, repeating and timing are the link's. OpenSSL's own retransmission
reads the real clock; what it repeats is dropped.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from lanline.crypto.identity import Identity
from lanline.crypto.openssl import SSL
from lanline.crypto.peercertificate import (
    fingerprint_shown,
    has_extended_master_secret,
    has_more_certificates,
    restrict,
    show_certificate,
)
from lanline.crypto.sealing import Suite
from lanline.errors import IdentityProblem, MalformedPacket

_CIPHERS = b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
_SUITES: dict[str, Suite] = {
    "ECDHE-ECDSA-AES256-GCM-SHA384": AESGCM,
    "ECDHE-ECDSA-CHACHA20-POLY1305": ChaCha20Poly1305,
}
_GROUPS = b"X25519:P-256"
_RECORD_HEADER_BYTES = 13
_MESSAGE_HEADER_BYTES = 12
_ALERT, _HANDSHAKE = 21, 22
_EPOCH = slice(3, 5)
_IN_CLEAR = b"\0\0"
_MESSAGE_SIZE, _MESSAGE_SEQUENCE, _FRAGMENT_SIZE = slice(14, 17), slice(17, 19), slice(22, 25)
MAX_MESSAGE_BYTES = 2048
"""Of one message of the handshake in clear. OpenSSL would keep room for ten of 100 kB each for whoever says so."""
MAX_HANDSHAKE_BYTES = 32_768
"""All that the peer may send in one handshake: each flight of Lanline's own programs, repeated twenty times."""
_RECORD_LIMIT_BYTES = 480
"""Small records, so that a flight can be packed anew into smaller datagrams when larger ones vanish."""
_READ_BYTES = 65536


class DtlsKeys:
    """What a host needs for all its handshakes; made once."""

    __slots__ = ("_context",)

    def __init__(self, identity: Identity) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(_CIPHERS)
        context.use_privatekey(identity.private_key)
        show_certificate(context, identity.certificate)
        restrict(context, _GROUPS, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        self._context = context

    def start_handshake(self, is_client: bool) -> DtlsHandshake:
        return DtlsHandshake(self._context, is_client)


class DtlsHandshake:
    __slots__ = ("_connection", "_has_changed_keys", "_is_client", "_last_sequence", "_room_bytes", "is_complete")

    def __init__(self, context: SSL.Context, is_client: bool) -> None:
        self._connection = SSL.Connection(context, None)
        self._connection.set_ciphertext_mtu(_RECORD_LIMIT_BYTES)
        if is_client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._is_client = is_client
        self._last_sequence = b""
        self._has_changed_keys = False
        self._room_bytes = MAX_HANDSHAKE_BYTES
        self.is_complete = False

    def advance(self, records: bytes) -> list[bytes]:
        """Take the peer's records (none at the start); return ours, one by one, when it is our turn."""
        if records:
            self._check_size(records)
            self._connection.bio_write(records)
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as cause:
            raise MalformedPacket("the handshake does not follow the protocol") from cause
        else:
            self._check_peer()
            self.is_complete = True
        return self._without_repeats(_cut_records(self._read()))

    def _check_size(self, records: bytes) -> None:
        """Before OpenSSL keeps anything of it."""
        self._room_bytes -= len(records)
        if self._room_bytes < 0:
            raise MalformedPacket("the handshake takes too many bytes")
        for record in _cut_records(records):
            if record[0] == _HANDSHAKE and record[_EPOCH] == _IN_CLEAR:
                _check_message(record)

    def _check_peer(self) -> None:
        if has_more_certificates(self._connection, is_server=not self._is_client):
            raise MalformedPacket("the peer showed more than one certificate")
        if not has_extended_master_secret(self._connection):
            raise MalformedPacket("the peer does not bind its keys to the handshake (RFC 7627)")

    def _without_repeats(self, records: list[bytes]) -> list[bytes]:
        last_sequence, has_changed_keys = self._last_sequence, self._has_changed_keys
        new: list[bytes] = []
        for record in records:
            if record[0] == _HANDSHAKE and record[_EPOCH] == _IN_CLEAR:
                if record[_MESSAGE_SEQUENCE] <= last_sequence:
                    continue
                self._last_sequence = max(self._last_sequence, record[_MESSAGE_SEQUENCE])
            elif record[0] != _ALERT:
                # The change of keys and what is sealed with them; each side says it once.
                if has_changed_keys:
                    continue
                self._has_changed_keys = True
            new.append(record)
        return new

    def _read(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self._connection.bio_read(_READ_BYTES))
            except SSL.WantReadError:
                return b"".join(parts)

    @property
    def suite(self) -> Suite:
        return _SUITES[self._connection.get_cipher_name() or ""]

    @property
    def peer_fingerprint(self) -> bytes:
        fingerprint = fingerprint_shown(self._connection)
        if fingerprint is None:
            raise IdentityProblem("The peer showed no certificate.")
        return fingerprint

    def export(self, label: bytes, context: bytes, size_bytes: int) -> bytes:
        return self._connection.export_keying_material(label, size_bytes, context)


def with_fresh_numbers(records: list[bytes], first: int) -> list[bytes]:
    """For every time that a flight is sent. OpenSSL drops a record whose number it has seen, also when the record came
    before its turn and was of no use then. The numbers of records in clear are not authenticated (RFC 6347, 4.1).
    """
    return [
        record[:5] + number.to_bytes(6, "big") + record[11:] if record[_EPOCH] == _IN_CLEAR else record
        for number, record in enumerate(records, first)
    ]


def _check_message(record: bytes) -> None:
    """Or a part of one. Each comes in a record of its own, so that none hides behind another."""
    if int.from_bytes(record[_MESSAGE_SIZE], "big") > MAX_MESSAGE_BYTES:
        raise MalformedPacket("a message of the handshake is too large")
    if len(record) != _RECORD_HEADER_BYTES + _MESSAGE_HEADER_BYTES + int.from_bytes(record[_FRAGMENT_SIZE], "big"):
        raise MalformedPacket("a record of the handshake does not hold one message")


def _cut_records(data: bytes) -> list[bytes]:
    records: list[bytes] = []
    while data:
        size = _RECORD_HEADER_BYTES + int.from_bytes(data[11:13], "big")
        records.append(data[:size])
        data = data[size:]
    return records

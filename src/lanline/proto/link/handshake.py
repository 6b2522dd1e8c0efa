"""What both ends of a handshake have in common: the exchange they run, how a flight is packed, what they agree on."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

import msgspec

from lanline.crypto.dtls import with_fresh_numbers
from lanline.crypto.sealing import SECRET_BYTES, Suite
from lanline.proto.link.preamble import RECORDS_OVERHEAD_BYTES, VERSION
from lanline.proto.link.profile import LinkProfile

_SECRETS_LABEL = b"EXPORTER-lanline-link"
_BINDING_LABEL = b"EXPORTER-lanline-binding"
_BINDING_BYTES = 32
_TIMES_AT_FULL_SIZE = 2


class KeyExchange(Protocol):
    """One run of the cryptographic handshake: records in, records out."""

    is_complete: bool

    def advance(self, records: bytes) -> list[bytes]: ...

    @property
    def suite(self) -> Suite: ...

    @property
    def peer_fingerprint(self) -> bytes: ...

    def export(self, label: bytes, context: bytes, size_bytes: int) -> bytes: ...


class KeyExchanges(Protocol):
    def start_handshake(self, is_client: bool) -> KeyExchange: ...


class Agreement(msgspec.Struct, frozen=True):
    """What a completed handshake leaves behind; the exchange itself, with OpenSSL's memory, is let go."""

    remote_id: bytes
    suite: Suite
    sending_secret: bytes
    receiving_secret: bytes
    peer_fingerprint: bytes
    binding: bytes
    round_trip_s: float
    was_lossy: bool


class HandshakeState(Enum):
    PROVING_ADDRESS = auto()
    EXCHANGING = auto()
    COMPLETE = auto()
    FAILED = auto()

    def followed_by(self, state: HandshakeState) -> HandshakeState:
        assert state in _MAY_FOLLOW[self], f"{self} -> {state}"
        return state


_MAY_FOLLOW = {
    HandshakeState.PROVING_ADDRESS: {HandshakeState.EXCHANGING, HandshakeState.FAILED},
    HandshakeState.EXCHANGING: {HandshakeState.COMPLETE, HandshakeState.FAILED},
    HandshakeState.COMPLETE: set(),
    HandshakeState.FAILED: {HandshakeState.FAILED},
}


def agree(
    exchange: KeyExchange,
    client_id: bytes,
    server_id: bytes,
    *,
    is_client: bool,
    round_trip_s: float,
    was_lossy: bool,
) -> Agreement:
    secrets = exchange.export(_SECRETS_LABEL, bytes([VERSION]) + client_id + server_id, 2 * SECRET_BYTES)
    client_secret, server_secret = secrets[:SECRET_BYTES], secrets[SECRET_BYTES:]
    return Agreement(
        remote_id=server_id if is_client else client_id,
        suite=exchange.suite,
        sending_secret=client_secret if is_client else server_secret,
        receiving_secret=server_secret if is_client else client_secret,
        peer_fingerprint=exchange.peer_fingerprint,
        binding=exchange.export(_BINDING_LABEL, b"", _BINDING_BYTES),
        round_trip_s=round_trip_s,
        was_lossy=was_lossy,
    )


class Flight:
    """The records that this end said last, to be sent until the other end answers them."""

    __slots__ = ("_profile", "_records", "_records_sent", "_times_sent")

    def __init__(self, profile: LinkProfile) -> None:
        self._profile = profile
        self._records: list[bytes] = []
        self._records_sent = 0
        self._times_sent = 0

    def __bool__(self) -> bool:
        return bool(self._records)

    def replace(self, records: list[bytes]) -> None:
        self._records = records
        self._times_sent = 0

    def next_bodies(self) -> list[bytes]:
        """Its records for as few datagrams as possible; small ones when large ones were in vain."""
        profile = self._profile
        size = profile.mtu_bytes if self._times_sent < _TIMES_AT_FULL_SIZE else profile.floor_mtu_bytes
        self._times_sent += 1
        records = with_fresh_numbers(self._records, self._records_sent)
        self._records_sent += len(records)
        return _pack_records(records, size - RECORDS_OVERHEAD_BYTES)


def _pack_records(records: list[bytes], room: int) -> list[bytes]:
    """As few datagrams as possible, no record cut in two."""
    packed: list[bytes] = []
    current = b""
    for record in records:
        if current and len(current) + len(record) > room:
            packed.append(current)
            current = b""
        current += record
    return [*packed, current] if current else packed

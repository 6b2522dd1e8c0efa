"""How two hosts come to share keys: proof of address, then DTLS in our own packets, repeated on our own clock.

The client drives: only it has a timer. The server answers, and repeats its last flight when it hears an old one again,
so a server never sends more often than it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

import msgspec

from lanline.crypto.dtls import with_fresh_numbers
from lanline.crypto.sealing import SECRET_BYTES, Suite
from lanline.errors import CloseCode, IdentityProblem, MalformedPacket
from lanline.proto.link.preamble import (
    RECORDS_OVERHEAD_BYTES,
    VERSION,
    ClientRecords,
    Hello,
    Refused,
    Retry,
    ServerRecords,
    Versions,
    encode_preamble,
)
from lanline.proto.link.profile import LinkProfile

_SECRETS_LABEL = b"EXPORTER-lanline-link"
_BINDING_LABEL = b"EXPORTER-lanline-binding"
_BINDING_BYTES = 32
_FIRST_INTERVAL_S = 0.2
_LEAST_INTERVAL_S = 0.03
_MOST_INTERVAL_S = 1.0
_BACKOFF = 1.5
_TRIES_AT_FULL_SIZE = 2
_LEAST_REPEAT_INTERVAL_S = 0.02


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


def _agree(exchange: KeyExchange, client_id: bytes, server_id: bytes, is_client: bool, **measured: float) -> Agreement:
    secrets = exchange.export(_SECRETS_LABEL, bytes([VERSION]) + client_id + server_id, 2 * SECRET_BYTES)
    client_secret, server_secret = secrets[:SECRET_BYTES], secrets[SECRET_BYTES:]
    return Agreement(
        remote_id=server_id if is_client else client_id,
        suite=exchange.suite,
        sending_secret=client_secret if is_client else server_secret,
        receiving_secret=server_secret if is_client else client_secret,
        peer_fingerprint=exchange.peer_fingerprint,
        binding=exchange.export(_BINDING_LABEL, b"", _BINDING_BYTES),
        round_trip_s=measured["round_trip_s"],
        was_lossy=bool(measured["was_lossy"]),
    )


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


class ClientHandshake:
    __slots__ = (
        "_client_id",
        "_exchange",
        "_expires_at",
        "_flight",
        "_interval_s",
        "_is_due",
        "_profile",
        "_records_sent",
        "_repeated",
        "_round_trip_s",
        "_send_at",
        "_sent_at",
        "_server_id",
        "_token",
        "_tries",
        "agreement",
        "failure",
        "state",
    )

    def __init__(self, client_id: bytes, exchange: KeyExchange, profile: LinkProfile, now: float) -> None:
        self._client_id = client_id
        self._exchange = exchange
        self._profile = profile
        self._flight: list[bytes] = []
        self._records_sent = 0
        self._token = b""
        self._server_id: bytes | None = None
        self._round_trip_s: float | None = None
        self._repeated = False
        self._tries = 0
        self._interval_s = _FIRST_INTERVAL_S
        self._sent_at = now
        self._send_at = now
        self._is_due = True
        self._expires_at = now + profile.handshake_timeout_s
        self.state = HandshakeState.PROVING_ADDRESS
        self.agreement: Agreement | None = None
        self.failure: tuple[CloseCode, str] | None = None

    def receive(self, packet: Retry | ServerRecords | Versions | Refused, now: float) -> None:
        match packet:
            case Retry(_, token):
                self._on_retry(token, now)
            case ServerRecords(_, server_id, records) if self.state is HandshakeState.EXCHANGING:
                self._on_records(server_id, records, now)
            case Versions(_, versions) if VERSION not in versions and self.state is HandshakeState.PROVING_ADDRESS:
                self._on_other_version(max(versions))
            case Refused(_, code):
                self._on_refused(code)
            case _:
                pass

    def _on_retry(self, token: bytes, now: float) -> None:
        if self.state is HandshakeState.PROVING_ADDRESS:
            self._measure(now)
            self.state = HandshakeState.EXCHANGING
            self._token = token
            self._start_flight(self._exchange.advance(b""), now)
        elif self.state is HandshakeState.EXCHANGING and token != self._token:
            # The old one has expired, or the address has changed: the same flight goes out under the new one.
            self._token = token
            self._is_due = True

    def _on_records(self, server_id: bytes, records: bytes, now: float) -> None:
        if self._server_id is None:
            self._server_id = server_id
        elif server_id != self._server_id:
            # Damaged, or of another run: keys agreed under this id would not be the server's.
            return
        try:
            flight = self._exchange.advance(records)
            if self._exchange.is_complete:
                self._complete(server_id, now)
                return
        except (MalformedPacket, IdentityProblem) as problem:
            self._fail(CloseCode.HANDSHAKE_FAILED, f"The handshake failed: {problem}.")
            return
        if flight:
            self._measure(now)
            self._start_flight(flight, now)

    def _complete(self, server_id: bytes, now: float) -> None:
        self._measure(now)
        self.agreement = _agree(
            self._exchange,
            self._client_id,
            server_id,
            is_client=True,
            round_trip_s=self._round_trip_s or self._profile.initial_rtt_s,
            was_lossy=self._repeated,
        )
        self.state = HandshakeState.COMPLETE

    def _on_other_version(self, newest: int) -> None:
        older = "This program is" if newest > VERSION else "The program on the other side is"
        self._fail(
            CloseCode.INCOMPATIBLE_VERSION,
            f"{older} too old: here link version {VERSION} is spoken, there {newest}. Please upgrade it.",
        )

    def _on_refused(self, code: int) -> None:
        if code == CloseCode.BUSY:
            self._fail(CloseCode.BUSY, "The other side accepts no more links at the moment.")
        else:
            self._fail(CloseCode.HANDSHAKE_FAILED, "The other side broke the handshake off.")

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.state = HandshakeState.FAILED
        self.failure = (code, reason)

    def _measure(self, now: float) -> None:
        if self._tries <= 1:
            sample = now - self._sent_at
            self._round_trip_s = min(self._round_trip_s or sample, sample)

    def _start_flight(self, records: list[bytes], now: float) -> None:
        self._flight = records
        self._tries = 0
        self._is_due = True
        self._send_at = now
        if self._round_trip_s is not None:
            self._interval_s = max(_LEAST_INTERVAL_S, 2 * self._round_trip_s)
        # Not measured, because the last flight had to be repeated: the path may be slow, so the interval stays grown.

    def handle_timer(self, now: float) -> None:
        if self.state not in {HandshakeState.PROVING_ADDRESS, HandshakeState.EXCHANGING}:
            return
        if now >= self._expires_at:
            self._fail(CloseCode.UNREACHABLE, "Nobody answers at this address.")
        elif not self._is_due and now >= self._send_at:
            self._repeated = True
            self._is_due = True

    def next_deadline(self) -> float:
        return min(self._send_at, self._expires_at)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        if not self._is_due or self.state in {HandshakeState.COMPLETE, HandshakeState.FAILED}:
            return []
        self._is_due = False
        self._tries += 1
        self._sent_at = now
        self._send_at = now + self._interval_s
        self._interval_s = min(self._interval_s * _BACKOFF, _MOST_INTERVAL_S)
        if self.state is HandshakeState.PROVING_ADDRESS:
            return [encode_preamble(Hello(self._client_id))]
        profile = self._profile
        size = profile.mtu_bytes if self._tries <= _TRIES_AT_FULL_SIZE else profile.floor_mtu_bytes
        records = with_fresh_numbers(self._flight, self._records_sent)
        self._records_sent += len(records)
        packed = _pack_records(records, size - RECORDS_OVERHEAD_BYTES)
        return [encode_preamble(ClientRecords(self._client_id, self._token, records)) for records in packed]


class ServerHandshake:
    __slots__ = (
        "_client_id",
        "_exchange",
        "_expires_at",
        "_flight",
        "_is_due",
        "_profile",
        "_records_sent",
        "_repeats",
        "_sent_at",
        "_server_id",
        "agreement",
        "failure",
        "state",
    )

    def __init__(
        self, client_id: bytes, server_id: bytes, exchange: KeyExchange, profile: LinkProfile, now: float
    ) -> None:
        self._client_id = client_id
        self._server_id = server_id
        self._exchange: KeyExchange | None = exchange
        self._profile = profile
        self._flight: list[bytes] = []
        self._records_sent = 0
        self._repeats = 0
        self._is_due = False
        self._sent_at = now
        self._expires_at = now + profile.handshake_timeout_s
        self.state = HandshakeState.EXCHANGING
        self.agreement: Agreement | None = None
        self.failure: tuple[CloseCode, str] | None = None

    def receive(self, packet: ClientRecords, now: float) -> None:
        if self._exchange is None:
            self._repeat_flight(now)
            return
        try:
            flight = self._exchange.advance(packet.records)
            if self._exchange.is_complete:
                self._complete(self._exchange, now)
        except (MalformedPacket, IdentityProblem) as problem:
            self.state = HandshakeState.FAILED
            self.failure = (CloseCode.HANDSHAKE_FAILED, f"The handshake failed: {problem}.")
            return
        if flight:
            self._flight = flight
            self._repeats = 0
            self._is_due = True
        else:
            self._repeat_flight(now)

    def _complete(self, exchange: KeyExchange, now: float) -> None:
        self.agreement = _agree(
            exchange,
            self._client_id,
            self._server_id,
            is_client=False,
            round_trip_s=now - self._sent_at if not self._repeats else self._profile.initial_rtt_s,
            was_lossy=self._repeats > 0,
        )
        self.state = HandshakeState.COMPLETE
        self._exchange = None

    def _repeat_flight(self, now: float) -> None:
        """The client repeats itself, so our answer was lost; a late twin of its packet is no reason to."""
        if self._flight and now - self._sent_at >= _LEAST_REPEAT_INTERVAL_S:
            self._repeats += 1
            self._is_due = True

    def handle_timer(self, now: float) -> None:
        if self.state is HandshakeState.EXCHANGING and now >= self._expires_at:
            self.state = HandshakeState.FAILED
            self.failure = (CloseCode.UNREACHABLE, "The other side stopped in the middle of the handshake.")

    def next_deadline(self) -> float:
        return self._expires_at

    def datagrams_to_send(self, now: float) -> list[bytes]:
        if not self._is_due:
            return []
        self._is_due = False
        self._sent_at = now
        profile = self._profile
        size = profile.mtu_bytes if self._repeats < _TRIES_AT_FULL_SIZE else profile.floor_mtu_bytes
        records = with_fresh_numbers(self._flight, self._records_sent)
        self._records_sent += len(records)
        packed = _pack_records(records, size - RECORDS_OVERHEAD_BYTES)
        return [encode_preamble(ServerRecords(self._client_id, self._server_id, records)) for records in packed]


Handshake = ClientHandshake | ServerHandshake
StartExchange = Callable[[bool], KeyExchange]
